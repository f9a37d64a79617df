"""The platforms on localhost."""
