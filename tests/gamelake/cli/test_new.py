"""`gamelake new entity`, as a person types it."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from typing import TYPE_CHECKING

import orjson
import pytest

from gamelake.cli.main import main
from gamelake.codegen import new_entity
from gamelake.kinds import Kind
from gamelake.local import account
from gamelake.local.sandbox import connection
from gamelake.registry import load_sources
from sandbox.igdb import Sandbox, World
from tests.support.command import GAMELAKE
from tests.support.loads import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.registry import Entity


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the registry, which is written to."""
    shutil.copytree(new_entity.SOURCES_PATH, tmp_path / "sources", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(new_entity, "SOURCES_PATH", tmp_path / "sources")
    return tmp_path / "sources"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A running sandbox, and its connection; the registry declares none of these endpoints."""
    world = World.generate(seed=3, games=5, first_day=DAY, today=DAY)
    rows = [{"id": place, "name": f"Engine {place}", "rating": 80} for place in range(1, 1_201)]
    rows[-1] |= {"platforms": [6]}
    world.upsert("game_engines", rows)
    world.upsert("empty", [])
    with Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0).running() as url:
        monkeypatch.setenv(account.CONNECTION_VARIABLE, connection(url))
        yield world


def declared(registry: Path, name: str) -> Entity:
    return load_sources(registry)["igdb"].entities[name]


def test_the_oldest_and_the_newest_rows_of_the_api_are_the_sample(
    api: World, registry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["new", "entity", "game_engines", "--name", "engines", "--filter", "id > 10", "--yes"]
    assert main(words) == 0
    engines = declared(registry, "engines")
    assert (engines.kind, dict(engines.options)) == (
        Kind.SNAPSHOT, {"endpoint": "game_engines", "filter": "id > 10"},
    )  # fmt: skip
    assert {name: kind.value for name, kind in engines.fields.items()} == {
        "id": "int", "name": "string", "rating": "double", "platforms": "int[]",
    }  # fmt: skip
    printed = capsys.readouterr().out
    assert "1,000 sample rows of 1,190, 4 fields" in printed
    assert "took double" in printed
    assert "make generate" in printed


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],  # the API has no such endpoint
        ["empty"],  # it has no rows
        ["game_engines", "--filter", "id > 5000"],
        ["game_engines"],  # a field needs a decision, and there is no terminal
        ["game_engines", "--yes", "--kind", "incremental"],  # without `updated_at`
    ],
)
def test_an_error_is_explained_and_writes_nothing(
    api: World, registry: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    before = (registry / "igdb/entities.yaml").read_bytes()
    assert main(["new", "entity", *words]) == 1
    assert capsys.readouterr().err.strip()
    assert (registry / "igdb/entities.yaml").read_bytes() == before


@pytest.mark.parametrize(
    "option", ["--field=nothing=int", "--field=name=text", "--field=name", "--kind=hourly", "--source=rawgg"]
)
def test_a_wrong_option_is_named(api: World, registry: Path, option: str) -> None:
    assert main(["new", "entity", "game_engines", option]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["games"],  # declared already
        ["game_engines", "--name", "Engines"],
        ["game_engines", "--source", "shop"],  # a database
    ],
)
def test_a_wrong_name_is_a_wrong_argument(registry: Path, words: list[str]) -> None:
    assert main(["new", "entity", *words]) == 2


def test_refused_credentials_end_the_command(api: World, registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = orjson.loads(os.environ[account.CONNECTION_VARIABLE]) | {"password": "another"}
    monkeypatch.setenv(account.CONNECTION_VARIABLE, orjson.dumps(refused).decode())
    monkeypatch.setenv("XDG_CACHE_HOME", str(registry.parent / "no-token"))
    assert main(["new", "entity", "game_engines", "--yes"]) == 1


def test_half_an_account_is_refused(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(account.CONNECTION_VARIABLE, "")  # set first, so that the end of the test removes what is set
    monkeypatch.delenv(account.CONNECTION_VARIABLE)
    monkeypatch.setenv("IGDB_CLIENT_ID", "an-id")
    assert main(["new", "entity", "game_engines", "--yes"]) == 1


def test_without_an_account_the_error_names_both_ways_on(
    registry: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runbook's first command failed with "check its name in the API's documentation": the name was right."""
    monkeypatch.setenv(account.CONNECTION_VARIABLE, "")  # set first, so that the end of the test removes what is set
    monkeypatch.delenv(account.CONNECTION_VARIABLE)
    monkeypatch.setenv("GAMELAKE_SANDBOX_GAMES", "5")
    assert main(["new", "entity", "game_engines", "--yes"]) == 1
    told = capsys.readouterr().err
    assert "IGDB_CLIENT_ID" in told
    assert "--sample" in told
    assert "check its name" not in told


def test_a_file_of_rows_takes_the_place_of_the_api(registry: Path, tmp_path: Path) -> None:
    sample = tmp_path / "rows.json"
    sample.write_bytes(orjson.dumps([{"id": 1, "storyline": None, "cover": {"id": 3}, "rating": 80}]))
    words = ["new", "entity", "engines", "--sample", str(sample)]
    assert main(words) == 1, "two fields need a decision"
    assert main([*words, "--field", "storyline=no", "--field", "rating=int required min 0"]) == 0
    engines = declared(registry, "engines")
    assert list(engines.fields) == ["id", "rating"]
    assert str(engines.rules["rating"]) == "required, 0 or more"


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    """The real command on a terminal; it ends with a no, because it would write to this repository."""
    sample = tmp_path / "rows.json"
    sample.write_bytes(b'{"id": 1, "storyline": null, "rating": 80}')
    before = new_entity.registry_path("igdb").read_bytes()
    ours, theirs = pty.openpty()
    os.write(ours, b"text\nstring\n\ntime_series\nHow good they are.\nn\n")
    ran = subprocess.run(
        [GAMELAKE, "new", "entity", "engines", "--sample", sample],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=True,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    written = ran.stdout.partition("  engines:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.strip() for line in written] == [
        "description: How good they are.", "kind: time_series", "options: {endpoint: engines}", "fields:", "id: int",
        "storyline: string", "rating: double",
    ]  # fmt: skip
    assert new_entity.registry_path("igdb").read_bytes() == before
