"""Handlers as a plugin author writes them: they import `hookline` and nothing else of ours."""
