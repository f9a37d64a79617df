"""What `hookline dev` says when it has started: where everything is, and what to do next."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from cli import demo, invocation
from cli.base import Installation
from cli.dev_settings import SECTIONS, by_variable, public_url
from cli.following import shown
from cli.overlay import PREFIX, SEPARATOR
from cli.roles import Roles, Serving
from cli.screen import Screen
from cli.settings import Reading, Settings, is_polled, read
from receiver.settings import SourceSettings

FIRST: Mapping[str, str] = MappingProxyType(
    {
        "mygptassistants": "message.created",
        "gptbots": "reply",
        "yourgpt": "message:received",
        "standard": "user.created",
    }
)
"""An event of each platform to begin with, by the platform's own name."""


def greet(here: Installation, roles: Roles, running: Serving, screen: Screen, moved: Collection[str] = ()) -> None:
    """Say it.

    Args:
        here: the installation.
        roles: what runs.
        running: as it runs.
        screen: where to say it.
        moved: the options whose ports were taken, so that others were chosen.
    """
    other = dict.fromkeys(moved, "  (the usual port is taken)")
    screen.say("hookline dev", "bold")
    posting = [name for name, one in here.settings.sources.items() if not is_polled(one.platform, here.settings)]
    is_demo = here.places.config is None
    for name, source in here.settings.sources.items():
        path = f"{name}{_token(source, shown=is_demo)}"
        where = f"{running.receiver_url}/in/{path}" if name in posting else "asked, it posts nothing"
        screen.say(f"  source     {where}  ({source.platform})")
    planned = running.plugins.plan.entries if running.plugins else ()
    entries = [entry.name for entry in planned if roles.runs(entry.name)]
    screen.fit((*here.settings.sources, *entries))
    screen.say(f"  handlers   {', '.join(entries) or 'none'}")
    screen.say(
        f"  platforms  {roles.simulator}, simulated; every account is sent there{other.get('--simulator-port', '')}"
    )
    found = read(here.places)
    for line in kept(here, found):
        screen.say(f"  {line}")
    if made_up := sorted(
        {text.partition(":")[2] for (section, *_), text in found.made_up.items() if section not in SECTIONS}
    ):
        screen.say(f"  made up    {', '.join(made_up)}: not set, and nothing real is called")
    screen.say(f"  admin      {running.admin.url if running.admin else ''}/metrics{other.get('--admin-port', '')}")
    if is_demo:
        signed = [name for name, source in here.settings.sources.items() if source.secrets]
        screen.say(f"  secret     {demo.kept_secret(here.data)}  (signs for {', '.join(signed)})")
    for problem in running.plugins.problems if running.plugins else ():
        screen.say(f"  broken     {problem}", "red")
    _invite(shlex.join(invocation.again(here.places)), invitations(here.settings, posting), screen)


def _token(source: SourceSettings, *, shown: bool) -> str:
    """What stands in the path behind the source's name; the demo's own is no secret worth keeping."""
    if source.token is None:
        return ""
    return f"/{source.token.get_secret_value()}" if shown else "/TOKEN"


def invitations(settings: Settings, posting: Sequence[str]) -> list[str]:
    """What stands behind `hookline send` for an event of each source that has examples."""
    platforms = {name: settings.sources[name].platform for name in posting}
    return [f"{name} {FIRST[platform]}" for name, platform in platforms.items() if platform in FIRST]


def _invite(words: str, sends: Sequence[str], screen: Screen) -> None:
    """Name what to do next, `words` being how hookline is called here."""
    screen.say("")
    screen.say("In a second terminal, send an event yourself; the answer tells how to look at it:", "dim")
    for one in sends:
        screen.say(f"  {words} send {one}")
    screen.say(f"  {words} tail")
    screen.say("")


def kept(here: Installation, found: Reading) -> list[str]:
    """Where events and state are, and why there, if the configuration says otherwise."""
    lines = []
    for section, title, file in (*zip(SECTIONS, ("event log", "store    "), ("events.db", "state.db"), strict=True),):
        used = public_url(getattr(here.settings, section).url)
        wanted = None if (section, "url") in found.made_up else public_url(getattr(found.settings, section).url)
        if used is not None:
            variable = f"{PREFIX}{section}{SEPARATOR}url".upper()
            why = variable if by_variable(section, here.places.environ) else "--configured"
            lines.append(f"{title}  {used}  ({why})")
        elif wanted is not None:
            lines.append(f"{title}  {shown(here.data / file)}, not {wanted} (--configured uses that)")
        elif section == "eventlog":
            lines.append(f"{title}  {shown(here.data / file)}")
    return lines
