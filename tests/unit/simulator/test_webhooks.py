"""Delivery: order, retries, faults, bounds."""

import asyncio

import pytest

from simulator.clock import ManualClock
from simulator.deliveries import OutgoingEvent, RetryPolicy
from simulator.errors import ControlError
from simulator.faults import Fault
from simulator.mygptassistants import sign
from simulator.webhooks import WebhookSender
from simulator.world import World, build_world
from tests.unit.simulator.recording import RecordingPost


def event(number: int, *, lane: str = "conv_1", event_type: str = "message.created") -> OutgoingEvent:
    body = f'{{"id":"evt_{number}","type":"{event_type}"}}'.encode()
    return OutgoingEvent("mygptassistants", f"evt_{number}", event_type, lane, body, sign)


@pytest.fixture
def sender(world: World) -> WebhookSender:
    """A sender with one webhook for everything."""
    world.connect(platform="mygptassistants", url="http://receiver.test/in/support", secret="test_secret")
    return world.around.sender


def posted(post: RecordingPost) -> list[str]:
    return [item["id"] for item in post.events]


async def test_an_event_is_posted_signed(sender: WebhookSender, clock: ManualClock, post: RecordingPost) -> None:
    """The exact bytes, to the registered URL, with the signature of the published vector."""
    sender.publish(event(1))
    await clock.advance(0)
    call = post.calls[0]
    assert (call.url, call.body, call.headers["x-mga-signature"]) == (
        "http://receiver.test/in/support",
        b'{"id":"evt_1","type":"message.created"}',
        "sha256=94ab003b451d007994df843648544a5f22f0e369c45efeef747c8571b6c9d1e6",
    )


async def test_a_refused_delivery_is_repeated_with_backoff(
    sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """After one, then two, then four seconds, and a little."""
    post.answers.extend([503, "no answer within 3 s", 302])
    sender.publish(event(1))
    calls = []
    for seconds in (0, 0.9, 0.25, 1.8, 0.45, 3.5, 1.0):
        await clock.advance(seconds)
        calls.append(len(post.calls))
    assert calls == [1, 1, 2, 2, 3, 3, 4]
    assert sender.deliveries[0].state == "delivered"
    assert [item.status for item in sender.deliveries[0].attempts] == [503, None, 302, 202]


async def test_every_attempt_sends_the_same_bytes(
    sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """A retry is the same delivery, not a new event."""
    post.answers.extend([500, 500])
    sender.publish(event(1))
    await clock.advance(10)
    assert [call.body for call in post.calls] == [b'{"id":"evt_1","type":"message.created"}'] * 3


async def test_retries_end(sender: WebhookSender, clock: ManualClock, post: RecordingPost) -> None:
    """Ten attempts, then the delivery has failed."""
    post.answers.extend([500] * 100)
    sender.publish(event(1))
    await clock.advance(3_600)
    assert (len(post.calls), sender.deliveries[0].state) == (10, "failed")


async def test_a_retried_delivery_holds_back_its_conversation_only(
    sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """Order is kept per conversation, and nobody else waits."""
    post.answers.append(503)
    sender.publish(event(1))
    await clock.advance(0)
    sender.publish(event(2))
    sender.publish(event(3, lane="conv_2"))
    await clock.advance(5)
    assert posted(post) == ["evt_1", "evt_3", "evt_1", "evt_2"]


async def test_a_webhook_gets_only_the_events_it_chose(world: World, clock: ManualClock, post: RecordingPost) -> None:
    """Others are not even counted as deliveries."""
    world.connect(platform="mygptassistants", url="http://a.test", secret="s", events=["message.created"])
    wanting = [world.around.sender.publish(event(1)), world.around.sender.publish(event(2, event_type="bot.updated"))]
    await clock.advance(0)
    assert (wanting, posted(post)) == ([1, 0], ["evt_1"])


async def test_unregistering_abandons_what_is_pending(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """The webhook that failed is not tried again, another one still gets its events."""
    post.answers.append(503)
    sender.publish(event(1))
    await clock.advance(0)
    await sender.unsubscribe(sender.subscriptions[0].id)
    world.connect(platform="mygptassistants", url="http://other.test", secret="s")
    sender.publish(event(2))
    await clock.advance(60)
    assert posted(post) == ["evt_1", "evt_2"]
    assert [item.state for item in sender.deliveries] == ["abandoned", "delivered"]


async def test_unregistering_an_unknown_webhook_says_so(sender: WebhookSender) -> None:
    """False, not an error."""
    assert await sender.unsubscribe("hook_unknown") is False


async def test_settled_waits_for_the_last_delivery(
    sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """It returns when nothing is on its way."""
    post.stuck = asyncio.Event()
    sender.publish(event(1))
    settled = asyncio.create_task(sender.settled())
    await clock.advance(0)
    before = settled.done()
    post.stuck.set()
    await asyncio.wait_for(settled, timeout=5)
    assert (before, sender.deliveries[0].state) == (False, "delivered")


async def test_closing_leaves_no_task(sender: WebhookSender, clock: ManualClock, post: RecordingPost) -> None:
    """Also while a POST is open and before a lane has begun."""
    post.stuck = asyncio.Event()
    sender.publish(event(1))
    await clock.advance(0)
    sender.publish(event(2, lane="conv_2"))
    await sender.close()
    assert [item.state for item in sender.deliveries] == ["abandoned", "abandoned"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_too_much_pending_is_dropped(clock: ManualClock, post: RecordingPost) -> None:
    """A dead receiver cannot fill the memory."""
    world = build_world(post=post, clock=clock, seed=1)
    sender = WebhookSender(
        clock=clock,
        random=world.around.random,
        faults=world.faults,
        post=post,
        retry=RetryPolicy(),
        max_pending_bytes=60,
    )
    world.connect(platform="mygptassistants", url="http://a.test", secret="s")
    sender.subscribe(world.around.sender.subscriptions[0])
    for number in (1, 2):
        sender.publish(event(number))
    dropped = [item.state for item in sender.deliveries]
    await clock.advance(0)
    sender.publish(event(3))
    await clock.advance(0)
    assert (dropped[-1], posted(post)) == ("dropped", ["evt_1", "evt_3"])


async def test_at_most_sixteen_posts_are_open(sender: WebhookSender, clock: ManualClock, post: RecordingPost) -> None:
    """Many conversations do not mean many connections."""
    post.stuck = asyncio.Event()
    for number in range(40):
        sender.publish(event(number, lane=f"conv_{number}"))
    await clock.advance(0)
    opened = len(post.calls)
    post.stuck.set()
    await asyncio.wait_for(sender.settled(), timeout=5)
    assert (opened, len(post.calls)) == (16, 40)


async def test_a_receiver_that_hangs_slows_down_nobody_else(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """All its connections are stuck; another webhook still gets its events."""
    post.stuck = asyncio.Event()
    for number in range(20):
        sender.publish(event(number, lane=f"conv_{number}"))
    await clock.advance(0)
    world.connect(platform="mygptassistants", url="http://other.test", secret="s")
    sender.publish(event(20))
    await clock.advance(0)
    assert [call.url for call in post.calls[16:]] == ["http://other.test"]


@pytest.mark.parametrize("together", [True, False])
async def test_duplicates_are_sent_on_order(
    world: World,
    sender: WebhookSender,
    clock: ManualClock,
    post: RecordingPost,
    together: bool,
) -> None:
    """The same bytes once more, at once or afterwards; the next delivery is single again."""
    world.faults.add(Fault(kind="duplicate", route="webhook", copies=2, together=together))
    sender.publish(event(1))
    sender.publish(event(2))
    await clock.advance(0)
    assert posted(post) == ["evt_1", "evt_1", "evt_1", "evt_2"]


async def test_duplicates_together_are_open_at_the_same_time(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """Two copies in flight, the race a receiver must decide."""
    post.stuck = asyncio.Event()
    world.faults.add(Fault(kind="duplicate", route="webhook", together=True))
    sender.publish(event(1))
    await clock.advance(0)
    assert posted(post) == ["evt_1", "evt_1"]


async def test_reorder_lets_the_next_go_first(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """Once, then order is kept again."""
    world.faults.add(Fault(kind="reorder", route="webhook"))
    for number in (1, 2, 3):
        sender.publish(event(number))
    await clock.advance(0)
    assert posted(post) == ["evt_2", "evt_1", "evt_3"]


async def test_a_lasting_reorder_starves_nobody(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """A delivery gives way once, not for ever."""
    world.faults.add(Fault(kind="reorder", route="webhook", count=None))
    for number in (1, 2, 3, 4):
        sender.publish(event(number))
    await clock.advance(0)
    assert posted(post) == ["evt_2", "evt_1", "evt_4", "evt_3"]


async def test_a_reordered_delivery_does_not_wait_for_ever(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """When no other comes it goes after the given seconds."""
    world.faults.add(Fault(kind="reorder", route="webhook", seconds=2))
    sender.publish(event(1))
    await clock.advance(1.9)
    before = len(post.calls)
    await clock.advance(0.2)
    assert (before, posted(post)) == (0, ["evt_1"])


async def test_a_dropped_delivery_is_never_made(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """The gap that polling must find."""
    world.faults.add(Fault(kind="drop", route="webhook"))
    for number in (1, 2):
        sender.publish(event(number))
    await clock.advance(60)
    assert (posted(post), sender.deliveries[0].state) == (["evt_2"], "dropped")


async def test_a_wrong_signature_is_of_another_secret(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """The attempt looks genuine and is not; the retry is."""
    post.answers.append(401)
    world.faults.add(Fault(kind="wrong_signature", route="webhook"))
    sender.publish(event(1))
    await clock.advance(5)
    genuine = sign(post.calls[0].body, "test_secret")["x-mga-signature"]
    signatures = [call.headers["x-mga-signature"] for call in post.calls]
    assert (signatures[0] == genuine, len(signatures[0]), signatures[1] == genuine) == (False, len(genuine), True)


async def test_an_unsigned_attempt_has_no_signature(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """All other headers are there."""
    world.faults.add(Fault(kind="unsigned", route="webhook"))
    sender.publish(event(1))
    await clock.advance(0)
    assert set(post.calls[0].headers) == {"Content-Type", "User-Agent"}


async def test_latency_delays_an_attempt(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost
) -> None:
    """By the seconds it says; and the attempt remembers what met it."""
    world.faults.add(Fault(kind="latency", route="webhook", seconds=5))
    sender.publish(event(1))
    await clock.advance(4.9)
    before = len(post.calls)
    await clock.advance(0.2)
    assert (before, len(post.calls), sender.deliveries[0].attempts[0].faults) == (0, 1, ("latency",))


@pytest.mark.parametrize("kind", ["half_open", "reset"])
async def test_a_maimed_attempt_is_told_to_the_wire(
    world: World, sender: WebhookSender, clock: ManualClock, post: RecordingPost, kind: str
) -> None:
    """And only this attempt."""
    post.answers.append("broken")
    world.faults.add(Fault.model_validate({"kind": kind, "route": "webhook"}))
    sender.publish(event(1))
    await clock.advance(5)
    assert [call.maim for call in post.calls] == [kind, None]


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("ftp://a.test", "s"),
        ("http://", "s"),
        ("receiver.test/in", "s"),
        ("http://a.test:99999", "s"),
        ("http://[::1", "s"),
        ("http://a.test/\ud800", "s"),
        ("http://a.test", ""),
        ("http://a.test", "\ud800"),
    ],
)
async def test_a_target_nothing_can_be_sent_to_is_refused(world: World, url: str, secret: str) -> None:
    """At once, not at the first delivery."""
    with pytest.raises(ControlError, match="a webhook needs a url"):
        world.connect(platform="mygptassistants", url=url, secret=secret)


async def test_an_event_the_platform_does_not_send_cannot_be_chosen(world: World) -> None:
    """A misspelt name would otherwise wait for ever."""
    with pytest.raises(ControlError, match=r"sends no message\.create;"):
        world.connect(platform="mygptassistants", url="http://a.test", secret="s", events=["message.create"])
