"""A page for each preset, from its TOML: how to connect it, what is inferred, what it cannot do. Pure."""

from collections.abc import Callable, Iterator

from clients.abilities import is_reachable
from receiver.handshakes import Handshake
from receiver.recipes import presets
from receiver.recipes.recipe import About, Recipe
from schemas.schemes import Items, KeyValues, Plain, Scheme
from tests.conventions.reference.blocks import code, table

NAMES = sorted(presets.names())
_DOCUMENTED = (
    "This and the next section are what the sender [documents](#pages-of-the-sender), but for what is "
    "[inferred](#what-hookline-infers)."
)


def page_of(name: str) -> str:
    """Where the page of a preset is."""
    return f"docs/platforms/{name}.md"


def blocks_of(name: str) -> Callable[[], dict[str, str]]:
    """What makes the one block of a preset's page."""
    return lambda: {name: _page(name, recipe_of(name))}


def index() -> str:
    """All presets, with links to their pages."""
    rows = []
    for name in NAMES:
        recipe = recipe_of(name)
        mapped = (
            ", ".join(code(one) for one in recipe.mapped()) or "nothing: its events are `unknown`, with their names"
        )
        rows.append([code(name), f"[{about_of(recipe).title}](platforms/{name}.md)", mapped])
    return table(["preset", "sender", "becomes"], rows)


def recipe_of(name: str) -> Recipe:
    """The recipe of a preset."""
    return Recipe.model_validate(presets.table(name))


def about_of(recipe: Recipe) -> About:
    """What a preset says for people."""
    assert recipe.about is not None, "a preset says its title, pages and steps in [about]"
    return recipe.about


def _page(name: str, recipe: Recipe) -> str:
    about = about_of(recipe)
    like = presets.like(name)
    whose = "" if like is None else f" and in that of `{like}`, which it is like,"
    inferred = [f"{one.removesuffix('.')} (inferred)" for one in about.inferred]
    beginning = (
        f'`platform = "{name}"` is a [preset](../add-a-sender.md): everything here stands in '
        f"`receiver/presets/{name}.toml`{whose} and can be copied and changed. **(inferred)** marks what the sender's "
        "pages do not say."
    )
    parts = [
        beginning,
        _inbound(name, about),
        _steps(name, recipe, about),
        f"## What is verified\n\n{_DOCUMENTED}\n\n" + table(["", ""], list(_verified(recipe))),
        "## What becomes of a delivery\n\n" + _events(recipe),
        "## What hookline infers\n\n" + _listed(inferred, "Nothing."),
        "## What it cannot do\n\n" + _listed(about.cannot, "Nothing is known to be missing."),
        "## Pages of the sender\n\n" + _listed([f"<{page}>" for page in about.pages], ""),
    ]
    return "\n\n".join(part.strip() for part in parts if part)


def _inbound(name: str, about: About) -> str:
    if is_reachable(name):
        return ""
    return (
        f"**Inbound only**: hookline has no client of {about.title}. Its events are kept, read and mapped; handlers "
        "cannot answer there, and it needs no account."
    )


def _steps(name: str, recipe: Recipe, about: About) -> str:
    variable = name.upper().replace("-", "_")
    proof = f'secrets = ["env:{variable}_SECRET"]          # {about.secret}'
    address = f"https://hooks.example.org/in/{name}"
    if recipe.verify.mode == "none":
        proof, address = f'token = "env:{variable}_PATH_TOKEN"', f"{address}/TOKEN"
    more = [f'public_url = "{address}"'] if recipe.verify.signs_url else []
    if any(one.method == "GET" for one in recipe.handshake):
        more.append(f'verify_token = "env:{variable}_VERIFY_TOKEN"')
    lines = "\n".join([f"[sources.{name}]", f'platform = "{name}"', proof, *more])
    steps = [f"{number}. {step}" for number, step in enumerate(about.connect, 1)]
    steps.append(f"{len(steps) + 1}. Write the source into `hookline.toml`; its address is `{address}`:")
    return (
        "## Connect it\n\n"
        + "\n".join(steps)
        + f"\n\n```toml\n{lines}\n```\n\n"
        + "Check it, and post an event as the sender would; `--body FILE` posts a body of your own:\n\n"
        + f"```sh\nhookline check\nhookline send {name} {next(iter(presets.samples(name)))}\n```\n"
    )


def _verified(recipe: Recipe) -> Iterator[list[str]]:
    scheme = recipe.verify
    yield ["proof", _proof(scheme)]
    if scheme.signs:
        yield ["signed", f"{code(scheme.template)}, {scheme.algorithm.upper()} in {scheme.encoding}"]
    if scheme.body_hash:
        yield ["JSON", f"is covered by {code(scheme.body_hash)} in the signed URL, the SHA-256 of the body"]
    if (stamp := scheme.timestamp) is not None:
        where = f"header {code(stamp.header)}" if stamp.header else f"{code(stamp.key)} in the signature's header"
        yield ["time", f"{where}, {_unit(stamp.format)}, within {stamp.tolerance} s of our clock"]
    elif scheme.signs:
        yield ["time", "none is signed"]
    for one in recipe.handshake:
        yield ["trial of the address", _trial(one)]
    body = "the ids" if recipe.answer is None else "nothing" if not recipe.answer else code(recipe.answer)
    yield ["answer", f"{recipe.status} with {body}"]
    invalid = {"accept": f"{recipe.status}, too", "refuse": "400 or 422"}[recipe.on_invalid]
    yield ["what cannot be read", f"kept in the quarantine, answered {invalid}"]


def _unit(form: str) -> str:
    return {"s": "seconds", "ms": "milliseconds", "epoch": "seconds or milliseconds", "iso": "ISO 8601"}[form]


def _proof(scheme: Scheme) -> str:
    match scheme.signature, scheme.token:
        case Plain(header=header, prefix=prefix), _:
            return f"header {code(header)}" + (f", behind {code(prefix)}" if prefix else "")
        case KeyValues(header=header, signature=name), _:
            return f"header {code(header)}, the pairs named {code(name)}"
        case Items(header=header, prefix=prefix), _:
            return f"header {code(header)}, a list of {code(prefix + '…')}"
        case _, token if token is not None:
            where = {"header": "in the header", "query": "in the URL, as", "json_path": "in the body, as"}[token.where]
            return f"the secret itself, {where} {code(token.name)}"
        case _:
            return "nothing but the token in the path"


def _trial(one: Handshake) -> str:
    if one.method == "GET":
        return f"GET with the source's `verify_token` as {code(one.verify_token)}: {code(one.challenge)} is echoed"
    where = code(f"header:{one.header}" if one.header else one.json_path)
    echo = f"{code(one.echo)} is echoed" if one.echo else "answered with nothing"
    return f"{where} = {code(one.equals)}, signed as all are: {echo}"


def _events(recipe: Recipe) -> str:
    read = recipe.read
    names = [
        ["several events", [] if read.events is None else [read.events]],
        ["and in each", list(read.parts)],
        ["name", list(read.name)],
        ["id of the delivery", list(read.delivery)],
        ["id of an event in it", list(read.item)],
        ["key of what is not mapped", list(read.key)],
        ["time", list(read.time)],
    ]
    rows = [[str(what), ", else ".join(map(code, paths))] for what, paths in names if paths]
    text = table(["", "stands at"], rows)
    if not read.delivery and not read.item:
        text += "\nIt names no delivery: copies are known by a hash of the body, for `hashed_window`.\n"
    if recipe.events:
        mapped = [[", ".join(map(code, one.name)), _where(one.where), code(one.type)] for one in recipe.events]
        text += "\n" + table(["event", "where", "becomes"], mapped)
    rest = "Every other event" if recipe.events else "Every event"
    return text + f"\n{rest} is `unknown` in `hookline.platform`, untouched, with its name in `ce_eventname`.\n"


def _where(conditions: dict[str, tuple[str | int | bool, ...]]) -> str:
    words = ((path, ", ".join(str(word).lower() for word in some)) for path, some in conditions.items())
    return ", ".join(code(path) + (" is there" if some == "*" else f": {some}") for path, some in words)


def _listed(items: tuple[str, ...] | list[str], otherwise: str) -> str:
    return "\n".join(f"- {item}" for item in items) or otherwise
