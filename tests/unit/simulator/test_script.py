"""Scripted visitors."""

from simulator.clock import ManualClock
from simulator.mygptassistants import MyGPTAssistants
from simulator.script import Script, Visitor
from simulator.world import World
from tests.unit.simulator.recording import RecordingPost

ADA = Visitor(user_id="user_789", name="Ada Lindqvist", email="ada@example.com")


async def test_lines_are_spread_over_the_time(
    world: World, platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """Three lines over ten seconds: at once, after five, after ten."""
    performance = world.play(platform.name, Script(visitor=ADA, says=("Hello", "Hey", "Bye"), over=10))
    said = []
    for seconds in (0, 4.9, 0.1, 4.9, 0.1):
        await clock.advance(seconds)
        said.append(performance.said)
    assert said == [1, 1, 2, 2, 3]


async def test_a_scripted_turn_sends_the_events_of_a_turn(
    world: World, platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """A new conversation, question, answer, update, and the resolution at the end."""
    world.play(platform.name, Script(visitor=ADA, says=("Hello",), complete=True))
    await clock.advance(0)
    assert post.types == [
        "conversation.created",
        "message.created",
        "message.created",
        "conversation.updated",
        "conversation.completed",
    ]


async def test_a_visitor_is_known_from_the_line_on_where_it_is_introduced(
    world: World, platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """Before that the platform has only a user id."""
    world.play(platform.name, Script(visitor=ADA, says=("Hello", "I am Ada"), introduced_at=1, source="checkout"))
    await clock.advance(0)
    asked = [event["data"]["metadata"] for event in post.events if event["data"].get("role") == "user"]
    assert asked == [
        {"userId": "user_789", "source": "checkout"},
        {"userId": "user_789", "source": "checkout", "name": "Ada Lindqvist", "email": "ada@example.com"},
    ]


async def test_a_refused_script_says_why(world: World, platform: MyGPTAssistants, clock: ManualClock) -> None:
    """The conversation that does not exist cannot be gone on with."""
    performance = world.play(platform.name, Script(says=("Hello",), conversation_id="missing"))
    await clock.advance(0)
    assert (performance.done, performance.said, performance.error) == (
        True,
        0,
        "Conversation not found. Check the conversation id.",
    )


async def test_closing_the_stage_stops_the_visitors(
    world: World, platform: MyGPTAssistants, clock: ManualClock
) -> None:
    """Nobody says anything after that."""
    performance = world.play(platform.name, Script(says=("Hello", "Bye"), over=5))
    await clock.advance(0)
    await world.around.stage.close()
    await clock.advance(10)
    assert (performance.said, world.around.stage.running) == (1, 0)
