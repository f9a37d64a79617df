"""Platforms as data: what `[platforms.NAME]` and the presets say, checked and made into a `Platform`."""
