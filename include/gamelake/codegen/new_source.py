"""Write the rooms of a new source: its client, registry, reader and the server of its conformance test."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from gamelake.codegen.yaml_text import scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATES = Path(__file__).with_name("templates")

FILES = {
    "plugins/{}/__init__.py": None,
    "plugins/{}/client.py": "client.py.txt",
    "include/gamelake/sources/{}/__init__.py": None,
    "include/gamelake/sources/{}/entities.yaml": "entities.yaml.txt",
    "include/gamelake/sources/{}/reader.py": "reader.py.txt",
    "tests/support/sources_under_test/{}.py": "under_test.py.txt",
}
"""The files of a source by their path, and the template of each; None for an empty file."""

_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
_LISTS = re.compile(r"^(root_packages|source_modules|forbidden_modules|ancestors|packages) = \[.*$", re.MULTILINE)
_CONTRACT = "from gamelake.sources.contract import RowContract"
_CONNECTION = """\
    - conn_id: ${name}_default
      conn_type: http
      conn_host: https://api.example.com
      conn_port: 0 # none: the host has it
      conn_password: ""

"""
_POOL = """\
    - pool_name: ${name}_api
      pool_slot: 1
      pool_description: The API's budget of requests belongs to one load at a time, which then uses all of it.
"""


class NewSourceError(Exception):
    """The source cannot be written; the message has what to do."""


def check_name(root: Path, name: str) -> None:
    """Check that a source can have a name. Raises: NewSourceError."""
    if not _NAME.fullmatch(name):
        raise NewSourceError(
            f"found the name {name!r}, expected at most 20 lower case letters and digits, such as rawg"
        )
    if existing := next((path for path in map(root.joinpath, _paths(name)) if path.exists()), None):
        raise NewSourceError(f"{existing} is there already: choose another name, or continue in its files")
    if keyword.iskeyword(name) or name in sys.stdlib_module_names or find_spec(name):
        raise NewSourceError(
            f"a Python package {name!r} is there already, and the client would hide it: choose another name"
        )


def _paths(name: str) -> list[str]:
    return [path.format(name) for path in FILES]


def texts(root: Path, name: str) -> Mapping[Path, str]:
    """Return the text of each file of a new source, and of each file that has to name it, by its path."""
    words = {
        "name": name,
        "Name": name.capitalize(),
        "name_in_yaml": scalar(name),
        # Imports are sorted by the name of the module.
        "imports": "\n".join(sorted([f"from {name}.client import {name.capitalize()}Client", _CONTRACT])),
    }
    found = {
        root / path.format(name): Template(_template(template)).substitute(words) for path, template in FILES.items()
    }
    project, settings = root / "pyproject.toml", root / "airflow_settings.yaml"
    ignored = root / "plugins/.airflowignore"
    before, _, pools = settings.read_text(encoding="utf-8").partition("  pools:\n")
    connection, pool = (Template(text).substitute(words) for text in (_CONNECTION, _POOL))
    return {
        **found,
        ignored: f"{ignored.read_text(encoding='utf-8').rstrip()}\n{name}/\n",
        project: _LISTS.sub(lambda line: _with_source(line[0], name), project.read_text(encoding="utf-8")),
        settings: f"{before}{connection}  pools:\n{pools.rstrip()}\n{pool}",
    }


def _template(name: str | None) -> str:
    return "" if name is None else (TEMPLATES / name).read_text(encoding="utf-8")


def _with_source(line: str, name: str) -> str:
    """Return a list of modules with the new one beside IGDB's: the rules of imports are those of every source."""
    return re.sub(r'"((?:plugins/|gamelake\.sources\.)?)igdb"', rf'"\1igdb", "\1{name}"', line)
