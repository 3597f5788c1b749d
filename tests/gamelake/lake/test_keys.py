from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamelake.lake.keys import (
    manifest_key,
    manifest_version,
    part_key,
    pointer_key,
    rejected_prefix,
    run_folder,
    table_prefix,
)
from gamelake.lake.store import check_key


def test_the_layout_is_the_contract() -> None:
    assert part_key("games", "2026-11-21", "manual_1", 7) == "raw/games/dt=2026-11-21/manual_1/part-00007.jsonl.gz"
    assert manifest_key("games", 42) == "raw/games/_manifests/00000000000000000042.json"
    assert pointer_key("games") == "raw/games/_manifest.json"
    assert rejected_prefix("games") == "raw/games/_rejected/"


@given(st.integers(0, 10**19))
def test_the_number_of_a_commit_is_in_its_key(version: int) -> None:
    assert manifest_version(manifest_key("games", version)) == version


@pytest.mark.parametrize("name", ["42.json", "0000000000000000004x.json", "notes.txt", "٠" * 20 + ".json"])
def test_other_objects_beside_the_commits_have_no_number(name: str) -> None:
    assert manifest_version(f"raw/games/_manifests/{name}") is None


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
        table_prefix(entity)
