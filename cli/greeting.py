"""What `hookline dev` says when it has started: where everything is, and what to do next."""

import shlex
from collections.abc import Collection, Sequence

from cli import demo, invocation
from cli.base import Installation
from cli.dev_settings import SECTIONS, by_variable, public_url
from cli.following import shown
from cli.overlay import PREFIX, SEPARATOR
from cli.roles import Roles, Serving
from cli.screen import Screen
from cli.settings import Reading, is_polled, read


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
    for name, source in here.settings.sources.items():
        where = f"{running.receiver_url}/in/{name}" if name in posting else "asked, it posts nothing"
        screen.say(f"  source     {where}  ({source.platform})")
    entries = [entry.name for entry in running.plugins.plan.entries] if running.plugins else []
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
    if here.places.config is None:
        screen.say(f"  secret     {demo.kept_secret(here.data)}")
    for problem in running.plugins.problems if running.plugins else ():
        screen.say(f"  broken     {problem}", "red")
    _invite(shlex.join(invocation.again(here.places)), posting, screen)


def _invite(words: str, posting: Sequence[str], screen: Screen) -> None:
    """Name what to do next, `words` being how hookline is called here."""
    screen.say("")
    screen.say("In a second terminal, send an event yourself, and look at the records:", "dim")
    for first in posting[:1]:
        screen.say(f"  {words} send {first} message.created")
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
