"""Who is at the keyboard, for whoever asks later who did that."""

import getpass
import platform


def me() -> str:
    """The user and the machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        # a container may run as a number without a name
        user = "somebody"
    return f"{user}@{platform.node()}"
