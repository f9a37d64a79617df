"""Sources from their settings: every mistake is found before the first request, and told without its value."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from receiver.errors import SourceMisconfigured
from receiver.handshakes import EMPTY
from receiver.keyring import MAX_SECRETS, Keyring
from receiver.recipes.catalogue import Catalogue
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.platform import Platform
from receiver.sources.source import Source
from schemas.keys import UnusableSecret, secret_bytes
from schemas.schemes import Scheme
from schemas.signatures import key_of

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
MIN_SECRET = 16
_PLACEHOLDERS = ("changeme", "change-me", "change_me", "replace-me", "your-secret", "your_secret", "placeholder")

# The topics take records of twice the body limit plus 64 KiB (`topics apply`); what is not the value needs far less.
_RECORD_SLACK = 32 * 1024


def open_sources(
    settings: Mapping[str, SourceSettings],
    receiver: ReceiverSettings,
    platforms: Mapping[str, Platform] | None = None,
) -> Mapping[str, Source]:
    """The sources of a configuration, by name.

    Args:
        settings: `[sources]`, secrets resolved.
        receiver: `[receiver]`, for what a source does not say itself.
        platforms: those there are; by default those that come with hookline.

    Raises:
        SourceMisconfigured: one or more cannot be opened; the error has a sentence for each problem.
    """
    platforms = Catalogue() if platforms is None else platforms
    problems = [problem for name, one in settings.items() for problem in _problems(name, one, platforms)]
    if problems:
        raise SourceMisconfigured(tuple(problems))
    return MappingProxyType(
        {name: _source(name, one, receiver, platforms[one.platform]) for name, one in settings.items()}
    )


def record_limit(body_limit: int) -> int:
    """How large a record may be, in bytes, for bodies of this limit."""
    return 2 * body_limit + _RECORD_SLACK


def _problems(name: str, settings: SourceSettings, platforms: Mapping[str, Platform]) -> Iterator[str]:
    where = f"sources.{name}"
    if not _NAME.fullmatch(name):
        yield f"{where}: a source's name is 1 to 63 lower-case letters, digits, - and _, and starts with none of - _"
    platform = platforms.get(settings.platform)
    if platform is None:
        near = difflib.get_close_matches(settings.platform, platforms, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(sorted(platforms))}"
        yield f"{where}.platform: there is no platform of this name; {hint}"
        return
    if platform.scheme.mode in ("path_secret", "none") and settings.secrets:
        yield f'{where}.secrets: {platform.name} signs nothing; put the secret into the path, as token = "env:NAME"'
    if (settings.status or platform.status) in EMPTY and (settings.answer or platform.answer):
        yield f'{where}.status: an answer with it has no body; set another status, or answer = ""'
    problems = _polled_problems(settings) if platform.polled else _secret_problems(settings, platform.scheme)
    yield from (f"{where}.{problem}" for problem in problems)


def _polled_problems(settings: SourceSettings) -> Iterator[str]:
    for name in ("secrets", "token", "verify"):
        if getattr(settings, name):
            yield f"{name}: this platform posts nothing, so nothing is verified; remove it. `hookline poll` asks it"


def _secret_problems(settings: SourceSettings, scheme: Scheme) -> Iterator[str]:
    secrets = [secret.get_secret_value() for secret in settings.secrets]
    token = None if settings.token is None else settings.token.get_secret_value()
    if settings.verify == "none" and secrets:
        yield 'verify: "none" verifies nothing, but there are secrets; remove one of the two'
    if settings.verify is None and token is None and not secrets:
        yield (
            'secrets: a source needs a secret, as secrets = ["env:NAME"]; or a token in its path, as token = '
            '"env:NAME"; or verify = "none", if anybody may post here'
        )
    if len(secrets) > MAX_SECRETS:
        yield f"secrets: at most {MAX_SECRETS} are tried, and there are {len(secrets)}; remove the oldest"
    for place, secret in enumerate(secrets):
        if problem := _weakness(secret, scheme):
            yield f"secrets[{place}]: {problem}"
    if token is not None:
        if problem := _weakness(token, None):
            yield f"token: {problem}"
        elif not _TOKEN.fullmatch(token):
            yield "token: it stands in a path, so use only letters, digits and . _ ~ -"
    if scheme.signs_url and secrets and settings.public_url is None:
        yield "public_url: this platform signs the URL it calls: say which one that is"


def _weakness(secret: str, scheme: Scheme | None) -> str | None:
    """Why a secret is none; the answer never has the secret in it."""
    if not secret.strip():
        return "it is empty; check the variable or file it is read from"
    if any(word in secret.lower() for word in _PLACEHOLDERS):
        return "it is a placeholder; copy the secret from the platform"
    if len(secret) < MIN_SECRET:
        return f"it is shorter than {MIN_SECRET} characters; use one of at least {MIN_SECRET} random ones"
    # A token has fewer letters yet.
    return None if scheme is None else (_misformed(secret, scheme) if scheme.signs else None) or _blank(secret)


def _blank(secret: str) -> str | None:
    """Why a secret was pasted wrongly. Blanks within are a passphrase's; around it they belong to whoever pasted it."""
    if secret == secret.strip() and all(char == " " or (char.isprintable() and not char.isspace()) for char in secret):
        return None
    return (
        "it has a blank around it, or a line break or a control character in it, and every delivery would be answered "
        "401; set it again without, in a list if these are several"
    )


def _misformed(secret: str, scheme: Scheme) -> str | None:
    """Why a secret is not of the form its scheme wants."""
    if scheme.key_format == "whsec" and secret.startswith("whsk_"):
        return "it is a private key (whsk_), which only the sender should have; use the public one (whpk_)"
    try:
        key_of(scheme, secret)
        if not secret.startswith("whpk_") and len(secret_bytes(secret, scheme.key_format)) < MIN_SECRET:
            return f"it holds fewer than {MIN_SECRET} bytes; use one of at least {MIN_SECRET} random ones"
    except UnusableSecret as error:
        return str(error)
    return None


def _source(name: str, settings: SourceSettings, receiver: ReceiverSettings, platform: Platform) -> Source:
    body_limit = settings.body_limit or receiver.body_limit
    status = settings.status or platform.status
    secrets = [secret.get_secret_value() for secret in settings.secrets]
    return Source(
        name=name,
        platform=platform,
        ring=_ring(settings, secrets, platform.scheme),
        account=settings.account or name,
        body_limit=body_limit,
        record_limit=record_limit(body_limit),
        rate=settings.rate,
        on_invalid=settings.on_invalid or platform.on_invalid,
        dedupe_window=settings.dedupe_window,
        hashed_window=settings.hashed_window,
        ack_budget=settings.ack_budget,
        status=status,
        word=None if settings.verify_token is None else settings.verify_token.get_secret_value().encode(),
        answer=b"" if status in EMPTY else settings.answer.encode() if settings.answer is not None else platform.answer,
        confirm=platform.confirm if settings.confirm is None else settings.confirm,
        poll=settings.poll,
        deliveries=settings.deliveries,
    )


def _ring(settings: SourceSettings, secrets: Sequence[str], scheme: Scheme) -> Keyring:
    token = None if settings.token is None else settings.token.get_secret_value()
    if not secrets:
        # A token in the path, or the explicit word that nothing is verified, stands for the platform's signature.
        scheme = Scheme(mode="none" if token is None else "path_secret")
    return Keyring(scheme, secrets, path_token=token, public_url=settings.public_url)
