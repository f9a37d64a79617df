"""The table of what each client can do is that of the clients."""

import pytest

from clients.abilities import ABILITIES, SUPPORT, lack
from clients.account import Account
from clients.customgpt import CustomGPT
from clients.gptbots import GPTBots
from clients.mygptassistants import MyGPTAssistants
from clients.yourgpt import YourGPT

CLIENTS: dict[str, type[Account]] = {one.platform: one for one in (CustomGPT, GPTBots, MyGPTAssistants, YourGPT)}


def test_table_is_complete() -> None:
    """A row for each platform, a cell for each operation that an account has; `said` is made of `history`."""
    operations = {
        name
        for name, value in vars(Account).items()
        if callable(value) and not name.startswith("_") and name not in {"aclose", "said"}
    }
    assert set(ABILITIES) == operations
    assert {platform: set(table) for platform, table in SUPPORT.items()} == dict.fromkeys(CLIENTS, operations)


@pytest.mark.parametrize("ability", ABILITIES)
@pytest.mark.parametrize("platform", CLIENTS)
def test_cell_is_true(platform: str, ability: str) -> None:
    """What the table offers its client has made; what it does not is refused by the interface."""
    has = getattr(CLIENTS[platform], ability) is not getattr(Account, ability)
    assert (SUPPORT[platform][ability].given != "no") is has


def test_why_something_is_lacking_is_told() -> None:
    """Nothing of a platform that is not in the table."""
    assert lack("mygptassistants", "close_conversation") == "no call closes one"
    assert lack("bare", "send") == ""
