"""One contact per person, one writer at a time, on both databases."""

import pytest

from schemas.contacts import Identity
from store.contacts import Tombstone
from store.errors import ContactUnknown, StoreRefused
from store.store import Store
from tests.contract.stores import NOW, minute, person, rows

ANN = person("u1")
ANN_MAIL = person("ann", source="newsletter")


async def test_a_new_identity_makes_a_contact(store: Store) -> None:
    """With an id of ours and what was given."""
    saved = await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", phone="1", attributes={"plan": "pro"})
    assert saved.changed
    contact = saved.contact
    assert (contact.name, contact.email, contact.phone, contact.attributes) == ("Ann", None, "1", {"plan": "pro"})
    assert (contact.identities, contact.version, contact.updated_at) == ((ANN,), 1, minute(1))
    assert await store.contacts.get(contact.id) == contact
    assert await store.contacts.find(identity=ANN) == contact


async def test_a_newer_event_writes_and_counts(store: Store) -> None:
    """Only what it says; the version grows by one."""
    first = (await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", phone="1")).contact
    second = await store.contacts.save(ANN, at=minute(2), now=NOW, phone="2")
    assert second.changed
    assert (second.contact.id, second.contact.version) == (first.id, 2)
    assert (second.contact.name, second.contact.phone, second.contact.updated_at) == ("Ann", "2", minute(2))


async def test_an_older_event_fills_what_nobody_has_said(store: Store) -> None:
    """The last writer by event time wins per field, not per contact."""
    await store.contacts.save(ANN, at=minute(5), now=NOW, name="Ann B.", attributes={"plan": "pro"})
    late = await store.contacts.save(
        ANN, at=minute(3), now=NOW, name="Ann", phone="1", attributes={"plan": "free", "city": "Bern"}
    )
    assert (late.contact.name, late.contact.phone) == ("Ann B.", "1")
    assert late.contact.attributes == {"plan": "pro", "city": "Bern"}
    assert late.contact.updated_at == minute(5)


async def test_the_same_again_changes_nothing(store: Store) -> None:
    """A redelivered event has no new version."""
    first = await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann")
    again = await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann")
    assert (again.changed, again.contact) == (False, first.contact)


async def test_saying_the_same_later_guards_it_against_what_was_between(store: Store) -> None:
    """The value was confirmed at 5, so an event of 3 that comes late does not replace it; no version is spent on it."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann")
    confirmed = await store.contacts.save(ANN, at=minute(5), now=NOW, name="Ann")
    late = await store.contacts.save(ANN, at=minute(3), now=NOW, name="Anna")
    assert (confirmed.changed, confirmed.contact.version) == (False, 1)
    assert (late.changed, late.contact.name) == (False, "Ann")


async def test_of_two_events_of_one_time_the_later_to_come_wins(store: Store) -> None:
    """Platforms whose clocks tick in seconds give two updates one time; the lane has them in order."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann")
    assert (await store.contacts.save(ANN, at=minute(1), now=NOW, name="Anna")).contact.name == "Anna"


@pytest.mark.parametrize("empty", ["", "  ", None])
async def test_an_empty_field_says_nothing(store: Store, empty: str | None) -> None:
    """Platforms send empty texts for what they do not know."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", email="a@x.org", phone="1")
    saved = await store.contacts.save(ANN, at=minute(2), now=NOW, name=empty, email=empty, phone=empty)
    assert (saved.contact.name, saved.contact.email, saved.contact.phone) == ("Ann", "a@x.org", "1")


async def test_attributes_differ_as_json_differs(store: Store) -> None:
    """1, 1.0 and true are equal in Python, and three values to a reader."""
    versions = []
    for number, value in enumerate((1, 1.0, True)):
        saved = await store.contacts.save(ANN, at=minute(number), now=NOW, attributes={"a": value})
        versions.append((saved.contact.version, saved.contact.attributes["a"], saved.changed))
    assert versions == [(1, 1, True), (2, 1.0, True), (3, True, True)]


async def test_strangers_texts_come_back_as_they_were(store: Store) -> None:
    """NUL, lone surrogates and a megabyte in the id."""
    odd = Identity(source="s", platform="p", id="\x00\ud800\x1a" + "x" * 1_000_000)
    saved = await store.contacts.save(odd, at=NOW, now=NOW, name="\x00\udfff", attributes={"\x00": "\ud800"})
    found = await store.contacts.find(identity=odd)
    assert found == saved.contact
    assert found is not None
    assert (found.identities, found.name, found.attributes) == ((odd,), "\x00\udfff", {"\x00": "\ud800"})


async def test_an_unverified_address_is_kept_and_does_not_merge(store: Store) -> None:
    """Anybody may type it."""
    ann = await store.contacts.save(ANN, at=NOW, now=NOW, email="ann@x.org", email_verified=True)
    other = await store.contacts.save(ANN_MAIL, at=NOW, now=NOW, email="ann@x.org")
    assert other.contact.email == "ann@x.org"
    assert other.contact.id != ann.contact.id
    assert (await store.contacts.find(email="ann@x.org")) == ann.contact


async def test_nobody_is_found_by_an_unverified_address(store: Store) -> None:
    """Not even if it is the only one of its kind."""
    await store.contacts.save(ANN, at=NOW, now=NOW, email="ann@x.org")
    assert await store.contacts.find(email="ann@x.org") is None


async def test_a_new_identity_joins_the_holder_of_its_verified_address(store: Store) -> None:
    """However it is written."""
    ann = await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", email="Ann@X.org ", email_verified=True)
    joined = await store.contacts.save(ANN_MAIL, at=minute(2), now=NOW, email="ann@x.ORG", email_verified=True)
    assert (joined.contact.id, joined.absorbed, joined.changed) == (ann.contact.id, (), True)
    assert joined.contact.identities == (ANN_MAIL, ANN)
    assert await store.contacts.find(email=" ANN@x.org") == joined.contact


async def test_two_contacts_with_one_verified_address_become_one(store: Store) -> None:
    """The older survives, with each field from the newer event; the other's id becomes an alias."""
    old = (
        await store.contacts.save(ANN, at=minute(1), now=minute(1), name="Ann", email="ann@x.org", email_verified=True)
    ).contact
    young = (await store.contacts.save(ANN_MAIL, at=minute(2), now=minute(2), name="Ann B.", phone="1")).contact
    saved = await store.contacts.save(ANN_MAIL, at=minute(3), now=minute(3), email="ann@x.org", email_verified=True)
    assert (saved.contact.id, saved.absorbed, saved.changed) == (old.id, (young.id,), True)
    assert (saved.contact.name, saved.contact.phone, saved.contact.identities) == ("Ann B.", "1", (ANN_MAIL, ANN))
    assert saved.contact.version == 2
    assert await store.contacts.get(young.id) == Tombstone(id=young.id, into=old.id, version=2, at=minute(3))
    assert await store.contacts.find(contact_id=young.id) == saved.contact


async def test_the_survivors_version_is_above_both(store: Store) -> None:
    """Whoever knew either id sees it grow."""
    await store.contacts.save(ANN, at=minute(1), now=minute(1), email="ann@x.org", email_verified=True)
    for number in range(5):
        await store.contacts.save(ANN_MAIL, at=minute(number), now=minute(2), phone=str(number))
    saved = await store.contacts.save(ANN_MAIL, at=minute(9), now=minute(9), email="ann@x.org", email_verified=True)
    assert saved.contact.version == 6


async def test_an_older_event_claims_no_address(store: Store) -> None:
    """A newer one has replaced it already."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, email="old@x.org", email_verified=True)
    await store.contacts.save(ANN_MAIL, at=minute(5), now=NOW, email="new@x.org", email_verified=True)
    late = await store.contacts.save(ANN_MAIL, at=minute(3), now=NOW, email="old@x.org", email_verified=True)
    assert (late.changed, late.contact.email, late.contact.identities) == (False, "new@x.org", (ANN_MAIL,))


async def test_a_replaced_address_is_free_for_others(store: Store) -> None:
    """Its next verified holder is another person."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, email="desk@x.org", email_verified=True)
    ann = await store.contacts.save(ANN, at=minute(2), now=NOW, email="ann@x.org", email_verified=True)
    bob = await store.contacts.save(ANN_MAIL, at=minute(3), now=NOW, email="desk@x.org", email_verified=True)
    assert bob.contact.id != ann.contact.id
    assert await store.contacts.find(email="desk@x.org") == bob.contact


async def test_an_unverified_address_does_not_take_the_verified_one_away(store: Store) -> None:
    """It is shown as the newest, and the person is still found by the one that was proven."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, email="ann@x.org", email_verified=True)
    saved = await store.contacts.save(ANN, at=minute(2), now=NOW, email="typed@x.org")
    assert saved.contact.email == "typed@x.org"
    assert await store.contacts.find(email="ann@x.org") == saved.contact
    assert await store.contacts.find(email="typed@x.org") is None


@pytest.mark.parametrize("text", ["ann", "@x.org", "ann@", "a b@x.org", "a@b@c", "x" * 250 + "@x.org", "\x00@x.org"])
async def test_what_is_no_address_merges_nobody(store: Store, text: str) -> None:
    """It is kept as it came."""
    await store.contacts.save(ANN, at=NOW, now=NOW, email=text, email_verified=True)
    saved = await store.contacts.save(ANN_MAIL, at=NOW, now=NOW, email=text, email_verified=True)
    assert (saved.contact.email, saved.contact.identities) == (text, (ANN_MAIL,))


async def test_merging_by_hand(store: Store) -> None:
    """The first survives whoever is older; each field is the newer one's."""
    one = (await store.contacts.save(ANN, at=minute(1), now=minute(1), name="Ann", phone="1")).contact
    two = (await store.contacts.save(ANN_MAIL, at=minute(2), now=minute(2), name="Ann B.")).contact
    merged = await store.contacts.merge(two.id, one.id, at=minute(3), now=minute(3))
    assert (merged.contact.id, merged.absorbed) == (two.id, (one.id,))
    assert (merged.contact.name, merged.contact.phone) == ("Ann B.", "1")
    assert (await store.contacts.save(ANN, at=minute(4), now=minute(4), phone="2")).contact.id == two.id


async def test_merging_what_is_one_changes_nothing(store: Store) -> None:
    """Also by an alias: the merge is done."""
    one = (await store.contacts.save(ANN, at=NOW, now=NOW)).contact
    two = (await store.contacts.save(ANN_MAIL, at=NOW, now=NOW)).contact
    first = await store.contacts.merge(one.id, two.id, at=NOW, now=NOW)
    again = await store.contacts.merge(one.id, two.id, at=NOW, now=NOW)
    assert (again.changed, again.absorbed, again.contact) == (False, (), first.contact)


async def test_merging_strangers_is_refused(store: Store) -> None:
    """An id nobody ever had, and one that was deleted."""
    one = (await store.contacts.save(ANN, at=NOW, now=NOW)).contact
    two = (await store.contacts.save(ANN_MAIL, at=NOW, now=NOW)).contact
    await store.contacts.delete(ANN_MAIL, at=minute(1), now=NOW)
    for gone in ("nobody", two.id):
        with pytest.raises(ContactUnknown, match=gone):
            await store.contacts.merge(one.id, gone, at=NOW, now=NOW)


async def test_aliases_of_aliases_lead_to_the_living(store: Store) -> None:
    """In one step, however often it was merged."""
    ids = [
        (await store.contacts.save(person(f"u{number}"), at=NOW, now=minute(number))).contact.id for number in range(4)
    ]
    await store.contacts.merge(ids[1], ids[0], at=NOW, now=NOW)
    await store.contacts.merge(ids[2], ids[1], at=NOW, now=NOW)
    await store.contacts.merge(ids[3], ids[0], at=NOW, now=NOW)
    for former in ids[:3]:
        tombstone = await store.contacts.get(former)
        assert isinstance(tombstone, Tombstone)
        assert tombstone.into == ids[3]


async def test_taking_one_identity_away_leaves_the_others(store: Store) -> None:
    """And what is known of the person."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", email="ann@x.org", email_verified=True)
    await store.contacts.save(ANN_MAIL, at=minute(1), now=NOW, email="ann@x.org", email_verified=True)
    left = await store.contacts.delete(ANN, at=minute(2), now=NOW)
    assert left is not None
    assert (left.identities, left.name, left.version) == ((ANN_MAIL,), "Ann", 3)
    assert await store.contacts.find(identity=ANN) is None


async def test_a_contact_without_identities_is_deleted(store: Store) -> None:
    """Its tombstone stays and its versions go on; nothing of the person is left, not even the id at the platform."""
    saved = (
        await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", email="ann@x.org", email_verified=True)
    ).contact
    gone = await store.contacts.delete(ANN, at=minute(2), now=NOW)
    assert gone is not None
    assert (gone.id, gone.version, gone.identities, gone.name, gone.email) == (saved.id, 2, (), None, None)
    assert await store.contacts.get(saved.id) == Tombstone(id=saved.id, into=None, version=2, at=minute(2))
    assert await store.contacts.find(email="ann@x.org") is None
    assert await store.contacts.find(contact_id=saved.id) is None


async def test_nothing_of_a_deleted_person_is_left_in_the_tables(store: Store, store_url: str) -> None:
    """The identity's row keeps a digest and times only."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann", attributes={"a": "b"})
    await store.contacts.delete(ANN, at=minute(2), now=NOW)
    assert await rows(store_url, "SELECT * FROM contacts") == []
    assert await rows(store_url, "SELECT contact_id, source, platform, identity FROM identities") == [(None,) * 4]


async def test_aliases_of_a_deleted_contact_are_tombstones(store: Store) -> None:
    """They lead nowhere any more."""
    old = (await store.contacts.save(ANN, at=minute(1), now=minute(1))).contact
    young = (await store.contacts.save(ANN_MAIL, at=minute(1), now=minute(2))).contact
    await store.contacts.merge(old.id, young.id, at=minute(3), now=minute(3))
    await store.contacts.delete(ANN, at=minute(4), now=minute(4))
    await store.contacts.delete(ANN_MAIL, at=minute(4), now=minute(4))
    for former in (old.id, young.id):
        tombstone = await store.contacts.get(former)
        assert isinstance(tombstone, Tombstone)
        assert tombstone.into is None


async def test_deleting_nobody_gives_nothing(store: Store) -> None:
    """Twice is the same as once."""
    assert await store.contacts.delete(ANN, at=NOW, now=NOW) is None
    assert await store.contacts.delete(ANN, at=NOW, now=NOW) is None


@pytest.mark.parametrize("late", [0, 2])
async def test_an_older_event_does_not_bring_the_deleted_back(store: Store, late: int) -> None:
    """Nor one of the same time; its contact has no identities, which says that it is gone."""
    saved = (await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann")).contact
    await store.contacts.delete(ANN, at=minute(2), now=NOW)
    after = await store.contacts.save(ANN, at=minute(late), now=NOW, name="Ann")
    assert (after.changed, after.contact.id, after.contact.identities) == (False, saved.id, ())
    assert await store.contacts.find(identity=ANN) is None


async def test_an_older_event_brings_nobody_back_who_was_deleted_before_he_was_known(store: Store) -> None:
    """The delete came first, its event was the newer."""
    await store.contacts.delete(ANN, at=minute(2), now=NOW)
    after = await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann")
    assert (after.changed, after.contact.identities) == (False, ())
    assert await store.contacts.find(identity=ANN) is None


async def test_a_newer_event_makes_a_new_contact(store: Store) -> None:
    """Who comes back is somebody new; the old id stays a tombstone."""
    old = (await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann")).contact
    await store.contacts.delete(ANN, at=minute(2), now=NOW)
    new = await store.contacts.save(ANN, at=minute(3), now=NOW, phone="1")
    assert new.changed
    assert new.contact.id != old.id
    assert (new.contact.name, new.contact.version) == (None, 1)
    assert isinstance(await store.contacts.get(old.id), Tombstone)


async def test_an_older_delete_does_nothing(store: Store) -> None:
    """A newer event has named the identity since."""
    await store.contacts.save(ANN, at=minute(1), now=NOW, name="Ann")
    seen = await store.contacts.save(ANN, at=minute(5), now=NOW)
    assert await store.contacts.delete(ANN, at=minute(3), now=NOW) == seen.contact
    assert await store.contacts.find(identity=ANN) == seen.contact


async def test_a_later_delete_moves_the_time_of_the_deletion(store: Store) -> None:
    """What is older than the last of them changes nothing."""
    await store.contacts.save(ANN, at=minute(1), now=NOW)
    await store.contacts.delete(ANN, at=minute(2), now=NOW)
    await store.contacts.delete(ANN, at=minute(6), now=NOW)
    await store.contacts.delete(ANN, at=minute(3), now=NOW)
    assert (await store.contacts.save(ANN, at=minute(5), now=NOW)).contact.identities == ()


async def test_find_wants_exactly_one_thing(store: Store) -> None:
    """Two could name two people."""
    with pytest.raises(ValueError, match="exactly one"):
        await store.contacts.find()
    with pytest.raises(ValueError, match="exactly one"):
        await store.contacts.find(identity=ANN, email="ann@x.org")


async def test_nobody_is_found_by_what_nobody_has(store: Store) -> None:
    """None, not an error."""
    assert await store.contacts.find(identity=ANN) is None
    assert await store.contacts.find(contact_id="c") is None
    assert await store.contacts.get("c") is None


async def test_a_contact_does_not_grow_without_bound(store: Store) -> None:
    """Attributes beyond 256 KiB are refused, and what stood there stays."""
    before = (await store.contacts.save(ANN, at=minute(1), now=NOW, attributes={"a": "x" * 200_000})).contact
    with pytest.raises(StoreRefused, match="more than 262,144 bytes of attributes"):
        await store.contacts.save(ANN, at=minute(2), now=NOW, name="Ann", attributes={"b": "x" * 100_000})
    assert await store.contacts.get(before.id) == before
