"""The partition of a key: murmur2 as Kafka's Java client computes it, so that all producers and both logs agree."""

import struct
from functools import lru_cache

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF
_SEED = 0x9747B28C


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among so many."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Austin Appleby's MurmurHash2 with the seed of `org.apache.kafka.common.utils.Utils.murmur2`. Unsigned 32 bits."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    whole = length & ~3
    for (k,) in struct.iter_unpack("<I", data[:whole]):
        mixed = (k * _M) & _MASK
        mixed ^= mixed >> 24
        h = ((h * _M) & _MASK) ^ ((mixed * _M) & _MASK)
    if rest := data[whole:]:
        h = ((h ^ int.from_bytes(rest, "little")) * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)
