"""A source's scheme and secrets, made ready once. Pure."""

from collections.abc import Sequence

from schemas.keys import Key
from schemas.schemes import Scheme
from schemas.signatures import key_of

MAX_SECRETS = 5


class Keyring:
    """What a source's deliveries are verified with. It shows how many secrets it has, never one of them.

    Args:
        scheme: how the sender signs.
        secrets: any of them may match; the newest first.
        path_token: a secret that stands in the path, beside or instead of a signature.
        public_url: what the sender calls, without query; needed where the scheme signs the URL.

    Raises:
        UnusableSecret: a secret is not of the form the scheme wants.
        ValueError: there are too many secrets, none where one is needed, or the URL is missing.
    """

    def __init__(
        self, scheme: Scheme, secrets: Sequence[str], *, path_token: str | None = None, public_url: str | None = None
    ) -> None:
        if len(secrets) > MAX_SECRETS:
            raise ValueError(f"at most {MAX_SECRETS} secrets can be tried, and there are {len(secrets)}")
        if not secrets and (scheme.signs or scheme.mode == "static_token"):
            raise ValueError("a secret is needed")
        if scheme.mode == "path_secret" and path_token is None:
            raise ValueError("a path token is needed")
        if scheme.signs_url and not public_url:
            raise ValueError("public_url is needed: this platform signs the URL it calls")
        self.scheme = scheme
        self.path_token = None if path_token is None else path_token.encode()
        self.public_url = (public_url or "").encode()
        self.secrets = tuple(secret.encode() for secret in secrets)
        self.keys: tuple[Key, ...] = tuple(key_of(scheme, secret) for secret in secrets) if scheme.signs else ()
        self.timestamp_header = _low(scheme.timestamp.header if scheme.timestamp else None)
        self.signature_header = _low(scheme.signature.header if scheme.signature else None)
        self.id_header = _low(scheme.id_header)
        in_header = scheme.token if scheme.token and scheme.token.where == "header" else None
        self.token_header = _low(in_header.name if in_header else None)
        # The headers that may stand in a request only once: of two, two readers might believe different ones.
        names = (self.timestamp_header, self.signature_header, self.id_header, self.token_header, b"content-type")
        self.guarded = tuple(name for name in names if name)

    def __repr__(self) -> str:
        return f"Keyring({self.scheme.mode}, {len(self.secrets)} secrets)"


def _low(header: str | None) -> bytes:
    return b"" if header is None else header.lower().encode()
