"""The commands and the composition root: settings, wiring, logging."""
