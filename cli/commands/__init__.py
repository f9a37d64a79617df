"""One module a command; `COMMANDS` is what `hookline --help` lists, in this order."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Command(NamedTuple):
    """A command, imported when it is called: `--help` must wait for none, nor `tail` for the simulator."""

    # module:name of a function, or of a Typer of commands.
    target: str
    # What `hookline --help` says of it, short enough for a terminal.
    summary: str
    # Whether it is about the roles that run here, such as a `hookline dev`; else about the configuration.
    follows: bool = False
    # Whether it is about the configuration although a `hookline dev` may run here, which is told then.
    ignores_dev: bool = False


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "dev": Command(
            "cli.commands.dev:dev",
            "Run everything in one process, with simulated platforms.",
        ),
        "run": Command("cli.commands.roles:run", "Run all roles in one process, for production on one machine."),
        "receive": Command("cli.commands.roles:receive", "Receive webhooks and keep them in the event log."),
        "work": Command("cli.commands.roles:work", "Run the handlers on what the event log holds."),
        "poll": Command(
            "cli.commands.poll:poll",
            "Ask platforms that post nothing for news; find what webhooks missed.",
            follows=True,
        ),
        "simulate": Command(
            "cli.commands.simulate:simulate",
            "Serve the platforms' documented APIs on this machine.",
        ),
        "check": Command("cli.commands.check:check", "Check the configuration; nothing is connected."),
        "doctor": Command(
            "cli.commands.doctor:doctor", "Look at everything hookline needs, and say what to do.", ignores_dev=True
        ),
        "migrate": Command("cli.commands.migrate:migrate", "Bring the state store's tables up to date."),
        "backup": Command("cli.commands.backup:backup", "Copy the SQLite files, while roles run.", ignores_dev=True),
        "send": Command(
            "cli.commands.send:send", "Post a signed test event to a source, as its platform would.", follows=True
        ),
        "tail": Command("cli.commands.tail:tail", "Show the records of the topics.", follows=True),
        "events": Command(
            "cli.commands.events:app", "List events, or show what happened to one of them.", follows=True
        ),
        "explain": Command("cli.commands.explain:explain", "Say why a request was refused.", follows=True),
        "topics": Command("cli.commands.topics:app", "Plan and create the topics in the event log.", ignores_dev=True),
        "dead": Command(
            "cli.commands.dead:app", "List, show, replay or discard what no handler could do.", follows=True
        ),
        "replay": Command("cli.commands.replay:app", "Give many events to an entry again.", follows=True),
        "handlers": Command(
            "cli.commands.handlers:app", "List, pause, resume, rename, rewind or forget handlers.", follows=True
        ),
        "new": Command("cli.commands.new:app", "Write a new handler, with its test."),
        "schemas": Command("cli.commands.schemas:app", "Write the published contract: the JSON Schemas."),
    }
)
