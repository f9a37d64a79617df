"""HTTP in, event log out."""
