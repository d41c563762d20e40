"""The HTTP API: routes that are declared once, for the requests and for their description."""
