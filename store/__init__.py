"""State that is not a log, in SQLite or PostgreSQL."""
