"""What docs/connect-mygptassistants.md tells to paste, to post a signed delivery without hookline."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.contract.receivers import opened, receiving
from tests.conventions.fences import fences
from tests.unit.receiver.parts import SECRETS

[PASTED] = [one.text for one in fences("sh") if one.page.name == "connect-mygptassistants.md" and "openssl" in one.text]


@pytest.mark.skipif(not shutil.which("openssl") or not shutil.which("curl"), reason="needs openssl and curl")
async def test_a_delivery_signed_with_openssl_is_accepted(tmp_path: Path) -> None:
    """As it stands on the page, but for the port."""
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe) as running:
        pasted = PASTED.replace("8787", str(running.port)).replace("curl ", "curl --silent --max-time 20 ")
        environ = {**os.environ, "MGA_SECRET": SECRETS["mygptassistants"]}
        shell = await asyncio.create_subprocess_exec(
            "sh", "-c", pasted, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        answer, errors = await shell.communicate()
    assert json.loads(answer)["ids"] == ["message.created:m1"], (answer, errors)
