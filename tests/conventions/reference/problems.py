"""The problems a sender can be told, and the reasons that only the log tells."""

from typing import get_args

from receiver.claims import Reason
from receiver.diagnosis.hint import KINDS
from receiver.problems import PROBLEMS
from tests.conventions.reference.blocks import code, table

REASONS: tuple[str, ...] = get_args(Reason)
"""Why a delivery was not proved, as `delivery.refused` and the metrics tell it."""


def blocks() -> dict[str, str]:
    """A table of all problems, in the order of their statuses, and one of all that may be found out about a refusal."""
    rows = [
        [str(one.status), code(one.type), one.title, ", ".join(code(name) for name, _ in one.headers), one.detail]
        for one in PROBLEMS.values()
    ]
    hints = [[code(name), kind.means, kind.do] for name, kind in KINDS.items()]
    return {
        "problems": table(["status", "type", "title", "headers", "detail"], rows),
        "hints": table(["kind", "means", "what to do"], hints),
    }
