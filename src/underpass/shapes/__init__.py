"""What results looked like: their types and keys, never their values."""
