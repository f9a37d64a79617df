"""The names of the log events, one list, so that an operator can grep for what can happen.

`noun.verbed`; one line per event with all its fields. `tests/conventions` fails when code logs a name that is not here.
"""

from collections.abc import Mapping
from types import MappingProxyType

LOG_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        # receiver
        "delivery.accepted": "An authentic delivery is durable and was answered 2xx.",
        "delivery.refused": "A delivery was answered 4xx; `reason` says why, `problem` is what the sender saw.",
        "delivery.unstored": "A delivery was answered 503: the log could not keep it in time.",
        "delivery.failed": "The receiver met an error of its own and answered 503.",
        "dedupe.degraded": "The dedupe store is away or slow: deliveries are accepted without looking for copies.",
        "dedupe.recovered": "The dedupe store answers again.",
        # event log
        "log.connected": "The event log answers.",
        "log.lost": "The event log does not answer; `cause` is the real error.",
        "log.trimmed": "The embedded log dropped settled records before their age, to stay below `max_bytes`.",
        "producer.replaced": "A producer was abandoned after an error or a missed deadline and a new one is in use.",
        "partitions.assigned": "This worker owns these partitions of a handler now.",
        "partitions.revoked": "This worker gave these partitions back.",
        # dispatcher
        "attempt.done": "A handler returned: the event is settled.",
        "attempt.failed": "An attempt failed and will be repeated; `next` says when.",
        "event.dead": "An event went to the dead-letter topic; `reason` says why.",
        "handler.stopped": "A handler does not run; `reason` says why and what to do.",
        "handler.started": "A handler reads its topics.",
        "plugin.failed": "A plugin could not be loaded; the others run.",
        "timer.set": "A timer was set or moved.",
        "timer.cancelled": "A timer was cancelled.",
        "timer.fired": "A timer came due and its handler ran.",
        # simulator
        "webhook.refused": "A simulated webhook was not accepted and will be sent again in `again_in` seconds.",
        "webhook.abandoned": "A simulated webhook will not be sent again; `reason` says why.",
        # roles
        "role.started": "A role serves.",
        "role.stopped": "A role stopped; `clean` says whether all work was settled.",
    }
)
