"""One module a command; `COMMANDS` is what `hookline --help` lists, in this order."""

from collections.abc import Mapping
from types import MappingProxyType

# Imported when they are called: `hookline tail` must not wait for the simulator, nor `--version` for anything.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "dev": "cli.commands.dev:dev",
        "run": "cli.commands.roles:run",
        "receive": "cli.commands.roles:receive",
        "work": "cli.commands.roles:work",
        "simulate": "cli.commands.simulate:simulate",
        "check": "cli.commands.check:check",
        "doctor": "cli.commands.doctor:doctor",
        "migrate": "cli.commands.migrate:migrate",
        "send": "cli.commands.send:send",
        "tail": "cli.commands.tail:tail",
        "topics": "cli.commands.topics:app",
        "dead": "cli.commands.dead:app",
        "handlers": "cli.commands.handlers:app",
        "new": "cli.commands.new:app",
        "schemas": "cli.commands.schemas:app",
    }
)
