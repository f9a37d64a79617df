"""The version of hookline that runs."""

from importlib.metadata import version as installed


def version() -> str:
    """The version of the installed distribution."""
    return installed("hookline")
