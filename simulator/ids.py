"""Ids as the platforms write them, from the injected random source."""

from random import Random


class Ids:
    """Makes ids such as `conv_5f2c91d07be4a613`; equal seeds give equal ids."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def new(self, prefix: str) -> str:
        """Return `prefix`, an underscore and 16 hex digits."""
        return f"{prefix}_{self._random.getrandbits(64):016x}"

    def hexadecimal(self, digits: int) -> str:
        """Return hex digits alone, as database keys are written."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"
