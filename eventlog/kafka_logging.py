"""aiokafka's own log: it writes a line per retry, ten a second during an outage, and payloads at the level DEBUG."""

import logging
from collections import OrderedDict

EVERY = 10.0
"""Seconds between two lines of one kind."""
KINDS = 500


class Throttle(logging.Filter):
    """Lets a line through when none of its logger and text came within `EVERY` seconds, and says how many did not.

    The time is the line's own. Below INFO nothing passes: there aiokafka prints requests, with what they carry.
    """

    def __init__(self) -> None:
        super().__init__()
        # Kind → when a line passed last, and how many did not since; the oldest kinds are forgotten.
        self._seen: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide about one line."""
        if record.levelno < logging.INFO:
            return False
        kind = (record.name, str(record.msg))
        last, held = self._seen.get(kind, (float("-inf"), 0))
        if record.created - last < EVERY:
            self._seen[kind] = (last, held + 1)
            return False
        self._seen[kind] = (record.created, 0)
        self._seen.move_to_end(kind)
        if len(self._seen) > KINDS:
            self._seen.popitem(last=False)
        if held:
            record.msg = f"{record.getMessage()} ({held} more of this kind since)"
            record.args = ()
        return True


def throttle_client() -> None:
    """Throttle every logger of aiokafka, once: a filter does not see the lines of a logger's children."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "aiokafka"]
    loggers = [logging.getLogger(name) for name in names]
    throttle = next((each for logger in loggers for each in logger.filters if isinstance(each, Throttle)), None)
    for logger in loggers:
        if throttle not in logger.filters:
            throttle = throttle or Throttle()
            logger.addFilter(throttle)
