"""The operator's side: metrics and health on a port of their own, never public."""
