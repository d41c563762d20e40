"""The dashboard: pages for a browser about what the API says as JSON."""
