"""Log lines of libraries: one structured line each, without a traceback and without what an error's text may hold."""

import logging
import re
from typing import Final

import structlog

log = structlog.get_logger()

# Logger → how its texts begin that tell of nothing to do: what matters of it is told by an event of ours.
_NOISE: Final = {
    # an absent broker is `log.lost`, a rebalance `partitions.revoked`, a refused commit `commit.refused`
    "aiokafka": re.compile(
        "Unable (to )?(connect|update|request|refresh)|Failed to (refresh|fetch|look)|Failed fetch|Connect attempt"
        "|Heartbeat|Group Coordinator|Marking the coordinator|Topic .* (is )?not |Could not |Got error|Error sending"
        "|OffsetCommit|Join group|Leave group|SyncGroup|Rebalance|Fetch offset|Coordinator"
    ),
    "asyncio": re.compile("socket.send\\(\\) raised|Unclosed |Task was destroyed|SSL |Fatal (read|write) error"),
}
# asyncio puts the `repr` of futures, with their exceptions and arguments, behind these.
_BEFORE_VALUES = re.compile(r"[<\n]|\((?!\))")


class Foreign(logging.Handler):
    """Hands what the standard library's logging is given to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # its arguments do not fit its text
            text = str(record.msg)
        family = record.name.partition(".")[0]
        noise = _NOISE.get(family)
        first = _BEFORE_VALUES.split(text)[0] if family == "asyncio" else text.partition("\n")[0]
        told = {"logger": record.name, "text": first.strip()}
        if record.exc_info and record.exc_info[1] is not None:
            from dispatcher.errors import describe  # noqa: PLC0415 - hardly ever needed, and every command logs

            told["cause"] = describe(record.exc_info[1])
        if noise is not None and noise.match(text):
            log.debug("foreign.logged", **told)
        elif record.levelno >= logging.ERROR:
            log.error("foreign.logged", **told)
        else:
            log.warning("foreign.logged", **told)
