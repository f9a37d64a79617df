"""YourGPT's endpoints of contacts, tags, lists and companies: for an organisation's token only.

Sources: contacts, contact-tags, contact-lists and contact-companies below
https://docs.yourgpt.ai/chatbot/api-reference. How contacts are made, changed and removed is not documented: the three
endpoints at the end follow the names of the others, and their answers are chosen.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from simulator import yourgpt_forms as forms
from simulator.wire import JsonObject, answer
from simulator.yourgpt_asked import body_of, choice_of, days_of, number_of, page_of, text_of
from simulator.yourgpt_people import People

Endpoint = Callable[[JsonObject, str], JsonObject]
"""(body, project) → the answer."""

_KINDS: Final[Mapping[str, str]] = {"LEADS": "lead", "USERS": "user", "SPAM": "spam"}
_FIELDS: Final = ("name", "email", "phone")


class YourGPTContacts:
    """The endpoints over the contacts of all projects."""

    def __init__(
        self,
        people: People,
        *,
        kind: "web.RequestKey[str]",
        project: Callable[[web.Request, Mapping[str, Any]], str],
    ) -> None:
        self._people = people
        self._kind = kind
        self._project = project

    def routes(self, base: str) -> Sequence[web.RouteDef]:
        """Return all endpoints."""
        endpoints: Mapping[str, Endpoint] = {
            "getAllContacts": self.all,
            "getContactDetail": self.one,
            "createContactTag": self.make_tag,
            "linkContactTags": self.link_tags,
            "createContactList": self.make_list,
            "updateContactList": self.change_list,
            "deleteContactList": self.remove_list,
            "linkContactToCompany": self.link_company,
            "deleteContactCompany": self.remove_company,
            "createContact": self.make,
            "updateContact": self.change,
            "deleteContact": self.remove,
        }
        return [web.post(f"{base}/{name}", self._by_token(endpoint)) for name, endpoint in endpoints.items()]

    def _by_token(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            body = await body_of(request, form=False)
            if request[self._kind] != "token":
                raise forms.forbidden()
            return answer(endpoint(body, self._project(request, body)))

        return handle

    def all(self, body: JsonObject, project: str) -> JsonObject:
        """/getAllContacts."""
        first, last = days_of(body)
        kind = choice_of(body, "type", ("ALL", *_KINDS), "ALL")
        tags = {tag.strip() for tag in str(body.get("tags") or "").split(",") if tag.strip()}
        search = str(body.get("search") or "").casefold()
        if "list_id" in body and self._people.list(number_of(body, "list_id"), project) is None:
            raise forms.not_found("Contact list")
        found = [
            one
            for one in self._people.all(project)
            if search in " ".join(str(one[field] or "") for field in _FIELDS).casefold()
            and kind in ("ALL", *(word for word, value in _KINDS.items() if value == one["type"]))
            and tags <= set((one["tags"] or "").split(","))
            and first <= one["createdAt"][:10] <= last
            and not (body.get("exclude_spam") is True and one["type"] == "spam")
        ]
        if choice_of(body, "orderBy", ("ASC", "DESC"), "DESC") == "DESC":
            found.reverse()
        return forms.success(list(page_of(body, found)), total=len(found))

    def one(self, body: JsonObject, project: str) -> JsonObject:
        """/getContactDetail."""
        return forms.success(self._contact(body, project))

    def make_tag(self, body: JsonObject, project: str) -> JsonObject:
        """/createContactTag."""
        return forms.success(self._people.make_tag(project, text_of(body, "name")), "Tag created successfully")

    def link_tags(self, body: JsonObject, project: str) -> JsonObject:
        """/linkContactTags: names of existing tags."""
        contact = self._contact(body, project)
        names = [name.strip() for name in text_of(body, "tags").split(",")]
        if not all(self._people.has_tag(project, name) for name in names):
            raise forms.invalid()
        kept = [tag for tag in (contact["tags"] or "").split(",") if tag and tag not in names]
        self._people.change(contact, {"tags": ",".join([*kept, *names])})
        return forms.success(message="Tag assigned successfully")

    def make_list(self, body: JsonObject, project: str) -> JsonObject:
        """/createContactList."""
        fields = {"name": text_of(body, "name"), "filter_by": _object(body, "filter_by")}
        icon = {"icon": text_of(body, "icon")} if "icon" in body else {}
        return forms.success(self._people.make_list(project, fields | icon), "List created successfully")

    def change_list(self, body: JsonObject, project: str) -> JsonObject:
        """/updateContactList."""
        found = self._list(body, project)
        found |= {field: text_of(body, field) for field in ("name", "icon") if field in body}
        found |= {"filter_by": _object(body, "filter_by")} if "filter_by" in body else {}
        return forms.success(found, "List updated successfully")

    def remove_list(self, body: JsonObject, project: str) -> JsonObject:
        """/deleteContactList."""
        self._list(body, project)["deleted"] = True
        return forms.success(message="List deleted successfully")

    def link_company(self, body: JsonObject, project: str) -> JsonObject:
        """/linkContactToCompany: any number is a company, null unlinks."""
        contact = self._contact(body, project)
        company = None if body.get("company_id") is None else number_of(body, "company_id")
        self._people.change(contact, {"company_id": company})
        return forms.success(message="Company linked successfully")

    def remove_company(self, body: JsonObject, project: str) -> JsonObject:
        """/deleteContactCompany."""
        company = number_of(body, "company_id")
        for contact in self._people.all(project):
            if contact["company_id"] == company:
                self._people.change(contact, {"company_id": None})
        return forms.success(message="Company deleted successfully")

    def make(self, body: JsonObject, project: str) -> JsonObject:
        """/createContact (not documented)."""
        return forms.success(self._people.make(project, _fields(body)), "Contact created successfully")

    def change(self, body: JsonObject, project: str) -> JsonObject:
        """/updateContact (not documented)."""
        contact = self._contact(body, project)
        self._people.change(contact, _fields(body))
        return forms.success(contact, "Contact updated successfully")

    def remove(self, body: JsonObject, project: str) -> JsonObject:
        """/deleteContact (not documented)."""
        self._people.remove(int(self._contact(body, project)["id"]))
        return forms.success(message="Contact deleted successfully")

    def _contact(self, body: JsonObject, project: str) -> JsonObject:
        found = self._people.get(number_of(body, "contact_id"), project)
        if found is None:
            raise forms.not_found("Contact")
        return found

    def _list(self, body: JsonObject, project: str) -> JsonObject:
        found = self._people.list(number_of(body, "list_id"), project)
        if found is None:
            raise forms.not_found("Contact list")
        return found


def _object(body: Mapping[str, Any], name: str) -> JsonObject:
    value = body.get(name)
    if not isinstance(value, dict):
        raise forms.invalid()
    return value


def _fields(body: Mapping[str, Any]) -> JsonObject:
    return {field: text_of(body, field) for field in _FIELDS if body.get(field) is not None}
