"""Signing keys: a secret as a person copied it from a dashboard, made into something that signs and compares.

A key signs or checks *parts*, byte strings that are hashed one after another, so that a body is never copied only to
put a timestamp before it. Nothing here prints a secret: keys show their kind only.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding as KeyEncoding
from cryptography.hazmat.primitives.serialization import PublicFormat

Algorithm = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]
KeyFormat = Literal["raw", "base64", "whsec"]

Parts = Sequence[bytes]

# An Ed25519 seed; some libraries write the public key behind it, which makes 64 bytes.
_SEED = 32
_SIGNATURE = 64


class UnusableSecret(ValueError):
    """A secret is not of the form its scheme wants; the text never has the secret in it."""


class Key(Protocol):
    """One secret of a source, ready to use."""

    # True where signatures of this key stand under their own prefix (`v1a,` of Standard Webhooks).
    asymmetric: bool

    def sign(self, parts: Parts) -> bytes:
        """The encoded signature of the parts.

        Raises:
            UnusableSecret: this key can only check signatures.
        """

    def matches(self, parts: Parts, candidate: bytes) -> bool:
        """Whether an encoded signature is right, in time that tells nothing about where it differs."""

    def fits(self, candidate: bytes) -> bool:
        """Whether something looks like a signature of this kind of key: its alphabet and length, nothing else."""


class HmacKey:
    """HMAC with a shared secret."""

    asymmetric = False

    def __init__(self, secret: bytes, algorithm: Algorithm, encoding: Encoding) -> None:
        # Keyed once: a copy saves hashing the padded key twice per delivery.
        self._keyed = hmac.new(secret, digestmod=algorithm)
        self._encoding = encoding

    def sign(self, parts: Parts) -> bytes:
        """The encoded MAC of the parts."""
        mac = self._keyed.copy()
        for part in parts:
            mac.update(part)
        return _encoded(mac.digest(), self._encoding)

    def matches(self, parts: Parts, candidate: bytes) -> bool:
        """Whether the candidate is the MAC of the parts."""
        return hmac.compare_digest(self.sign(parts), _folded(candidate, self._encoding))

    def fits(self, candidate: bytes) -> bool:
        """Whether the candidate is as long as a MAC, and encoded as one."""
        return _size(candidate, self._encoding) == self._keyed.digest_size


class HashKey:
    """A plain hash of text that has the secret in it (HubSpot v1); the template puts the secret in its place."""

    asymmetric = False

    def __init__(self, algorithm: Algorithm, encoding: Encoding) -> None:
        self._algorithm = algorithm
        self._encoding = encoding

    def sign(self, parts: Parts) -> bytes:
        """The encoded hash of the parts."""
        digest = hashlib.new(self._algorithm)
        for part in parts:
            digest.update(part)
        return _encoded(digest.digest(), self._encoding)

    def matches(self, parts: Parts, candidate: bytes) -> bool:
        """Whether the candidate is the hash of the parts."""
        return hmac.compare_digest(self.sign(parts), _folded(candidate, self._encoding))

    def fits(self, candidate: bytes) -> bool:
        """Whether the candidate is as long as a hash, and encoded as one."""
        return _size(candidate, self._encoding) == hashlib.new(self._algorithm).digest_size


class PublicKey:
    """An Ed25519 public key (`whpk_…`): checks, cannot sign."""

    asymmetric = True

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public

    def sign(self, parts: Parts) -> bytes:
        """Refuse: only the sender has the private key."""
        del parts
        raise UnusableSecret("a public key (whpk_) cannot sign; give the private one (whsk_) to sign test events")

    def matches(self, parts: Parts, candidate: bytes) -> bool:
        """Whether the candidate is a signature of the parts by the private half."""
        try:
            self._public.verify(base64.b64decode(candidate, validate=True), b"".join(parts))
        except (InvalidSignature, ValueError):
            return False
        return True

    def fits(self, candidate: bytes) -> bool:
        """Whether the candidate is base64 of as many bytes as a signature has."""
        return _size(candidate, "base64") == _SIGNATURE


class PrivateKey:
    """An Ed25519 private key (`whsk_…`): signs, and checks by its public half."""

    asymmetric = True

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._public = PublicKey(private.public_key())

    def sign(self, parts: Parts) -> bytes:
        """The base64 signature of the parts."""
        return base64.b64encode(self._private.sign(b"".join(parts)))

    def matches(self, parts: Parts, candidate: bytes) -> bool:
        """Whether the candidate is a signature of the parts by this key."""
        return self._public.matches(parts, candidate)

    def fits(self, candidate: bytes) -> bool:
        """Whether the candidate is base64 of as many bytes as a signature has."""
        return self._public.fits(candidate)

    def public(self) -> str:
        """The public half as Standard Webhooks writes it, `whpk_…`."""
        raw = self._private.public_key().public_bytes(KeyEncoding.Raw, PublicFormat.Raw)
        return f"whpk_{base64.b64encode(raw).decode()}"


def secret_bytes(secret: str, key_format: KeyFormat) -> bytes:
    """The bytes a shared secret stands for.

    Raises:
        UnusableSecret: it is not base64 where it must be, or empty.
    """
    value = secret.encode() if key_format == "raw" else _decoded(secret.removeprefix("whsec_"))
    if not value:
        raise UnusableSecret("the secret is empty")
    return value


def standard_key(secret: str, algorithm: Algorithm, encoding: Encoding) -> Key:
    """The key of a secret as Standard Webhooks writes it: `whsec_` shared, `whpk_` public, `whsk_` private.

    Raises:
        UnusableSecret: the part after the prefix is not base64 of the right length.
    """
    if secret.startswith(("whpk_", "whsk_")):
        raw = _decoded(secret[5:])
        if secret.startswith("whpk_") and len(raw) == _SEED:
            return PublicKey(Ed25519PublicKey.from_public_bytes(raw))
        if secret.startswith("whsk_") and len(raw) in (_SEED, 2 * _SEED):
            return PrivateKey(Ed25519PrivateKey.from_private_bytes(raw[:_SEED]))
        raise UnusableSecret(f"a key that starts with {secret[:5]} must be base64 of an Ed25519 key (32 bytes)")
    return HmacKey(secret_bytes(secret, "whsec"), algorithm, encoding)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise UnusableSecret("the secret is not base64") from None


def _encoded(digest: bytes, encoding: Encoding) -> bytes:
    return digest.hex().encode() if encoding == "hex" else base64.b64encode(digest)


def _size(candidate: bytes, encoding: Encoding) -> int | None:
    """How many bytes are encoded; None for what is not encoded so."""
    try:
        return len(binascii.unhexlify(candidate) if encoding == "hex" else base64.b64decode(candidate, validate=True))
    except ValueError:
        return None


def _folded(candidate: bytes, encoding: Encoding) -> bytes:
    # Hexadecimal is the same number in capitals; base64 is not.
    return candidate.lower() if encoding == "hex" else candidate
