"""Paths of a platform's API, filled with ids from outside. Pure."""

from urllib.parse import quote

from clients.errors import Rejected


def fill(template: str, **ids: str) -> str:
    """Put ids into a path such as `/chat/{bot}/conversations/{id}`, each as exactly one segment.

    Raises:
        Rejected: an id is empty, or a dot segment, which proxies and servers would take for a step upwards.
    """
    quoted = {}
    for name, value in ids.items():
        if value in ("", ".", ".."):
            raise Rejected(f"the {name} id is empty or a dot segment, so it cannot be part of an address")
        try:
            quoted[name] = quote(value, safe="")
        except UnicodeEncodeError:
            raise Rejected(f"the {name} id holds characters that cannot be part of an address") from None
    return template.format_map(quoted)
