"""The names of the log events, one list, so that an operator can grep for what can happen.

`noun.verbed`; one line per event with all its fields. `tests/conventions` fails when code logs a name that is not here.
"""

from collections.abc import Mapping
from types import MappingProxyType

LOG_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        # receiver
        "delivery.accepted": "An authentic delivery is durable and was answered 2xx.",
        "delivery.refused": "A delivery was answered 4xx: `problem` is what its sender saw; `reason`, `why` are why.",
        "delivery.unstored": "A delivery was answered 503: the log could not keep it in time.",
        "delivery.failed": "The receiver met an error of its own and answered 503.",
        "connection.overdue": "`count` connections were cut off: their header came too late, or they do not read.",
        "connection.failed": "A connection broke outside of a request; the sender is gone, most likely.",
        "source.unverified": 'A source takes what anybody posts: its configuration says verify = "none".',
        "dedupe.degraded": "The dedupe store is away or slow: deliveries are accepted without looking for copies.",
        "dedupe.recovered": "The dedupe store answers again.",
        "dedupe.replaced": "The file of dedupe was damaged and set aside, and a new one begun: copies may pass.",
        "poll.published": "A poll found news of a platform that posts none, and made them durable.",
        "poll.failed": "A round of polling failed; the next is in `again_in` seconds. `cause` says why.",
        "poll.recovered": "Polling works again.",
        "poll.refused": "What a poll was told cannot be an event: too large, or not what the platform documents.",
        "poll.cut": "The list had more new conversations than one round reads, `count`: the report finds the others.",
        "poll.astray": "`count` conversations have numbers far above all others, and are no measure of what is new.",
        "poll.unlisted": "`count` conversations stand in a report and in no list, so they cannot be read.",
        "source.unpolled": "Nobody asks the platform of this source, which posts nothing: its events do not come.",
        "poll.awaited": "Another process polls this source; this one stands by.",
        # event log
        "log.connected": "The event log answers.",
        "log.lost": "The event log does not answer; `cause` is the real error.",
        "group.awaited": "Another process reads for this group; this one stands by and takes over when it ends.",
        "log.trimmed": "The embedded log dropped settled records before their age, to stay below `max_bytes`.",
        "producer.replaced": "A producer was abandoned after an error or a missed deadline and a new one is in use.",
        "log.slow": "The Kafka client runs without its C extensions: a batch costs many times the CPU; see `fix`.",
        "consumer.silent": "A group member heard nothing of its partitions, though Kafka is well: it is given up.",
        "member.renewed": "A group member that would never have read again was given up, and joined anew.",
        "partitions.assigned": "This worker owns these partitions of a handler now.",
        "partitions.revoked": "This worker gave these partitions back.",
        # dispatcher
        "attempt.failed": "An attempt failed and will be repeated; `next` says when.",
        "attempt.alone": "An event under way at `crashes` crashes in a row is attempted with nothing beside it.",
        "crash.noticed": "The last owner of `partitions` did not give them back: it crashed or was killed. A warning "
        "when `again` attempts had been under way at the crash before too.",
        "suspects.found": "Workers crashed again and again; `suspects` events were under way, and run alone now.",
        "attempt.stuck": "An attempt was cancelled and does not end: its handler swallows the cancellation.",
        "attempt.abandoned": "Nobody waits any longer for this attempt: the process ends, or its handler was loaded "
        "anew. Its event comes again.",
        "effect.uncertain": "A handler is done with an event of which an outside effect may or may not have happened: "
        "it caught what `once` raised. Look at the platform, nothing of hookline will.",
        "context.misused": "A task used its context at the line `at` when the attempt had ended: nothing of it "
        "is done. It is told once an attempt.",
        "resource.failed": "What a handler keeps by `ctx.shared` failed, or was not left in order; `cause` says why.",
        "loop.blocked": "The event loop stood still; `handler` and `at` say whose code held it, if that can be told.",
        "event.dead": "An event went to the dead-letter topic; `reason` says why.",
        "event.replayed": "A dead letter was replayed, and its handler is done with it.",
        "replays.delayed": "Dead letters may wait to be replayed: the store is away.",
        "replay.read": "All events of a replay were found: `found` were meant, `skipped` of those dealt with before.",
        "replay.delayed": "A replay of many events does not go on: the log or the store is away.",
        "replay.trimmed": "The log dropped events of a replay before they were read.",
        "lane.parked": "Lanes wait for long, so their `records` wait in the store, and others flow on.",
        "lane.released": "Parked lanes have nothing in the store any more.",
        "parking.delayed": "Lanes that are to wait in the store wait in memory: it is away, or keeps no more of them.",
        "settlement.delayed": "The log or the store is away: what a handler finished is carried out when it answers.",
        "commit.failed": "Progress could not be stored; it is tried again.",
        "commit.refused": "Progress was not stored: the partitions have another owner by now.",
        "partitions.unreleased": "The store could not be told that partitions were left in order.",
        "timers.delayed": "Timers wait though they may be due: the log or the store is away.",
        "timers.adopted": "Timers that were set while the entry read another event log go on with this one.",
        "lanes.adopted": "Records that were parked while the entry read another event log go on with this one.",
        "member.unstopped": "A group member could not leave in order; its partitions come free by timeout.",
        "handler.rejoining": "A handler's worker leaves its group and joins anew; `cause` says why.",
        "store.left": "The data folder holds a state store that is not the configured one; `cause` says what to do.",
        "store.awaited": "The state store does not answer at the start, and is tried again for half a minute.",
        "store.uncleaned": "Old rows of the store could not be thrown away; the next round goes on.",
        "background.ended": "Work beside the handlers came to an end by a defect; `next` says what to do.",
        "handler.stopped": "A handler does not run; `reason` says why and what to do.",
        "handler.started": "A handler reads its topics.",
        "handler.paused": "A handler stands still because somebody paused it; see `advice`.",
        "handler.tripped": "A handler stands still because too many of its events died; see `advice`.",
        "handler.resumed": "A handler that stood still goes on where it was.",
        "entry.missing": "Something waits in the store for an entry that is not configured; `advice` says what to do.",
        "replay.elsewhere": "A replay is to read another event log than this one; `advice` says what to do.",
        "rows.unread": "Something waits for an entry in topics that it does not read; `advice` says what to do.",
        "leftovers.unknown": "Whether anything waits for entries that are not configured cannot be asked.",
        "stops.unknown": "Which handlers are to stand still cannot be asked: the store is away; what was known holds.",
        "account.away": "An account's platform does not answer: the handler waits, and asks with one event at a time.",
        "account.back": "The platform answers again: all that waited for it goes on.",
        "followup.sent": "follow-up-chat wrote to a visitor.",
        "followup.skipped": "follow-up-chat did not write; `reason` says why.",
        "contact.unconfirmed": "Who a hint is about was not confirmed by the platform; nothing was kept. Once a day.",
        "ability.lacked": "A handler goes without what an account lacks, or has switched off. Once a day for each.",
        "contact.unpushed": "sync-contact looked for nobody by an address that nobody vouches for. Once a day.",
        "contact.pushed": "sync-contact told an account's platform what it did not know of a contact.",
        "timer.set": "A timer was set or moved.",
        "timer.cancelled": "A timer was cancelled.",
        "timer.fired": "A timer came due and its handler ran.",
        # clients
        "exchange.ended": "A request to a platform is over; `outcome` is ok, or the error's name.",
        "wait.cut": "A platform asked for a wait of `asked` seconds, beyond reason; it is asked again in `waits`.",
        # simulator
        "webhook.refused": "A simulated webhook was not accepted and will be sent again in `again_in` seconds.",
        "webhook.abandoned": "A simulated webhook will not be sent again; `reason` says why.",
        "plugin.signal": "A plugin took the signal that stops this process when it was imported; it is ours again.",
        "plugin.omitted": "A plugin or entry cannot be used; `allow_broken` lets the others run without it.",
        "plugin.slow": "The import of a plugin takes more than ten seconds, and the role waits for it.",
        # libraries
        "foreign.logged": "A library wrote a line to its own log: `logger` is its name, `text` what it said.",
        # roles
        "setting.ignored": "A variable looks like a setting and is none, for it lacks a `__`; `meant` is one.",
        "exit.refused": "A task or callback of a plugin tried to end the process, at the line `at`; it goes on.",
        "role.started": "A role serves.",
        "role.stopping": "A role was told to stop and drains.",
        "role.stopped": "A role stopped.",
    }
)
