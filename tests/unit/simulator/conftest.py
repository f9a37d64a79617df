"""A world on a clock that stands still, and the wire its webhooks go to."""

from collections.abc import AsyncIterator

import pytest

from simulator.clock import ManualClock
from simulator.mygptassistants import MyGPTAssistants
from simulator.world import World, build_world
from tests.unit.simulator.recording import RecordingPost


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def post() -> RecordingPost:
    return RecordingPost()


@pytest.fixture
async def world(clock: ManualClock, post: RecordingPost) -> AsyncIterator[World]:
    world = build_world(post=post, clock=clock, seed=1)
    yield world
    await world.close()


@pytest.fixture
def platform(world: World) -> MyGPTAssistants:
    """MyGPTAssistants with a webhook for all events."""
    world.connect(platform="mygptassistants", url="http://receiver.test/in/support", secret="test_secret")
    platform = world.platform("mygptassistants")
    assert isinstance(platform, MyGPTAssistants)
    return platform
