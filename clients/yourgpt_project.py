"""One project at YourGPT as the client reaches it: keys, headers, the project's name in each body, lists in pages."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final, Literal, TypeVar

from clients import yourgpt_answers as answers
from clients import yourgpt_asked as asked
from clients.errors import BadAnswer
from clients.http import Call, Edges
from clients.wires import wires
from clients.yourgpt_settings import YourGPTSettings

T = TypeVar("T")

CALLS: Final = "calls"

Level = Literal["project", "organisation"]


class Project:
    """The way to one project; `what` names the account in errors."""

    def __init__(self, name: str, platform: str, settings: YourGPTSettings, edges: Edges) -> None:
        self.name = name
        self.what = f"{name} ({platform})"
        self.settings = settings
        self.clock = edges.clock
        self.by_token = settings.project_uid is not None
        limits = settings.limits
        self.wire, self._organisation = wires(
            name,
            platform,
            settings,
            settings.organisation_base,
            rates={CALLS: limits.calls},
            max_wait=limits.max_wait,
            complain=answers.complain,
            edges=edges,
            header=None if self.by_token else "api-key",
        )

    async def ask(
        self,
        operation: str,
        path: str,
        body: Mapping[str, Any],
        *,
        reads: bool = False,
        form: bool = False,
        level: Level = "project",
    ) -> object:
        """Post a body and return the whole answer, which is a success.

        Args:
            operation: its name in errors and logs.
            path: below the base of its level.
            body: its fields; at the project's level the project's uid is added.
            reads: it has no effect, so it may be repeated.
            form: the platform's page shows a form, so it is one if the account says so.
            level: the project's API or the organisation's.
        """
        wire, named = (self.wire, self.named(body)) if level == "project" else (self._organisation, body)
        call = Call(
            operation=operation,
            method="POST",
            path=path,
            quota=CALLS,
            body=named,
            form=form and self.settings.form,
            repeatable=reads,
        )
        return await wire.ask(call)

    def named(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A body with the project's uid, as the kind of key has it."""
        return asked.named(body, widget_uid=self.settings.widget_uid, project_uid=self.settings.project_uid)

    async def pages(
        self,
        operation: str,
        path: str,
        body: Mapping[str, Any],
        read: "Callable[..., answers.Page[T]]",
        *,
        key: Callable[[T], str | None],
        form: bool = False,
        most: int | None = None,
    ) -> AsyncGenerator[T]:
        """Ask page after page; what a shifting list shows twice in a row is given once.

        Args:
            operation: its name in errors and logs.
            path: the list's.
            body: what is asked of each page.
            read: reads a page.
            key: the id of an item.
            form: as for `ask`.
            most: at most so many pages.
        """
        page, seen, before, what = 1, 0, frozenset[str | None](), f"{self.what}: {operation}"
        while most is None or page <= most:
            told = read(await self.ask(operation, path, asked.paged(body, page), reads=True, form=form), what=what)
            ids = frozenset(map(key, told.items))
            if page > 1 and ids and ids <= before:
                raise BadAnswer(f"{what}: page {page} repeats the page before")
            for item in told.items:
                if key(item) not in before:
                    yield item
            seen += told.told
            # the total is documented; a short page without one is the last
            if told.told == 0 or (told.told < asked.PAGE if told.total is None else seen >= told.total):
                return
            page, before = page + 1, ids

    async def aclose(self) -> None:
        """Give back the connections."""
        try:
            await self.wire.aclose()
        finally:
            await self._organisation.aclose()
