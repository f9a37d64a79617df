"""The whole configuration: one model a section, each owned by the package that is configured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cli import data_files, demo
from cli.blame import Blame
from cli.errors import Misconfigured
from cli.explain import suggestion
from cli.overlay import overlay
from cli.places import Places
from cli.reading import read_parts, told
from cli.secrets import References
from cli.toml_text import parsed
from clients.settings import AccountSettings
from console.settings import ConsoleSettings
from eventlog.open import EventLogSettings
from receiver.recipes.catalogue import Catalogue
from receiver.recipes.recipe import Recipe
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.platforms import PLATFORMS
from schemas.hosts import host_problem
from schemas.topics import DEFAULT_PREFIX, DEFAULTS, TopicName, Topics, TopicSettings
from store.settings import StoreSettings

# Bytes of a record beside twice its body: key, headers, and what JSON needs to quote the body.
RECORD_HEADROOM = 64 * 1024
# Handlers that come with hookline: a variable may configure them without a section in the file.
BUILT_IN = ("sync-contact", "follow-up-chat")


class TopicsSettings(BaseModel):
    """`[topics]`: the prefix of all names, and how each topic is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: str = Field(
        default=DEFAULT_PREFIX,
        pattern=r"^[a-zA-Z0-9._-]{0,100}$",
        description="Stands before every topic's and every consumer group's name.",
    )
    conversations: TopicSettings = DEFAULTS["conversations"]
    contacts: TopicSettings = DEFAULTS["contacts"]
    contacts_state: TopicSettings = DEFAULTS["contacts.state"]
    platform: TopicSettings = DEFAULTS["platform"]
    deliveries: TopicSettings = DEFAULTS["deliveries"]
    quarantine: TopicSettings = DEFAULTS["quarantine"]
    dead: TopicSettings = DEFAULTS["dead"]

    @model_validator(mode="before")
    @classmethod
    def _merged(cls, value: object) -> object:
        """A section that names one key of a topic leaves its other keys as they are."""
        if not isinstance(value, dict):
            return value
        kept = {topic.replace(".", "_"): default.model_dump() for topic, default in DEFAULTS.items()}
        return {
            name: {**kept[name], **given} if name in kept and isinstance(given, dict) else given
            for name, given in value.items()
        }

    def topics(self) -> Topics:
        """The topics of this installation."""
        kept: dict[TopicName, TopicSettings] = {topic: getattr(self, topic.replace(".", "_")) for topic in DEFAULTS}
        return Topics(prefix=self.prefix, settings=kept)


class Settings(BaseModel):
    """`hookline.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    eventlog: EventLogSettings = Field(default_factory=EventLogSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    topics: TopicsSettings = Field(default_factory=TopicsSettings)
    receiver: ReceiverSettings = Field(default_factory=ReceiverSettings)
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)
    sources: dict[str, SourceSettings] = Field(default_factory=dict)
    platforms: dict[str, Recipe] = Field(default_factory=dict)
    accounts: dict[str, AccountSettings] = Field(default_factory=dict)
    # Read by the dispatcher, when it knows each handler's own config model.
    handlers: dict[str, Any] = Field(default_factory=dict)

    def catalogue(self) -> Catalogue:
        """Every platform a source may name."""
        return Catalogue(self.platforms)


@dataclass(frozen=True, slots=True)
class Reading:
    """A configuration as far as it can be read."""

    # Without the keys that cannot work; sources and accounts that cannot do without them are stand-ins.
    settings: Settings
    # One line for each thing that is wrong, with the key or the variable.
    problems: list[str]
    # The keys that cannot work, such as ("sources", "support", "rate").
    broken: frozenset[tuple[str, ...]]
    blame: Blame
    # The references that lead nowhere, for which `dev` made something up: their keys.
    made_up: Mapping[tuple[str, ...], str]

    def is_told(self, path: tuple[str, ...]) -> bool:
        """Whether a key is known to be wrong, or a part of what is."""
        return any(path[: len(key)] == key for key in self.broken)

    def is_whole(self, path: tuple[str, ...]) -> bool:
        """Whether nothing of a section is wrong."""
        return not any(key[: len(path)] == path for key in self.broken)


def load(places: Places) -> Settings:
    """Read the configuration file, lay the variables over it, fetch the secrets and validate.

    Raises:
        Misconfigured: it cannot work; the text has a line for each thing that is wrong.
    """
    found = read(places)
    if found.problems:
        where = places.config or "the configuration in HOOKLINE_ variables"
        raise Misconfigured("\n  ".join([f"{where} cannot work:", *found.problems]))
    return found.settings


def read(places: Places) -> Reading:
    """Read the configuration as far as it goes.

    Raises:
        Misconfigured: the file cannot be read, or is not TOML.
    """
    raw = demo.configuration(places.data) if places.config is None else _read(places.config)
    over = overlay(raw, places.environ, {"handlers": BUILT_IN})
    base = places.config.parent if places.config else Path.cwd()
    references = References(places.environ, base, stand_in=lambda key, text: demo.stand_in(places, key, text))
    found = read_parts({} if places.config is None else raw, over, references, Settings)
    settings = Settings.model_validate(found.tree)
    unfit = data_files.problems(places, settings.eventlog, settings.store)
    wrong = [told(path, words, raw, over) for path, words in (*_contradictions(settings), *unfit)]
    blamed, broken = Blame(over.origins, raw), frozenset(found.broken)
    return Reading(settings, [*found.problems, *wrong], broken, blamed, references.made_up)


def blame(places: Places) -> Blame:
    """What of a configuration came from where.

    Raises:
        Misconfigured: the file cannot be read, or is not TOML.
    """
    raw = {} if places.config is None else _read(places.config)
    return Blame(overlay(raw, places.environ, {"handlers": BUILT_IN}).origins, raw)


def _contradictions(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """What cannot work together, each part being right by itself."""
    largest = max([settings.receiver.body_limit, *(one.body_limit or 0 for one in settings.sources.values())])
    needed = 2 * largest + RECORD_HEADROOM
    if settings.eventlog.kafka.max_message_bytes < needed:
        yield (
            ("eventlog", "kafka", "max_message_bytes"),
            (
                f"a body of {largest} bytes needs topics that take records of {needed} bytes: set "
                f"max_message_bytes = {needed} in [eventlog.kafka], then `hookline topics apply` makes them so"
            ),
        )
    if settings.receiver.in_flight_bytes < largest:
        yield (
            ("receiver", "in_flight_bytes"),
            f"a body may have {largest} bytes, and no such body could ever be taken: set it to {largest} at least",
        )
    for section, host in (("receiver", settings.receiver.host), ("console", settings.console.host)):
        if (problem := host_problem(host)) is not None:
            yield (section, "host"), f"nothing can listen there: {problem}"
    for name in settings.platforms.keys() & PLATFORMS.keys():
        yield ("platforms", name), "is a platform of hookline's own: give yours another name"
    for name, source in settings.sources.items():
        if source.account is not None and source.account not in settings.accounts:
            known = suggestion(source.account, list(settings.accounts))
            words = f"there is no account {source.account!r}{known or f': add a section [accounts.{source.account}]'}"
            yield ("sources", name, "account"), words
        elif is_polled(source.platform, settings) and not _asks(source.account or name, source.platform, settings):
            yield ("sources", name), account_lacks(source.account or name, source.platform)


def is_polled(platform: str, settings: Settings) -> bool:
    """Whether a platform posts nothing, and is polled."""
    catalogue = settings.catalogue()
    return platform in catalogue and catalogue[platform].polled


def account_lacks(account: str, platform: str) -> str:
    """What a source lacks whose platform is to be asked, when its account cannot ask."""
    return (
        f"the platform is asked through an account at {platform}, and {account} is none: add a section "
        f'[accounts.{account}] with platform = "{platform}", or name another with account = "NAME"'
    )


def _asks(account: str, platform: str, settings: Settings) -> bool:
    found = settings.accounts.get(account)
    return found is not None and found.platform == platform


def _read(path: Path) -> dict[str, Any]:
    try:
        return parsed(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path} is no UTF-8 text, as TOML is: save it as UTF-8") from error
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be read: {error.strerror}. Give the user hookline runs as the right to read it, or name "
            "another file with --config"
        ) from error
    except ValueError as error:
        raise Misconfigured(
            f'{path} is not TOML: {error}. Write sections as [receiver], keys as port = 8787, and text in quotes: "…"'
        ) from error
