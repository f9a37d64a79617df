"""The platforms' HTTP APIs, typed."""
