"""Canonical events, platform payloads, topics, envelope. No I/O."""
