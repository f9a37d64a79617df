"""The files of a distribution with one handler: `hookline new handler NAME --package`."""

_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
description = "The hookline handler {name}."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["hookline"]

# hookline finds it by this; the entry point's name is the handler's.
[project.entry-points."hookline.handlers"]
{name} = "{module}:{module}"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]
"""
_README = """\
# {name}

A handler for hookline. Install it where hookline is, and it is found:

```sh
pip install .
hookline handlers list --why
```

`[handlers.{name}]` in `hookline.toml` holds its settings. Its test: `python -m pytest`.
"""


def files_of(name: str, module: str, handler: str, test: str) -> dict[str, str]:
    """Path in the distribution's folder → text.

    Args:
        name: the handler's.
        module: what it is imported by.
        handler: the module's text.
        test: that of its test.
    """
    filled = {
        path: text.format(name=name, module=module)
        for path, text in (("pyproject.toml", _PROJECT), ("README.md", _README))
    }
    return {
        **filled,
        f"src/{module}/__init__.py": handler,
        f"src/{module}/py.typed": "",
        f"tests/test_{module}.py": test,
    }
