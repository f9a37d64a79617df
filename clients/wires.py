"""The wires of an account: one for each of its addresses, with one key and one limit for all of them."""

from collections.abc import Mapping
from datetime import timedelta

from clients.answers import Complain
from clients.http import Edges, Wire
from clients.limits import Limiter, Rate
from clients.sections import AccountSection


def wires(
    name: str,
    platform: str,
    settings: AccountSection,
    *more: str,
    rates: Mapping[str, Rate],
    max_wait: timedelta,
    complain: Complain,
    edges: Edges,
    header: str | None = None,
) -> list[Wire]:
    """Make them; nothing is connected.

    Args:
        name: the account's.
        platform: the platform's.
        settings: the account's section; its `base_url` is the first address.
        more: further addresses.
        rates: how often each class of endpoints may be called.
        max_wait: longer waits for a free slot are not waited.
        complain: reads what the platform says of a failure.
        edges: clock, resolver and hooks.
        header: what the key is sent in, alone; by default `Authorization`, as a bearer.
    """
    key = settings.api_key.get_secret_value()
    auth = {"Authorization": f"Bearer {key}"} if header is None else {header: key}
    limiter = Limiter(rates, max_wait=max_wait.total_seconds(), clock=edges.clock, what=f"{name} ({platform})")
    sections = [settings, *(settings.model_copy(update={"base_url": base}) for base in more)]
    return [Wire(name, platform, each, auth=auth, complain=complain, limiter=limiter, edges=edges) for each in sections]
