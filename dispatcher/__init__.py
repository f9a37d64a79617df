"""Event log in, handlers out."""
