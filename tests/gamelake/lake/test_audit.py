from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.audit import audit_table
from gamelake.lake.claims import merge_parts
from gamelake.lake.findings import RETENTION, Problem
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import Draft, Manifest, Mode, Part
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.table import Table
from tests.support.tables import IGDB_GAMES

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

NOW = datetime.now(UTC)
LATER = NOW + RETENTION + timedelta(days=1)


def stage(store: Store, tmp_path: Path, run_id: str, *ids: int) -> tuple[Part, ...]:
    run = LoadRun(IGDB_GAMES, "2026-11-21", run_id)
    with PartStage(store, run, scratch=tmp_path / "scratch") as parts:
        parts.add(Rows(b"".join(b'{"id": %d}\n' % each for each in ids), ids, None), IdRange(0, None))
        return parts.finish()


def load(store: Store, tmp_path: Path, run_id: str, *ids: int) -> Manifest:
    files = stage(store, tmp_path, run_id, *ids)
    return Table(store, IGDB_GAMES).commit(
        lambda newest: Draft(
            run_id=run_id,
            partition="2026-11-21",
            mode=Mode.FULL,
            cursor="1",
            source_count=len(ids),
            row_count=len(ids),
            files=merge_parts(newest.files if newest else (), files),
        )
    )


def found(store: Store, **options: Any) -> list[tuple[str, str]]:
    return [(each.problem.value, each.key) for each in audit_table(store, IGDB_GAMES, **{"now": NOW, **options})]


def test_a_sound_table(store: Store, tmp_path: Path) -> None:
    assert found(store) == []
    load(store, tmp_path, "one", 1, 2)
    load(store, tmp_path, "two", 1, 2, 3)
    assert found(store, verify=True) == []


def test_what_no_commit_ever_named_is_an_orphan(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path, "one", 1)
    (part,) = stage(store, tmp_path, "killed", 1, 2)
    note = LoadRun(IGDB_GAMES, "2026-11-21", "killed").progress_key
    store.put(note, b"{}")
    assert found(store) == [("orphan", note), ("orphan", part.key)]
    (first, _) = audit_table(store, IGDB_GAMES, now=NOW)
    assert first.modified == store.info(note).modified
    assert (first.bytes, first.reason) == (2, "no commit of the last 7 days names it")


def test_what_no_longer_counts_is_needed_for_seven_days(store: Store, tmp_path: Path) -> None:
    (old,) = load(store, tmp_path, "one", 1).files
    load(store, tmp_path, "two", 1, 2)
    assert found(store) == []
    assert found(store, now=LATER) == [("orphan", old.key)]


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_not_there_is_missing(store: Store, tmp_path: Path, version: int) -> None:
    commits = [load(store, tmp_path, "one", 1), load(store, tmp_path, "two", 1, 2)]
    (file,) = commits[version - 1].files
    store.delete(file.key)
    assert found(store) == [("missing", file.key)]
    (finding,) = audit_table(store, IGDB_GAMES, now=NOW)
    assert finding.reason == f"version {version} of 2026-11-21 names it"
    (old,), _ = (commit.files for commit in commits)
    assert found(store, now=LATER) == ([("orphan", old.key), ("missing", file.key)] if version == 2 else [])


@pytest.mark.parametrize(
    ("lost", "known"),
    [
        ([2], [2]),
        ([3], [3]),
        ([1, 2, 3], [3]),  # the pointer still tells of the newest
    ],
)
def test_where_a_commit_is_missing_nothing_is_an_orphan(
    store: Store, tmp_path: Path, lost: list[int], known: list[int]
) -> None:
    for run in ("one", "two", "three"):
        load(store, tmp_path, run, 1)
    stage(store, tmp_path, "killed", 1)
    for version in lost:
        store.delete(IGDB_GAMES.manifest_key(version))
    assert found(store) == [("missing", IGDB_GAMES.manifest_key(version)) for version in known]


def test_where_a_commit_cannot_be_read_nothing_is_an_orphan(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path, "one", 1)
    stage(store, tmp_path, "killed", 1, 2)
    store.put(IGDB_GAMES.manifest_key(1), b"{}")
    (finding,) = audit_table(store, IGDB_GAMES, now=NOW)
    assert (finding.problem, finding.key) == (Problem.DAMAGED, "raw/igdb/games/_manifests/")
    assert IGDB_GAMES.manifest_key(1) in finding.reason


def test_another_size_is_damage(store: Store, tmp_path: Path) -> None:
    (file,) = load(store, tmp_path, "one", 1).files
    store.put(file.key, store.get(file.key) + b"x")
    (finding,) = audit_table(store, IGDB_GAMES, now=NOW)
    assert finding.problem is Problem.DAMAGED
    assert f"with {file.bytes} bytes, the store has {file.bytes + 1}" in finding.reason


def test_other_bytes_are_damage_that_only_reading_finds(store: Store, tmp_path: Path) -> None:
    (file,) = load(store, tmp_path, "one", 1).files
    data = store.get(file.key)
    store.put(file.key, data[:-1] + bytes([data[-1] ^ 1]))
    assert found(store) == []
    (finding,) = audit_table(store, IGDB_GAMES, now=NOW, verify=True)
    assert finding.problem is Problem.DAMAGED
    assert "sha256" in finding.reason


def test_what_is_committed_while_the_audit_runs_is_no_finding(
    disk: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(disk, tmp_path, "one", 1)
    listing = disk.list

    def slow(prefix: str, **options: Any) -> Any:
        infos = list(listing(prefix, **options))
        if prefix.endswith("dt="):
            monkeypatch.setattr(disk, "list", listing)
            load(disk, tmp_path, "meanwhile", 1, 2)
        return iter(infos)

    monkeypatch.setattr(disk, "list", slow)
    assert found(disk, verify=True) == []
    assert [info.key for info in disk.list(LoadRun(IGDB_GAMES, "2026-11-21", "meanwhile").prefix)]
