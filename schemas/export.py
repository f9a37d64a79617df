"""JSON Schemas (2020-12) of the events, made from the models; the committed copies stand in `schemas/generated/`.

`hookline schemas export` writes them again after a change. A record names its schema in `ce_dataschema`.
"""

import json
from pathlib import Path
from typing import Any

from schemas.envelope import SCHEMA_BASE
from schemas.events import CANONICAL, Data, Unknown

DRAFT = "https://json-schema.org/draft/2020-12/schema"
GENERATED = Path(__file__).parent / "generated"


def schema_of(data: type[Data]) -> dict[str, Any]:
    """The JSON Schema of an event's record value."""
    head = {"$schema": DRAFT, "$id": f"{SCHEMA_BASE}{data.event_type}"}
    if data is Unknown:
        # The value is the platform's own body, which may be any JSON.
        return {**head, "title": "Unknown", "description": _text(data)}
    return {**head, **data.model_json_schema(), "description": _text(data)}


def documents() -> dict[str, str]:
    """File name → text, for every event type."""
    return {
        f"{data.event_type}.json": json.dumps(schema_of(data), indent=2, ensure_ascii=False) + "\n"
        for data in CANONICAL
    }


def write(folder: Path = GENERATED) -> list[Path]:
    """Write the schemas into a folder, and remove those of types that are no more; returns the files.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = documents()
    for stale in folder.glob("*.json"):
        if stale.name not in made:
            stale.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in made]


def _text(data: type[Data]) -> str:
    return " ".join((data.__doc__ or "").split())
