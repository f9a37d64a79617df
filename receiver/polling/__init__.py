"""Asking platforms for what they do not post: polled sources, and gaps of the others."""
