"""The rooms of a new source; tests/e2e/test_new.py fills them in."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gamelake.airflow.settings_file import load_settings
from gamelake.codegen.new_source import FILES, NewSourceError, check_name, texts
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(params=["aaa", "bakery", "s" * 20, "on"])
def name(request: pytest.FixtureRequest) -> str:
    """Before and after `gamelake` in the order of imports, the longest, and one that YAML reads as true."""
    return str(request.param)


@pytest.fixture
def written(tmp_path: Path, name: str) -> Mapping[Path, str]:
    """The files of a source, in a folder that has what they change."""
    for changed in ("pyproject.toml", "airflow_settings.yaml", "plugins/.airflowignore"):
        (tmp_path / changed).parent.mkdir(exist_ok=True)
        shutil.copy2(REPOSITORY / changed, tmp_path / changed)
    check_name(tmp_path, name)
    found = texts(tmp_path, name)
    for path, text in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return found


def test_its_code_is_python(written: Mapping[Path, str]) -> None:
    for path, text in written.items():
        if path.suffix == ".py":
            compile(text, path, "exec")
            assert max(map(len, text.splitlines()), default=0) <= 120


def test_registry_settings_and_rules_name_it(written: Mapping[Path, str], tmp_path: Path, name: str) -> None:
    source = load_sources(tmp_path / "include/gamelake/sources")[name]
    assert (source.connection, source.pool, source.gates_transform) == (f"{name}_default", f"{name}_api", False)
    settings = load_settings(tmp_path / "airflow_settings.yaml")
    before = load_settings()
    connections = [*(each.conn_id for each in before.connections), source.connection]
    assert [each.conn_id for each in settings.connections] == connections
    assert [each.pool_name for each in settings.pools] == [*(each.pool_name for each in before.pools), source.pool]
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))
    assert name in project["tool"]["importlinter"]["root_packages"]
    assert f"plugins/{name}" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    rules = {rule["name"]: rule for rule in project["tool"]["importlinter"]["contracts"]}
    assert name in rules["Clients know no lake"]["source_modules"]
    assert f"gamelake.sources.{name}" in rules["A load knows no source"]["forbidden_modules"]
    assert (tmp_path / "plugins/.airflowignore").read_text(encoding="utf-8").splitlines()[-1] == f"{name}/"


@pytest.mark.parametrize("wrong", ["Shop", "my_shop", "s" * 21, "igdb", "json", "class", "aiohttp", "sandbox"])
def test_a_name_that_cannot_be_is_refused(wrong: str) -> None:
    with pytest.raises(NewSourceError):
        check_name(REPOSITORY, wrong)


def test_a_source_is_not_written_twice(written: Mapping[Path, str], tmp_path: Path, name: str) -> None:
    with pytest.raises(NewSourceError):
        check_name(tmp_path, name)
    assert {path.format(name) for path in FILES} <= {str(path.relative_to(tmp_path)) for path in written}
