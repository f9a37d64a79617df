"""The main job with real processes: a signed webhook comes in, a contact is synced, a follow-up goes out."""

import json
import shlex
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Role, wait_for
from tests.e2e.site import Site, site
from tests.faults.spawner import Spawner
from tests.servers.broker import Broker


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def main_site(request: pytest.FixtureRequest, tmp_path: Path, fresh_prefix: str, spawner: Spawner) -> Iterator[Site]:
    """A prepared site on each event log."""
    eventlog = ""
    if request.param == "kafka":
        broker: Broker = request.getfixturevalue("kafka")
        eventlog = f"kafka://{broker.bootstrap}"
    with site(tmp_path, eventlog=eventlog, prefix=fresh_prefix, launch=spawner) as found:
        found.prepare()
        yield found


def test_a_conversation_is_received_synced_and_followed_up(main_site: Site) -> None:
    """From the platform's webhook to the contact's snapshot and the follow-up in the platform."""
    role, receiver = main_site.serve("run")
    main_site.connect(receiver)
    visitor = {"user_id": "user_7", "name": "Ada Lovelace", "email": "ada@example.org"}
    main_site.control(
        "conversations", {"platform": "mygptassistants", "visitor": visitor, "says": ["When do you open?"], "over": 0}
    )
    wait_for(main_site.follow_ups, seconds=30, what="a follow-up in the platform")
    wait_for(lambda: sent_through_the_client(main_site, role), seconds=10, what="the client's metrics")
    wait_for(lambda: emails(main_site) == {"ada@example.org"}, seconds=20, what="the contact's snapshot")
    assert role.stop() == 0


def emails(site: Site) -> set[str]:
    """The addresses of all contacts that `sync-contact` told of."""
    return {one["value"]["email"] for one in site.records("contacts.state") if one["value"]}


def sent_through_the_client(site: Site, role: Role) -> bool:
    """Whether /metrics tells of a request to the account's platform."""
    with urllib.request.urlopen(f"{site.at.address(role, kind='admin')}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    wanted = 'hookline_client_requests_total{account="support",outcome="ok",platform="mygptassistants"} '
    return any(line.startswith(wanted) and float(line.removeprefix(wanted)) >= 1 for line in lines)


def test_a_sent_event_goes_through_the_real_door(main_site: Site) -> None:
    """`hookline send` signs and posts; `hookline tail` shows the record with its CloudEvents headers."""
    main_site.serve("receive")
    sent = main_site.at.command("send", "support", "message.created", "--set", "data.content=Hello")
    assert sent.returncode == 0, sent.stderr
    [record] = [one for one in main_site.records("conversations") if one["headers"]["ce_type"] == "message.created"]
    assert record["value"]["content"] == "Hello"
    assert record["headers"]["ce_specversion"] == "1.0"
    assert record["headers"]["ce_source"] == "/sources/support"
    assert record["headers"]["ce_platform"] == "mygptassistants"
    assert record["headers"]["ce_subject"] == record["key"]
    words = shlex.split(sent.stdout.splitlines()[1].partition(" tail ")[2])
    assert [json.loads(main_site.at.command("tail", *words, "--json").stdout)] == [record]


def test_the_same_delivery_again_is_a_duplicate(main_site: Site) -> None:
    """A retry has the same id, is answered 202 and adds no record."""
    main_site.serve("receive")
    same = ("--set", "id=evt_same", "--set", "data.messageId=msg_same", "--set", "data.conversationId=conv_same")
    for _ in range(2):
        done = main_site.at.command("send", "support", "message.created", *same)
        assert done.returncode == 0, done.stderr
    ids = [one["headers"]["ce_id"] for one in main_site.records("conversations")]
    assert ids == ["message.created:msg_same"]


def test_standard_webhooks_go_to_the_platform_topic_untouched(main_site: Site) -> None:
    """The payload of an unknown type is kept as it came."""
    main_site.serve("receive")
    done = main_site.at.command("send", "shop", "invoice.paid", "--set", "data.amount=5")
    assert done.returncode == 0, done.stderr
    [record] = main_site.records("platform")
    assert record["headers"]["ce_type"] == "unknown"
    assert record["value"]["type"] == "invoice.paid"


def test_a_worker_of_its_own_handles_what_a_receiver_took(main_site: Site) -> None:
    """`receive` and `work` are two processes with one log and one store."""
    receiver, address = main_site.serve("receive")
    worker = main_site.work()
    main_site.connect(address)
    visitor = {"user_id": "user_8", "name": "Grace", "email": "grace@example.org"}
    main_site.control("conversations", {"platform": "mygptassistants", "visitor": visitor, "says": ["Hi"], "over": 0})
    wait_for(main_site.follow_ups, seconds=30, what="a follow-up in the platform")
    assert worker.stop() == 0
    assert receiver.stop() == 0
