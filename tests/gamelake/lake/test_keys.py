from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamelake.lake.keys import LoadRun, TableName, number_of, run_folder
from gamelake.lake.store import check_key


def test_the_layout_is_the_contract() -> None:
    games = TableName("igdb", "games")
    run = LoadRun(games, "2026-11-21", "manual_1")
    assert run.part_key(7) == "raw/igdb/games/dt=2026-11-21/manual_1/part-00007.jsonl.gz"
    assert run.progress_key == "raw/igdb/games/dt=2026-11-21/manual_1/_progress.json"
    assert run.rejected_key(99) == "raw/igdb/games/_rejected/dt=2026-11-21/99.jsonl"
    assert games.manifest_key(42) == "raw/igdb/games/_manifests/00000000000000000042.json"
    assert games.pointer_key == "raw/igdb/games/_manifest.json"


@given(st.integers(0, 10**19))
def test_the_number_of_a_commit_is_in_its_key(version: int) -> None:
    games = TableName("igdb", "games")
    assert number_of(games.manifests_prefix, games.manifest_key(version)) == version


@pytest.mark.parametrize(
    "name",
    ["42.json", "0000000000000000004x.json", "notes.txt", "٠" * 20 + ".json", f"old/{42:020}.json", f"{42:020}"],
)
def test_other_objects_beside_the_commits_have_no_number(name: str) -> None:
    prefix = "raw/igdb/games/_manifests/"
    assert number_of(prefix, f"{prefix}{name}") is None


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_run_folder_is_safe_and_its_own(one: str, other: str) -> None:
    check_key("put", run_folder(one))
    assert len(run_folder(one)) <= 110
    assert (run_folder(one) == run_folder(other)) == (one == other)


def test_a_run_folder_can_be_read() -> None:
    folder = run_folder("scheduled__2026-11-20T19:00:00+00:00")
    assert folder.startswith("scheduled__2026-11-20T19-00-00-00-00-")
    assert run_folder("manual_2026-11-21") == "manual_2026-11-21"
    assert run_folder("a:b") != run_folder("a+b")
    assert run_folder("x" * 200) != run_folder("x" * 201)


@pytest.mark.parametrize("entity", ["", "Games", "../games", "games/x", "1games"])
def test_an_entity_that_is_no_name_is_refused(entity: str) -> None:
    with pytest.raises(ValueError, match="entity: found"):
        TableName("igdb", entity)


@pytest.mark.parametrize("source", ["", "IGDB", "../igdb", "igdb/x", "igdb_two"])
def test_a_source_that_is_no_name_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="source: found"):
        TableName(source, "games")
