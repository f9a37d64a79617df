"""How a command fails: exit status 1 when it failed, 2 when it was used wrongly or misconfigured."""


class CommandFailed(Exception):
    """The command could not do its work; the text says what happened, why, and what to do next."""

    exit_status = 1


class Misconfigured(CommandFailed):
    """The configuration, or the way the command was called, cannot work."""

    exit_status = 2
