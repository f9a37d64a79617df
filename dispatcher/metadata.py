"""What rides in a commit beside the offset: what is settled above the watermark, and whose store this work belongs to.

    "w1:" + base85( kind, store id (16 bytes), varint base, varint high - base, data )

`data` is either the gaps between unfinished offsets as varints, or a bitset with a 1 for each unfinished offset, zlib
over it when that is smaller. Kafka keeps 4,096 characters (`offset.metadata.max.bytes`); the worst bitset over 20,000
offsets takes 3,167. No record's content is ever in it.
"""

import binascii
import zlib
from base64 import b85decode, b85encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from dispatcher.tracker import Finished, Progress

MAX_SPAN = 20_000
"""Offsets between the watermark and the highest settled record that one commit can describe at worst."""
MAX_CHARACTERS = 4_096
"""Kafka's default `offset.metadata.max.bytes`, which counts characters."""

_VERSION = "w1:"
_GAPS, _BITS, _ZIPPED = 0, 1, 2
# Offsets are below 2**63: nine groups of seven bits.
_MAX_VARINT = 9
_SEVEN_BITS = 0x7F
# A commit is a stranger's text until it has been read: nothing is unzipped further.
_MAX_UNZIPPED = 2 * MAX_SPAN


@dataclass(frozen=True, slots=True)
class Metadata:
    """The meaning of a commit's metadata."""

    # The id of the store that holds this handler's timers and effects.
    store: str
    finished: Finished


def encode(progress: Progress, store: str) -> str:
    """Pack what a commit has to say, within `MAX_CHARACTERS`.

    Where the settled offsets reach further than can be described, the ones farthest ahead are left out: they would be
    handled again after a restart, none would be lost.

    Args:
        progress: the partition's progress.
        store: the store's id, a UUID.
    """
    base = progress.watermark
    high, unfinished = progress.finished.high, progress.finished.unfinished
    text = _pack(base, high, unfinished, store)
    if len(text) <= MAX_CHARACTERS:
        return text
    high = min(high, base + MAX_SPAN)
    return _pack(base, high, [offset for offset in unfinished if offset < high], store)


def decode(text: str, committed: int) -> Metadata | None:
    """Read a commit's metadata; None if it is not ours, not of a version we know, or belongs to another offset.

    A tool that moves a group's position leaves empty or stale metadata behind: it counts only when its base is the
    committed offset. Nothing in it raises.
    """
    if not text.startswith(_VERSION) or len(text) > MAX_CHARACTERS:
        return None
    try:
        packed = b85decode(text.removeprefix(_VERSION))
        kind, store = packed[0], str(UUID(bytes=packed[1:17]))
        base, at = _varint(packed, 17)
        span, at = _varint(packed, at)
        if base != committed or kind > _BITS | _ZIPPED:
            return None
        data = _unzip(packed[at:]) if kind & _ZIPPED else packed[at:]
        offsets = _read_bits(data, base, span) if kind & _BITS else _read_gaps(data, base, span)
    except (ValueError, IndexError, zlib.error, binascii.Error):
        return None
    return Metadata(store, Finished(base + span, offsets))


def _pack(base: int, high: int, unfinished: Sequence[int], store: str) -> str:
    kind, data = min(_candidates(base, high, unfinished), key=lambda candidate: len(candidate[1]))
    head = bytes([kind]) + UUID(store).bytes + _number(base) + _number(high - base)
    return _VERSION + b85encode(head + data).decode("ascii")


def _candidates(base: int, high: int, unfinished: Sequence[int]) -> Iterable[tuple[int, bytes]]:
    gaps = _gaps(base, unfinished)
    yield _GAPS, gaps
    if len(gaps) <= _MAX_UNZIPPED:
        yield _GAPS | _ZIPPED, zlib.compress(gaps)
    if high - base <= MAX_SPAN:
        bits = _bits(base, high, unfinished)
        yield _BITS, bits
        yield _BITS | _ZIPPED, zlib.compress(bits)


def _gaps(base: int, unfinished: Iterable[int]) -> bytes:
    packed, last = bytearray(), base
    for offset in unfinished:
        packed += _number(offset - last)
        last = offset
    return bytes(packed)


def _read_gaps(data: bytes, base: int, span: int) -> tuple[int, ...]:
    offsets: list[int] = []
    at, last = 0, base
    while at < len(data):
        gap, at = _varint(data, at)
        last += gap
        if last >= base + span or (offsets and gap == 0):
            raise ValueError("an unfinished offset lies outside the span")
        offsets.append(last)
    return tuple(offsets)


def _bits(base: int, high: int, unfinished: Iterable[int]) -> bytes:
    bits = bytearray((high - base + 7) // 8)
    for offset in unfinished:
        bits[(offset - base) >> 3] |= 1 << ((offset - base) & 7)
    return bytes(bits)


def _read_bits(data: bytes, base: int, span: int) -> tuple[int, ...]:
    if len(data) != (span + 7) // 8:
        raise ValueError("the bitset does not cover the span")
    return tuple(base + i for i in range(span) if data[i >> 3] >> (i & 7) & 1)


def _number(value: int) -> bytes:
    packed = bytearray()
    while value > _SEVEN_BITS:
        packed.append(value & _SEVEN_BITS | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_MAX_VARINT):
        byte = data[at + place]
        value |= (byte & _SEVEN_BITS) << (7 * place)
        if not byte & 0x80:
            return value, at + place + 1
    raise ValueError("a number is longer than any offset")


def _unzip(data: bytes) -> bytes:
    unzip = zlib.decompressobj()
    plain = unzip.decompress(data, _MAX_UNZIPPED)
    if not unzip.eof:
        raise ValueError("the zipped part is cut or too large")
    return plain
