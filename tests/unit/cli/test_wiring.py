"""A store that is slow when a role starts."""

import pytest

from cli.wiring import answering
from store.errors import StoreError, StoreMisconfigured, StoreUnavailable


class Store:
    """Fails at its first starts."""

    def __init__(self, *errors: StoreError) -> None:
        self.errors = list(errors)
        self.started = 0

    async def start(self) -> None:
        self.started += 1
        if self.errors:
            raise self.errors.pop(0)


async def test_a_store_that_does_not_answer_is_tried_again() -> None:
    """As an event log that is away is; the role need not be started anew."""
    store = Store(StoreUnavailable("did not answer within 5 s"), StoreUnavailable("nothing listens there"))
    await answering(store.start, within=60, pause=0)
    assert store.started == 3


async def test_a_command_does_not_wait_for_its_store() -> None:
    """Whoever typed it is told at once."""
    store = Store(StoreUnavailable("nothing listens there"))
    with pytest.raises(StoreUnavailable):
        await answering(store.start, within=0, pause=0)
    assert store.started == 1


async def test_what_waiting_does_not_mend_is_told_at_once() -> None:
    """A store that was never migrated, for instance."""
    store = Store(StoreMisconfigured("run `hookline migrate`"))
    with pytest.raises(StoreMisconfigured):
        await answering(store.start, within=60, pause=0)
    assert store.started == 1
