"""The version of hookline that runs."""


def version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import version as installed  # noqa: PLC0415 - it is slow, and hardly any command needs it

    return installed("hookline")
