"""Append, read, commit: Kafka or one SQLite file behind one interface."""
