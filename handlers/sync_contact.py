"""Keep one contact per person, tell the log when it changed, and the accounts that should know.

Platforms tell of people in contact events, and in passing inside messages, conversations and handoffs. What other
handlers publish is no word of a platform: they change contacts by `ctx.contacts`. Of an event that is only a hint
nothing but its ids is believed: the platform is asked who it is about.
"""

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from clients.account import Account
from clients.account import Contact as PlatformContact
from clients.errors import NotFound, NotSupported
from handlers.api import AccountName, Context, GiveUp, go_without, handler
from schemas.contacts import Contact, Identity
from schemas.events import (
    ContactCreated,
    ContactDeleted,
    ContactRef,
    ContactUpdated,
    ConversationCompleted,
    ConversationCreated,
    ConversationUpdated,
    Data,
    Event,
    HandoffClosed,
    HandoffRequested,
    MessageCreated,
)


class SyncContact(BaseModel):
    """`[handlers.sync-contact]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    push: tuple[AccountName, ...] = Field(default=(), description="Accounts that are told what differs from theirs.")
    verified: tuple[str, ...] = Field(
        default=(),
        description="Sources, and accounts of push, whose e-mail addresses were verified by the platform: contacts "
        "that share one become one, and only among these is anybody looked up or made by address.",
    )


@dataclass(frozen=True, slots=True)
class Person:
    """Who an event is about, in the words of its source."""

    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    attributes: dict[str, JsonValue] = field(default_factory=dict)


@handler(
    "sync-contact",
    on=(
        ContactCreated,
        ContactUpdated,
        ContactDeleted,
        MessageCreated,
        ConversationCreated,
        ConversationUpdated,
        ConversationCompleted,
        HandoffRequested,
        HandoffClosed,
    ),
    config=SyncContact,
    timeout="60s",
)
async def sync_contact(event: Event[Data], ctx: Context[SyncContact]) -> None:
    """Keep one contact per person, and publish it when it changed."""
    # what a handler published has the handler for its source, and an id in it is nobody's there
    if event.origin == "handler":
        return
    person = await _confirmed(event, ctx) if event.unconfirmed else person_of(event.data)
    if person is None:
        return
    identity = Identity(source=event.source, platform=event.platform, id=person.id)
    if isinstance(event.data, ContactDeleted):
        await ctx.contacts.delete(identity, at=event.time)
    else:
        await ctx.contacts.save(
            identity,
            at=event.time,
            name=person.name,
            email=person.email,
            phone=person.phone,
            attributes=person.attributes,
            email_verified=event.source in ctx.config.verified,
        )
    changed = await _publish(ctx)
    if not changed or not ctx.config.push:
        return
    for contact_id in changed:
        contact = await ctx.contacts.find(contact_id=contact_id)
        # an id that was merged away leads to the contact that goes on
        if contact is not None and contact.id == contact_id:
            for name in ctx.config.push:
                await _push(contact, ctx.account(name), event, ctx)
    # the platforms' own ids may have been learned on the way
    await _publish(ctx)


def person_of(data: Data) -> Person | None:
    """Whom an event tells of; None if it does not say, or not enough to know them again."""
    if isinstance(data, (ContactCreated, ContactUpdated)):
        return Person(data.contact_id, data.name, data.email, data.phone, dict(data.attributes))
    if isinstance(data, ContactDeleted):
        return Person(data.contact_id)
    ref = getattr(data, "contact", None)
    if not isinstance(ref, ContactRef):
        return None
    known_as = ref.id or _address("email", ref.email) or _address("phone", ref.phone)
    return None if known_as is None else Person(known_as, ref.name, ref.email, ref.phone)


async def _confirmed(event: Event[Data], ctx: Context[SyncContact]) -> Person | None:
    """Whom a hint is about, as the platform itself answers; None if it does not say. Of the event only ids are used."""
    try:
        return await _asked(event.data, ctx.account())
    except (GiveUp, NotSupported, NotFound) as error:
        if await ctx.allow("unconfirmed", f"{event.source}/{type(error).__name__}", limit=1, per="1d"):
            ctx.log.warning(
                "contact.unconfirmed",
                cause=str(error),
                fix=f"nobody signed what says who it is, and the platform did not confirm it: see that [accounts] has "
                f"the account of [sources.{event.source}]; or trust the source, with confirm = false",
            )
        return None


async def _asked(data: Data, account: Account) -> Person | None:
    if isinstance(data, ContactDeleted):
        try:
            await account.get_contact(data.contact_id)
        except NotFound:
            return Person(data.contact_id)
        return None
    if isinstance(data, (ContactCreated, ContactUpdated)):
        known = await account.get_contact(data.contact_id)
        return Person(data.contact_id, known.name, known.email, known.phone, dict(known.attributes))
    conversation = getattr(data, "conversation_id", None)
    contact = await account.contact_of(conversation) if isinstance(conversation, str) else None
    if contact is None:
        return None
    known_as = contact.id or _address("email", contact.email) or _address("phone", contact.phone)
    return None if known_as is None else Person(known_as, contact.name, contact.email, contact.phone)


def missing(contact: Contact, theirs: PlatformContact) -> dict[str, Any]:
    """What a platform does not know of a contact, or knows differently. What only it knows is left alone."""
    differs: dict[str, Any] = {
        name: value
        for name in ("name", "email", "phone")
        if (value := getattr(contact, name)) is not None and value != getattr(theirs, name)
    }
    attributes = {**theirs.attributes, **contact.attributes}
    if attributes != theirs.attributes:
        differs["attributes"] = attributes
    return differs


async def _publish(ctx: Context[SyncContact]) -> list[str]:
    """Publish what this event changed, and say what that is."""
    changed = sorted(await ctx.contacts.changed())
    for contact_id in changed:
        await ctx.contacts.publish(contact_id)
    return changed


async def _push(contact: Contact, account: Account, event: Event[Data], ctx: Context[SyncContact]) -> None:
    """Tell one account what differs from what it knows, as far as its platform can be told.

    A person the account does not know by an id of its own is found or made by e-mail address, if it is vouched for;
    without one, not at all.
    """
    try:
        theirs = await _known_there(contact, account)
        if theirs is None and not await _vouched(contact, account, ctx):
            return
        differs = missing(contact, theirs or PlatformContact())
        if not differs:
            return
        told = await account.upsert_contact(PlatformContact(id=theirs and theirs.id, **differs))
    except NotSupported as error:
        await go_without(ctx, account, error)
        return
    ctx.log.info("contact.pushed", account=account.name, contact=contact.id)
    if theirs is None and told.id is not None:
        await _learn(contact, account, told.id, event, ctx)


async def _vouched(contact: Contact, account: Account, ctx: Context[SyncContact]) -> bool:
    """Whether a record with the contact's address at the account is the contact's own.

    It is when the address was verified here and is verified there. Else whoever typed it on either side would be
    taken for the other, whose record would be written over.
    """
    if contact.email is None:
        return False
    holder = await ctx.contacts.find(email=contact.email) if account.name in ctx.config.verified else None
    if holder is not None and holder.id == contact.id:
        return True
    if await ctx.allow("unvouched", account.name, limit=1, per="1d"):
        ctx.log.warning(
            "contact.unpushed",
            account=account.name,
            contact=contact.id,
            cause="the account does not know this person by id, and nobody vouches for the e-mail address",
            fix=f"if {account.name} and the source the person comes from verify addresses, name both in verified of "
            f"[handlers.{ctx.handler}]",
        )
    return False


async def _known_there(contact: Contact, account: Account) -> PlatformContact | None:
    for identity in contact.identities:
        if identity.source == account.name and identity.platform == account.platform:
            try:
                return await account.get_contact(identity.id)
            except NotFound:
                # an id that the caller passed through the platform, or a contact that was removed there
                continue
    return None


async def _learn(
    contact: Contact, account: Account, their_id: str, event: Event[Data], ctx: Context[SyncContact]
) -> None:
    """Remember under which id the account knows the contact from now on: another who has it shares the address."""
    identity = Identity(source=account.name, platform=account.platform, id=their_id)
    holder = await ctx.contacts.save(identity, at=event.time)
    if holder.id != contact.id:
        await ctx.contacts.merge(contact.id, holder.id, at=event.time)


def _address(kind: str, value: str | None) -> str | None:
    folded = (value or "").strip().casefold()
    return f"{kind}:{folded}" if folded else None
