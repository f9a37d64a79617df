"""The page of the simulator: every endpoint and fault is on it, and what it tells to call is taken."""

import re
import shlex
import tomllib
from typing import get_args

import aiohttp

from simulator import ManualClock, Simulator
from simulator.faults import Fault, Kind
from tests.conventions.fences import ROOT, fences
from tests.conventions.reference.simulator import endpoints, told

PAGE = ROOT / "docs/reference/simulator.md"


def test_every_endpoint_is_told() -> None:
    """No more and no less than there are."""
    assert told() == endpoints()


def test_every_kind_of_fault_is_told() -> None:
    """In the table of the model, which is the page's."""
    kinds = re.findall(r"^ *\| ([a-z_, ]+) \| (?:all|chat|webhook)", Fault.__doc__ or "", re.MULTILINE)
    assert sorted(", ".join(kinds).split(", ")) == sorted(get_args(Kind))


async def test_examples_are_taken() -> None:
    """In the order of the page, each by a simulator that took those before."""
    calls = [
        shlex.split(line) for block in fences("sh") if block.page == PAGE for line in block.text.strip().splitlines()
    ]
    statuses = []
    async with Simulator(clock=ManualClock()) as simulator, aiohttp.ClientSession() as session:
        for program, *words in calls:
            assert program == "curl"
            method = "DELETE" if words[:2] == ["-X", "DELETE"] else "POST"
            url = next(word for word in words if word.startswith("http")).replace(
                "http://127.0.0.1:8789", simulator.url
            )
            body = words[words.index("--json") + 1].encode() if "--json" in words else None
            headers = {} if body is None else {"Content-Type": "application/json"}
            async with session.request(method, url, data=body, headers=headers) as answer:
                statuses.append(answer.status)
    assert statuses == [201, 202, 202, 201, 201, 204, 204]


async def test_the_account_of_the_page_finds_what_its_events_tell_of() -> None:
    """A handler that is told of a conversation by an event of the page can read it, and write into it."""
    [text] = [block.text for block in fences("toml") if block.page == PAGE]
    account = tomllib.loads(text)["accounts"]["support"]
    order = {"platform": account["platform"], "type": "message.created"}
    headers = {"Authorization": "Bearer any"}
    async with Simulator(clock=ManualClock()) as simulator, aiohttp.ClientSession() as session:
        base = f"{account['base_url'].replace('http://127.0.0.1:8789', simulator.url)}/chat/{account['bot_id']}"
        async with session.post(f"{simulator.url}/_control/emit", json=order) as answer:
            conversation = (await answer.json())["lane"]
        async with session.get(f"{base}/conversations/{conversation}", headers=headers) as answer:
            assert len((await answer.json())["data"]["messages"]) == 1
        said = {"message": "Did that help?", "conversationId": conversation}
        async with session.post(f"{base}/message", json=said, headers=headers) as answer:
            assert answer.status == 200
