"""`gamelake marts`, and the targets of make that call it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import orjson
import pytest

from gamelake.cli.main import main
from gamelake.lake.factory import open_store, place_of
from gamelake.lake.findings import Problem
from gamelake.lake.store import ObjectNotFoundError
from gamelake.marts import pointer
from gamelake.marts.audit import audit_generations
from gamelake.marts.documents import HISTORY, INPUTS, POINTER, PUBLICATIONS, RECORD, encode
from gamelake.marts.generation import publish
from gamelake.marts.reader import open_marts
from gamelake.marts.rollback import generations
from gamelake.paths import REPOSITORY
from tests.support.generations import COPY, finished, published, published_key

if TYPE_CHECKING:
    from gamelake.lake.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = open_store((tmp_path / "my lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    return store


def test_a_copy_of_a_mart_that_the_shown_build_has_not_is_told_and_removed(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """After an upgrade that adds a mart, a rollback leaves its copy at the fixed path."""
    left = "marts/marketing/mart_of_the_upgrade.parquet"
    older, newer = finished(store, "2026-11-20"), finished(store, "2026-11-21", copies=(COPY, left))
    for generation in (older, newer):
        publish(store, generation, {})
    assert not list(audit_generations(store, now=datetime.now(UTC)))
    assert main(["marts", "rollback"]) == 0
    assert f"{left} is still that of {newer}: this build has no such mart" in capsys.readouterr().out
    [orphan] = audit_generations(store, now=datetime.now(UTC))
    assert (orphan.problem, orphan.key) == (Problem.ORPHAN, left)
    store.delete(left)
    assert main(["marts", "rollforward"]) == 0
    assert "such mart" not in capsys.readouterr().out
    assert store.get(left).decode() == newer


def test_the_list_states_what_became_of_each(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["marts", "list"]) == 0
    assert "no generation is finished yet" in capsys.readouterr().out
    first, second = published(store, "2026-11-20", "2026-11-21")
    late = finished(store, "2026-11-19", run="late")
    publish(store, late, {})
    assert [(each.document.generation, each.publication is None) for each in generations(store)] == [
        (second, False),
        (first, False),
        (late, True),
    ]
    assert main(["marts", "rollback", "--reason", "scores are 0"]) == 0
    assert f"Readers now have 2026-11-20, {first}, in place of {second} (publication 3" in capsys.readouterr().out
    assert main(["marts", "rollback"]) == 0
    assert capsys.readouterr().out.startswith(f"No change: readers already have 2026-11-20, {first}, since ")
    assert main(["marts", "list"]) == 0
    uri, header, *lines, _, last = capsys.readouterr().out.splitlines()
    assert uri == place_of(store)
    assert header.split() == ["day", "built", "(KST)", "rows", "MB", "published", "generation"]
    assert [line.split()[-1] for line in lines] == [second, first, late]
    assert [line.startswith("->") for line in lines] == [False, True, False]
    assert ["2 (publish)" in lines[0], "3 (rollback)" in lines[1], "never" in lines[2]] == [True] * 3
    assert last.endswith(": scores are 0.")


@pytest.mark.parametrize("data", [None, b"{"])
def test_a_pointer_that_readers_lack_is_told(
    store: Store, capsys: pytest.CaptureFixture[str], data: bytes | None
) -> None:
    [generation] = published(store, "2026-11-20")
    whole = store.get(POINTER)
    store.delete(POINTER)
    if data is not None:
        store.put(POINTER, data)
    assert main(["marts", "list"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert ("Readers have" in last, generation in last, "make rollforward" in last) == (False, True, True)
    assert main(["marts", "freshness"]) == 1
    assert "nothing is published yet" not in capsys.readouterr().err
    assert main(["marts", "rollforward"]) == 0
    assert "No change" not in capsys.readouterr().out
    assert store.get(POINTER) == whole


def test_copies_that_are_written_again_are_told(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    published(store, "2026-11-20")
    store.delete(COPY)
    assert main(["marts", "rollforward"]) == 0
    assert "the copies of its marts at fixed paths were written again" in capsys.readouterr().out
    assert list(store.list(COPY))


def test_marts_whose_publications_are_lost_are_shown_again(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    [generation] = published(store, "2026-11-20")
    for lost in (POINTER, *(info.key for info in list(store.list(PUBLICATIONS)))):
        store.delete(lost)
    assert main(["marts", "rollback", generation]) == 0
    assert f"Readers now have 2026-11-20, {generation} (publication 1, " in capsys.readouterr().out


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_lost_document_of_a_generation_is_named(
    store: Store, capsys: pytest.CaptureFixture[str], is_shown: bool
) -> None:
    first, second = published(store, "2026-11-20", "2026-11-21")
    if not is_shown:
        assert main(["marts", "rollback"]) == 0
    key = f"{second}/{RECORD}"
    store.delete(key)
    capsys.readouterr()
    assert main(["marts", "rollforward"]) == 1
    printed = capsys.readouterr().err
    assert (f"{key} was lost or removed" in printed, f"copy {POINTER} to it" in printed) == (True, is_shown)
    assert published_key(store) == (second if is_shown else first)


def test_a_list_without_the_document_of_what_is_shown_states_so(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    [only] = published(store, "2026-11-20")
    store.delete(f"{only}/{RECORD}")
    assert main(["marts", "list"]) == 0
    printed = capsys.readouterr().out
    assert "no generation is finished" not in printed
    assert f"{only}/{RECORD} is lost or damaged, so the list lacks what is shown: copy {POINTER} to it" in printed
    assert f"Readers have {only} since" in printed
    store.put(f"{only}/{RECORD}", store.get(POINTER))
    assert main(["marts", "list"]) == 0
    assert "is lost" not in capsys.readouterr().out


def test_a_broken_table_that_a_build_left_out_is_named(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    shown = finished(store, "2026-11-20")
    document = pointer.record_of(store, shown)
    broken = msgspec.structs.replace(document, tables_left_out={"rawg.genres": "a part is cut"})
    store.put(f"{shown}/{RECORD}", encode(broken))
    publish(store, shown, {})
    for command in ("list", "freshness"):
        assert main(["marts", command]) == 0
        assert "rawg.genres is broken, and its rows are not in these marts: a part is cut" in capsys.readouterr().out


def test_lost_inputs_are_named_with_what_to_do(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    [generation] = published(store, "2026-11-20")
    store.delete(f"{generation}/{INPUTS}")
    store.delete(f"{generation}/{HISTORY}")
    assert main(["marts", "freshness"]) == 1
    printed = capsys.readouterr().err
    assert f"{generation}/{INPUTS}': it is lost" in printed
    assert "run the DAG `transform`" in printed
    with pytest.raises(ObjectNotFoundError) as raised:
        assert open_marts(store).names
    assert "run the DAG `transform`" in raised.value.reason


def test_make_calls_them(store: Store, tmp_path: Path) -> None:
    """The targets as people type them, with a reason that has spaces; `setup` counts as done."""
    first, second = published(store, "2026-11-20", "2026-11-21")

    def make(*arguments: str) -> str:
        command = ["make", "--silent", "-o", ".venv/.installed", f"BIN={Path(sys.executable).parent}", *arguments]
        environment = {**os.environ, "GAMELAKE_URI": store.uri}
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert second in make("generations")
    assert "rollback by" in make("rollback", "TO=2026-11-20", "REASON=scores are 0")
    assert published_key(store) == first
    assert orjson.loads(store.get(pointer.publication_key(3)))["reason"] == "scores are 0"
    make("rollforward")
    assert published_key(store) == second


@pytest.mark.parametrize(
    ("arguments", "status", "found"),
    [
        (["rollback", "2026-11-18"], 1, "2026-11-18"),
        (["rollback", "marts/dt=2026-11-20/dbt"], 1, "marts/dt=2026-11-20/dbt"),
        (["rollback", "yesterday"], 1, "yesterday"),
        (["rollback", ""], 2, "found '', expected a Korean day"),
        (["rollback", "--reason", ""], 2, "'--reason': found '', expected a text"),
        (["rollforward", "--reason", " "], 2, "'--reason': found ' ', expected a text"),
        (["rollback", "../../etc"], 2, "found '../../etc', expected a Korean day"),
        (["build-on-spark", "--generation", "../x"], 2, "found '../x', expected a Korean day"),
        (["build-on-spark", "--generation", "marts/nosuch"], 2, "found no generation 'marts/nosuch'"),
    ],
)
def test_a_generation_that_is_not_there_is_one_line(
    store: Store, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, found: str
) -> None:
    published(store, "2026-11-20", "2026-11-21")
    assert main(["marts", *arguments]) == status
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert found in printed.err
