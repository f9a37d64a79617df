"""The demo's visitors."""

from random import Random

from simulator.clock import ManualClock
from simulator.demo import Cast, Demo
from simulator.mygptassistants import MyGPTAssistants
from simulator.world import World
from tests.unit.simulator.recording import RecordingPost


def demo(world: World, platform: MyGPTAssistants, *, pace: float = 4.0, crowd: int = 10) -> Demo:
    return Demo(platform, clock=world.around.clock, random=Random(7), pace=pace, line_gap=2.0, crowd=crowd)  # noqa: S311  # small talk, no secret


async def test_the_first_visitor_comes_at_once(
    world: World, platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """Whoever starts the demo sees something without waiting."""
    async with demo(world, platform):
        await clock.advance(0)
        assert post.types[:4] == [
            "conversation.created",
            "message.created",
            "message.created",
            "conversation.updated",
        ]


async def test_visitors_keep_coming_at_their_pace(world: World, platform: MyGPTAssistants, clock: ManualClock) -> None:
    """A minute at one in four seconds is about fifteen."""
    async with demo(world, platform) as running:
        await clock.advance(60)
        assert 11 <= running.conversations <= 20


async def test_not_more_than_the_crowd_talk_at_once(
    world: World, platform: MyGPTAssistants, clock: ManualClock
) -> None:
    """A quick pace does not pile up conversations without end."""
    async with demo(world, platform, pace=0.001, crowd=2) as running:
        await clock.advance(0.2)
        assert running.conversations <= 3


async def test_after_the_stop_nothing_happens_any_more(
    world: World, platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """Conversations end where they are."""
    running = demo(world, platform)
    running.start()
    await clock.advance(10)
    await running.stop()
    posted = len(post.calls)
    await clock.advance(60)
    assert len(post.calls) == posted > 0


async def test_stopping_twice_and_unstarted_is_harmless(world: World, platform: MyGPTAssistants) -> None:
    """Shutdown code need not know what ran."""
    running = demo(world, platform)
    await running.stop()
    running.start()
    running.start()
    await running.stop()
    await running.stop()
    assert running.conversations == 0


def test_scripts_are_varied_and_some_visitors_return() -> None:
    """Many sources, many people, some of them twice, some under another user id."""
    cast = Cast(Random(3), line_gap=2.0)  # noqa: S311  # small talk, no secret
    scripts = [cast.next_script() for _ in range(200)]
    sources = {script.source for script in scripts}
    mails = [script.visitor.email for script in scripts]
    people = {(script.visitor.email, script.visitor.user_id) for script in scripts}
    assert len(sources) == 6
    assert 100 < len(set(mails)) < 190
    assert len(people) > len(set(mails))


def test_addresses_are_plain_and_belong_to_nobody() -> None:
    """ASCII only, and only at the domains reserved for examples."""
    cast = Cast(Random(5), line_gap=2.0)  # noqa: S311  # small talk, no secret
    mails = [cast.next_script().visitor.email or "" for _ in range(200)]
    assert all(mail.isascii() and " " not in mail and mail.split("@")[1].startswith("example.") for mail in mails)
