"""Which platform can do what, from the table that the clients go by."""

from clients.abilities import ABILITIES, SUPPORT, Support
from tests.conventions.reference.blocks import code, table

_TITLES = {
    "mygptassistants": "MyGPTAssistants",
    "yourgpt": "YourGPT",
    "customgpt": "CustomGPT.ai",
    "gptbots": "GPTBots",
}


def blocks() -> dict[str, str]:
    """A row for each operation of an account."""
    rows = [[code(name), *(_told(SUPPORT[platform][name]) for platform in _TITLES)] for name in ABILITIES]
    return {"abilities": table(["", *_TITLES.values()], rows)}


def _told(support: Support) -> str:
    return {"yes": "", "configured": "off until asked for: ", "no": "**no**: "}[support.given] + support.how
