"""What can be found out about a refused request, and what an operator does then. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that was found out. It holds no secret, and nothing of a body."""

    # One of `KINDS`.
    kind: str
    # What stands in this very request, or is not there.
    text: str


class Kind(NamedTuple):
    """What kind of hint it is."""

    means: str
    do: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "path": Kind(
            "nothing receives at this path", "give the sender `/in/`, the source's name and its token, if any"
        ),
        "unknown-source": Kind("no source has this name", "mend the URL at the sender, or add the source"),
        "more-path": Kind(
            "more stands behind the source's name than its platform appends",
            "mend the URL at the sender; a secret in the path is the source's `token`",
        ),
        "method": Kind("the method is none of the source's", "have the sender post; monitors ask for `/livez`"),
        "polled": Kind("the platform posts nothing", "remove the webhook: `hookline poll` asks for the news"),
        "handshake": Kind(
            "a trial of the address by GET without the agreed word",
            "compare `verify_token` of the source with the word at the platform",
        ),
        "size": Kind("the body is over the limit", "raise `body_limit` of the source, if the sender is to be believed"),
        "encoding": Kind(
            "the body is compressed or framed in a way that is not spoken", "switch that off at the sender"
        ),
        "media-type": Kind("the source does not speak this content type", "compare `platform` of the source"),
        "unreadable": Kind(
            "it is authentic, and not what the platform documents",
            "look at it in the quarantine; `on_invalid` of the source decides how the sender is answered",
        ),
        "header-missing": Kind(
            "a header that proves who sends is not there",
            "switch signing on at the sender; look whether a proxy drops headers",
        ),
        "header-repeated": Kind("a header that matters stands there twice", "look for a proxy that adds it once more"),
        "other-platform": Kind("another platform signs so", "compare `platform` of the source with who sends"),
        "form": Kind("the signature is not written as the platform writes it", "compare `platform` with who sends"),
        "right-but-form": Kind(
            "the signature is right, and only written in another way",
            "say so in a recipe of your own: `like` the preset, with another `verify.signature` or `encoding`",
        ),
        "clock": Kind("the signed time is outside the window", "set both clocks by NTP; an old delivery is a replay"),
        "time-unit": Kind("the signed time is in another unit", "say `timestamp.format` in a recipe of your own"),
        "time-form": Kind(
            "the signed time is missing, or is no time", "compare `platform` of the source with who sends"
        ),
        "id-form": Kind(
            "the signed id is missing, or cannot be one", "compare `platform` of the source with who sends"
        ),
        "older-secret": Kind("the secret that matches is not the newest", "change it at the sender, too"),
        "body-changed": Kind(
            "the signature is right for the same content in other bytes",
            "find the proxy or framework that writes the body anew: what is signed are the bytes",
        ),
        "not-covered": Kind(
            "the signature does not cover the body as it came", "look what changes the body on its way"
        ),
        "key-form": Kind(
            "the signature is right if the secret is read in another way",
            "copy the secret again as the platform shows it; or say `key_format` in a recipe of your own",
        ),
        "algorithm": Kind("the signature is right by another hash", "say `algorithm` in a recipe of your own"),
        "template": Kind("the signature is right for other parts of the request", "compare `platform` with who sends"),
        "url": Kind(
            "the signature is right for another URL", "set `public_url` of the source to what the sender calls"
        ),
        "other-source": Kind("it is right for another source", "mend the URL at the sender, or exchange the secrets"),
        "secret": Kind(
            "nothing that was tried fits: no secret of ours made it",
            "copy the secret of the sender's page once more; or somebody tries who has none",
        ),
        "token": Kind("the static token is not the source's", "compare the secret on both sides"),
        "path-token": Kind("the token in the path is not the source's", "mend the URL at the sender"),
        "untried": Kind(
            "it was not looked into: too many were refused just then, or it is too large",
            "ask for another one: of each source one a second is looked into",
        ),
    }
)
"""Kind → what it means, and what to do."""
