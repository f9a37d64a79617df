"""Contacts, tags, lists and companies of a project at YourGPT.

Documented below https://docs.yourgpt.ai/chatbot/api-reference: contacts, contact-tags, contact-lists,
contact-companies; all with an organisation's token (permission Contacts). No page shows how a contact is made, changed
or removed: those three follow the names of the others (inferred) and are off until the account switches them on.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

from pydantic import JsonValue

from clients import yourgpt_answers as answers
from clients import yourgpt_asked as asked
from clients.account import Contact
from clients.errors import NotFound, NotSupported, Rejected
from clients.yourgpt_asked import Kind
from clients.yourgpt_project import Project


class YourGPTContacts:
    """The contacts of a project. Every call raises `NotSupported` for an account with a project's key."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def get(self, contact_id: str) -> Contact:
        """`/getContactDetail`: one contact; `NotFound` if there is none."""
        body = {"contact_id": self._number(contact_id, "get_contact")}
        value = await self._asked("get_contact", "/getContactDetail", body, reads=True)
        return answers.contact(value, what=self._what("get_contact"))

    async def all(
        self,
        *,
        search: str | None = None,
        kind: Kind | None = None,
        tags: Sequence[str] = (),
        list_id: int | None = None,
        exclude_spam: bool | None = None,
        order: Literal["ASC", "DESC"] | None = None,
    ) -> AsyncGenerator[Contact]:
        """`/getAllContacts`: the contacts that fit, page after page."""
        self._token("contacts")
        body = asked.given(
            search=search,
            type=kind,
            tags=",".join(tags) or None,
            list_id=list_id,
            exclude_spam=exclude_spam,
            orderBy=order,
        )
        pages = self._project.pages(
            "contacts", "/getAllContacts", body, answers.contacts, key=lambda contact: contact.id
        )
        async with aclosing(pages) as contacts:
            async for contact in contacts:
                yield contact

    async def of_email(self, email: str) -> Contact | None:
        """The first contact with exactly this address; the platform searches, and promises no unique one."""
        async with aclosing(self.all(search=email)) as contacts:
            async for contact in contacts:
                if contact.email == email:
                    return contact
        return None

    async def upsert(self, contact: Contact) -> Contact:
        """Find the contact by id, else by e-mail address; make it, or change what differs, where that is switched on.

        Tags are linked, and not taken away; attributes have no place there.
        """
        self._token("upsert_contact")
        theirs = await self._known(contact)
        if theirs is None:
            theirs = await self.create(contact)
        fields = asked.contact_fields(contact)
        if differs := {name: value for name, value in fields.items() if value != getattr(theirs, name)}:
            theirs = await self.update(Contact(id=theirs.id, **differs))
        new = tuple(tag for tag in contact.tags if tag not in theirs.tags)
        if new and theirs.id is not None:
            await self.link_tags(theirs.id, new)
            theirs = theirs.model_copy(update={"tags": (*theirs.tags, *new)})
        return theirs

    async def create(self, contact: Contact) -> Contact:
        """Make a contact (inferred, off by default); its id is the platform's to give."""
        fields = asked.contact_fields(contact)
        value = await self._asked("create_contact", self._path("create"), fields)
        made = answers.made(value, what=self._what("create_contact"))
        return Contact(id=made, **fields)

    async def update(self, contact: Contact) -> Contact:
        """Change the fields that are set of the contact with `contact.id` (inferred, off by default)."""
        number = self._number(contact.id or "", "update_contact")
        body = {"contact_id": number, **asked.contact_fields(contact)}
        await self._asked("update_contact", self._path("update"), body)
        return await self.get(str(number))

    async def delete(self, contact_id: str) -> None:
        """Remove a contact (inferred, off by default); one that is already gone is no error."""
        body = {"contact_id": self._number(contact_id, "delete_contact")}
        try:
            await self._asked("delete_contact", self._path("delete"), body)
        except NotFound:
            return

    async def create_tag(self, name: str) -> str:
        """`/createContactTag`: make a tag and return its id."""
        value = await self._asked("create_tag", "/createContactTag", {"name": name})
        return answers.made(value, what=self._what("create_tag"))

    async def link_tags(self, contact_id: str, tags: Sequence[str]) -> None:
        """`/linkContactTags`: give a contact tags, which must exist."""
        body = {"contact_id": self._number(contact_id, "link_tags"), "tags": ",".join(tags)}
        await self._asked("link_tags", "/linkContactTags", body)

    async def create_list(self, name: str, filter_by: Mapping[str, JsonValue], *, icon: str | None = None) -> str:
        """`/createContactList`: make a list of the contacts that a filter lets through, and return its id."""
        body = asked.given(name=name, filter_by=dict(filter_by), icon=icon)
        value = await self._asked("create_list", "/createContactList", body)
        return answers.made(value, what=self._what("create_list"))

    async def update_list(
        self,
        list_id: str,
        *,
        name: str | None = None,
        filter_by: Mapping[str, JsonValue] | None = None,
        icon: str | None = None,
    ) -> None:
        """`/updateContactList`: change what is given of a list."""
        changed = asked.given(name=name, filter_by=None if filter_by is None else dict(filter_by), icon=icon)
        await self._asked("update_list", "/updateContactList", {"list_id": self._number(list_id), **changed})

    async def delete_list(self, list_id: str) -> None:
        """`/deleteContactList`."""
        await self._asked("delete_list", "/deleteContactList", {"list_id": self._number(list_id)})

    async def link_company(self, contact_id: str, company_id: str | None) -> None:
        """`/linkContactToCompany`: say which company a contact belongs to; None unlinks."""
        company = None if company_id is None else self._number(company_id)
        body = {"contact_id": self._number(contact_id), "company_id": company}
        await self._asked("link_company", "/linkContactToCompany", body)

    async def delete_company(self, company_id: str) -> None:
        """`/deleteContactCompany`."""
        await self._asked("delete_company", "/deleteContactCompany", {"company_id": self._number(company_id)})

    async def _known(self, contact: Contact) -> Contact | None:
        if contact.id is not None:
            return await self.get(contact.id)
        return None if contact.email is None else await self.of_email(contact.email)

    async def _asked(self, operation: str, path: str, body: Mapping[str, Any], *, reads: bool = False) -> object:
        self._token(operation)
        return await self._project.ask(operation, path, body, reads=reads)

    def _token(self, operation: str) -> None:
        if not self._project.by_token:
            raise NotSupported(
                f"{self._what(operation)}: contacts want an organisation's API token: set api_key to one (permission "
                f"Contacts) and project_uid instead of widget_uid in [accounts.{self._project.name}]",
                ability=operation,
            )

    def _path(self, operation: Literal["create", "update", "delete"]) -> str:
        paths = self._project.settings.contacts
        path: str = getattr(paths, operation)
        if not paths.enabled or not path:
            raise NotSupported(
                f"{self._what(operation)} of contacts is switched off, because the platform documents no such page. "
                f"When your account's documentation confirms it, set enabled = true and the paths in "
                f"[accounts.{self._project.name}.contacts]",
                ability="delete_contact" if operation == "delete" else "upsert_contact",
            )
        return path

    def _number(self, text: str, operation: str = "contacts") -> int:
        """An id of the platform, which is an integer; another's id is nobody there."""
        if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004 - what 64 bits hold
            if operation == "get_contact":
                raise NotFound(f"{self._what(operation)}: the platform's contacts have numbers for ids")
            raise Rejected(f"{self._what(operation)}: the platform's ids are numbers")
        return int(text)

    def _what(self, operation: str) -> str:
        return f"{self._project.what}: {operation}"
