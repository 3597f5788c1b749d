"""What a commit states, and what it may not state."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import AppliedEvents, Draft, Manifest, ManifestError, Mode, Part, Proof, Summary, Unproven
from gamelake.lake.table import Table
from tests.support.commits import MakeFile, commit, draft
from tests.support.errors import having
from tests.support.tables import IGDB_GAMES, IGDB_GENRES

if TYPE_CHECKING:
    from gamelake.lake.store import Store


def stored(made: Draft) -> bytes:
    fields = asdict(made)
    return Manifest(**fields, source="igdb", entity="games", version=1, committed_at=datetime.now(UTC)).to_json()


# The document


def test_the_bytes_of_a_manifest_are_the_contract(make_part: MakeFile) -> None:
    made = draft(
        make_part("part-00000.jsonl.gz", (0, 9), ((0, 5), (9, None)), max_updated_at=5),
        make_part("part-00001.jsonl.gz", (3, 4)),
        summary=Summary(
            rows_read=2,
            undeclared={"dlc_count": 2},
            requests=3,
            retries=1,
            bytes=900,
            seconds=1.5,
            proof=Proof.UNPROVEN,
        ),
        unproven=(Unproven(7, None, rows=2, count=1),),
        shrink_allowed=True,
        rejected_key="raw/igdb/games/x",
    )
    committed_at = datetime(2026, 11, 20, 19, 1, 2, 345, UTC)
    manifest = Manifest(**asdict(made), source="igdb", entity="games", version=42, committed_at=committed_at)
    example = Path(__file__).with_name("manifest.example.json").read_bytes()
    assert manifest.to_json() == example
    assert Manifest.from_json(example) == manifest


@pytest.mark.parametrize("reason", [None, "12 of 40 games were read"])
def test_a_manifest_has_a_reason_only_if_there_is_one(reason: str | None) -> None:
    """Manifests from before `proof_reason` have no such field, and are read."""
    written = stored(draft(summary=Summary(proof=Proof.PARTIAL if reason else Proof.COUNTED, proof_reason=reason)))
    assert json.loads(written)["summary"].get("proof_reason", "absent") == (reason or "absent")
    assert Manifest.from_json(written).summary.proof_reason == reason


@pytest.mark.parametrize("figure", ["rows_read", "requests", "seconds"])
def test_a_figure_that_cannot_be_is_refused(figure: str) -> None:
    with pytest.raises(ManifestError, check=having(key=f"summary.{figure}", found=-1)):
        stored(draft(summary=msgspec.structs.replace(Summary(), **{figure: -1})))


@pytest.mark.parametrize("partition", ["2026-11-21T04", "2026-11-21T23"])
def test_a_partition_may_be_an_hour(disk: Store, make_part: MakeFile, partition: str) -> None:
    table = Table(disk, IGDB_GAMES)
    commit(table, make_part(partition=partition), partition=partition)
    assert table.as_of("2026-11-21") == table.as_of(partition) == table.latest()
    assert table.as_of("2026-11-20") is None
    assert table.as_of("2026-11-21T03") is None


@pytest.mark.parametrize(
    ("fields", "key", "found"),
    [
        ({"low": 0, "high": 9, "rows": 3, "count": 3}, "unproven.count", 3),
        ({"low": 0, "high": 9, "rows": -1, "count": 3}, "unproven[0].rows", -1),
        ({"low": 0, "high": 9, "rows": 3, "count": -1}, "unproven[0].count", -1),
    ],
)
def test_an_unproven_range_that_cannot_be(fields: dict[str, Any], key: str, found: int) -> None:
    with pytest.raises(ManifestError, check=having(key=key, found=found)):
        stored(draft(unproven=(Unproven(**fields),)))


def test_a_day_of_a_time_series_may_have_no_rows(make_part: MakeFile) -> None:
    """Then it has no part either, and the last part is another day's."""
    yesterday = make_part("part-00000.jsonl.gz", (0, 9), partition="2026-11-20")
    assert draft(yesterday, mode=Mode.SNAPSHOT, partition="2026-11-21", row_count=0).row_count == 0
    with pytest.raises(ManifestError, check=having(key="row_count", found=0)):
        draft(yesterday, mode=Mode.SNAPSHOT, partition="2026-11-20", row_count=0)


files = st.builds(
    lambda number, low, size, updated, high: Part(
        key=f"raw/igdb/games/dt=2026-11-21/r/{number}",
        partition="2026-11-21",
        rows=size,
        bytes=1 + number,
        sha256=f"{number:064x}",
        min_id=low,
        max_id=low + size - 1,
        max_updated_at=updated,
        claims=() if high is None else (IdRange(0, None if high == 0 else low + size + high),),
    ),
    st.integers(0, 2**40),
    st.integers(0, 2**53),
    st.integers(1, 2**30),
    st.none() | st.integers(0, 2**33),
    st.none() | st.integers(0, 1000),
)


@given(
    st.lists(files, max_size=4, unique_by=lambda file: file.key),
    st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(Mode),
)
def test_what_is_written_is_read(held: list[Part], run_id: str, committed_at: datetime, mode: Mode) -> None:
    events = AppliedEvents(through=7, until=1.5, load=1) if mode in {Mode.EVENTS, Mode.CHANGES} else None
    fields = asdict(draft(*held, run_id=run_id, mode=mode, events=events))
    manifest = Manifest(**fields, source="igdb", entity="games", version=1, committed_at=committed_at)
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize(
    ("change", "key", "found"),
    [
        ({"format_version": 1}, "format_version", 1),
        ({"version": 0}, "version", 0),
        ({"version": "1"}, "version", "1"),
        ({"surprise": 1}, "surprise", 1),
        ({"entity": "Games"}, "entity", "Games"),
        ({"mode": "partial"}, "mode", "partial"),
        ({"partition": "2026-11-21T24"}, "partition", "2026-11-21T24"),
        ({"partition": "today"}, "partition", "today"),
        ({"partition": "2026-02-30"}, "partition", "2026-02-30"),
        ({"committed_at": "yesterday"}, "committed_at", "yesterday"),
        ({"cursor": 1763700000}, "cursor", 1763700000),
        ({"summary": {}}, "summary", {}),
        ({"row_count": -1}, "row_count", -1),
        ({"files": [{}]}, "files[0].key", None),
        ({"files": None}, "files", None),
    ],
)
def test_a_document_that_breaks_the_schema_is_refused(
    disk: Store, change: dict[str, Any], key: str, found: object
) -> None:
    document = json.loads(commit(Table(disk, IGDB_GAMES)).to_json())
    with pytest.raises(ManifestError, check=having(key=key, found=found)):
        Manifest.from_json(orjson.dumps(document | change))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'"\xff"', b"[" * 100_000])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError, check=having(key="document")):
        Manifest.from_json(data)


# Drafts


@pytest.mark.parametrize(
    ("changes", "key", "found"),
    [
        ({"run_id": ""}, "run_id", ""),
        ({"partition": "2026-11-32"}, "partition", "2026-11-32"),
        ({"source_count": -1}, "source_count", -1),
        ({"row_count": -1}, "row_count", -1),
        ({"row_count": 5}, "row_count", 5),
        ({"row_count": 1}, "row_count", 1),
        ({"cursor": ""}, "cursor", ""),
        ({"cursor": None, "mode": Mode.INCREMENTAL}, "cursor", None),
    ],
)
def test_a_draft_that_cannot_be_is_refused(
    make_part: MakeFile, changes: dict[str, Any], key: str, found: object
) -> None:
    with pytest.raises(ManifestError, check=having(key=key, found=found)):
        stored(draft(make_part("a"), make_part("b"), **changes))


def test_a_part_is_in_a_draft_once(make_part: MakeFile) -> None:
    with pytest.raises(ManifestError, check=having(key="files.key", expected="each part once")):
        draft(make_part(), make_part())


@pytest.mark.parametrize("key", ["raw/igdb/genres/dt=2026-11-21/r/p", "raw/igdb/games/dt=2026-11-20/r/p", "marts/p"])
def test_a_part_of_another_table_or_day_is_refused(disk: Store, make_part: MakeFile, key: str) -> None:
    with pytest.raises(ManifestError, check=having(key="files.key", found=key)):
        commit(Table(disk, IGDB_GAMES), replace(make_part(), key=key))
    assert Table(disk, IGDB_GAMES).latest() is None


def test_a_snapshot_needs_no_cursor(disk: Store) -> None:
    table = Table(disk, IGDB_GENRES)
    commit(table, mode=Mode.SNAPSHOT, cursor=None)
    commit(table, mode=Mode.SNAPSHOT, cursor="5")
    assert commit(table, mode=Mode.SNAPSHOT, cursor=None).version == 3


def test_a_part_does_not_change(disk: Store, make_part: MakeFile) -> None:
    table = Table(disk, IGDB_GAMES)
    commit(table, make_part())
    with pytest.raises(ManifestError, match=r"files: found .*parts never change"):
        table.commit(lambda _: draft(make_part(bytes=101)))
