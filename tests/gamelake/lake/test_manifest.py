"""What a commit says, and what it may not say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamelake.lake.claims import merge_files
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import SCHEMA_PATH, Draft, File, Manifest, ManifestError, Mode, Proof, Summary, Unproven
from gamelake.lake.table import Table
from tests.support.commits import MakeFile, commit, draft
from tests.support.tables import IGDB_GAMES, IGDB_GENRES

if TYPE_CHECKING:
    from gamelake.lake.store import Store


# The document


def test_the_document_is_the_contract(make_file: MakeFile) -> None:
    file = make_file("part-00000.jsonl.gz", (0, 9), ((0, 5), (9, None)), max_updated_at=5)
    committed_at = datetime(2026, 11, 20, 19, 1, 2, 345, UTC)
    made = draft(
        file,
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
    fields = {name: getattr(made, name) for name in Draft.__dataclass_fields__}
    manifest = Manifest(**fields, source="igdb", entity="games", version=42, committed_at=committed_at)
    assert json.loads(manifest.to_json()) == {
        "format_version": 2,
        "source": "igdb",
        "entity": "games",
        "version": 42,
        "committed_at": "2026-11-20T19:01:02.000345+00:00",
        "run_id": "manual_1",
        "partition": "2026-11-21",
        "mode": "full",
        "cursor": "1763700000",
        "source_count": 2,
        "row_count": 2,
        "summary": {
            "rows_read": 2,
            "rows_resumed": 0,
            "rows_rejected": 0,
            "rows_deleted": 0,
            "rows_late": 0,
            "ranges_repaired": 0,
            "undeclared": {"dlc_count": 2},
            "requests": 3,
            "retries": 1,
            "bytes": 900,
            "seconds": 1.5,
            "proof": "unproven",
            "cursor_set_back": False,
        },
        "unproven": [{"low": 7, "high": None, "rows": 2, "count": 1}],
        "shrink_allowed": True,
        "rejected_key": "raw/igdb/games/x",
        "origin": None,
        "files": [
            {
                "key": "raw/igdb/games/dt=2026-11-21/run/part-00000.jsonl.gz",
                "partition": "2026-11-21",
                "rows": 2,
                "bytes": 100,
                "sha256": "ab" * 32,
                "min_id": 0,
                "max_id": 9,
                "max_updated_at": 5,
                "claims": [{"low": 0, "high": 5}, {"low": 9, "high": None}],
            }
        ],
    }
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_the_schema_names_every_field_and_no_other() -> None:
    schema = json.loads(SCHEMA_PATH.read_text())
    parts = {"file": File, "claim": IdRange, "unproven": Unproven, "summary": Summary}
    for body, type_ in ((schema, Manifest), *((schema["$defs"][name], type_) for name, type_ in parts.items())):
        optional = {"claims"} if type_ is File else set()
        assert set(body["properties"]) == set(body["required"]) | optional
        assert set(body["properties"]) == set(type_.__dataclass_fields__)
        assert body["additionalProperties"] is False


@pytest.mark.parametrize("figure", ["rows_read", "requests", "seconds"])
def test_a_figure_that_cannot_be_is_refused(figure: str) -> None:
    with pytest.raises(ManifestError) as error:
        Summary(**{figure: -1})
    assert (error.value.key, error.value.found) == (f"summary.{figure}", -1)


def test_a_part_without_claims_or_ids_says_nothing_of_them(disk: Store, make_file: MakeFile) -> None:
    """A table without ids: its parts have rows and no claims, and every row counts."""
    table = Table(disk, TableName("wikimedia", "edits"))
    file = replace(make_file("a"), key="raw/wikimedia/edits/dt=2026-11-21/r/a", min_id=None, max_id=None)
    manifest = commit(table, file, mode=Mode.SNAPSHOT, cursor=None, source_count=None)
    (document,) = json.loads(manifest.to_json())["files"]
    assert "claims" not in document
    assert Manifest.from_json(manifest.to_json()) == manifest
    later = replace(file, key="raw/wikimedia/edits/dt=2026-11-21/r/b")
    assert merge_files([file], [later]) == (file, later)


@pytest.mark.parametrize("partition", ["2026-11-21T04", "2026-11-21T23"])
def test_a_partition_may_be_an_hour(disk: Store, make_file: MakeFile, partition: str) -> None:
    table = Table(disk, IGDB_GAMES)
    commit(table, make_file(partition=partition), partition=partition)
    assert table.as_of("2026-11-21") == table.as_of(partition) == table.latest()
    assert table.as_of("2026-11-20") is None
    assert table.as_of("2026-11-21T03") is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"low": 0, "high": 9, "rows": 3, "count": 3}, "unproven.count: found 3, expected another number than rows"),
        ({"low": 0, "high": 9, "rows": -1, "count": 3}, "unproven.rows: found -1"),
        ({"low": 0, "high": 9, "rows": 3, "count": -1}, "unproven.count: found -1"),
        ({"low": 9, "high": 9, "rows": 3, "count": 4}, "high: found 9"),
    ],
)
def test_an_unproven_range_that_cannot_be(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Unproven(**fields)


def test_a_day_of_a_time_series_may_have_no_rows(make_file: MakeFile) -> None:
    """Then it has no part either, and the last part is another day's."""
    yesterday = make_file("part-00000.jsonl.gz", (0, 9), partition="2026-11-20")
    assert draft(yesterday, mode=Mode.SNAPSHOT, partition="2026-11-21", row_count=0).row_count == 0
    with pytest.raises(ManifestError, match="row_count: found 0, expected 2 to 2"):
        draft(yesterday, mode=Mode.SNAPSHOT, partition="2026-11-20", row_count=0)


files = st.builds(
    lambda number, low, size, updated, high: File(
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
def test_what_is_written_is_read(held: list[File], run_id: str, committed_at: datetime, mode: Mode) -> None:
    fields = {name: getattr(draft(*held, run_id=run_id, mode=mode), name) for name in Draft.__dataclass_fields__}
    manifest = Manifest(**fields, source="igdb", entity="games", version=1, committed_at=committed_at)
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 1}, "format_version: found 1"),
        ({"version": 0}, "version: found 0"),
        ({"version": "1"}, "version: found '1'"),
        ({"surprise": 1}, "manifest: found .*surprise"),
        ({"entity": "Games"}, "entity: found 'Games'"),
        ({"mode": "partial"}, "mode: found 'partial'"),
        ({"partition": "2026-11-21T24"}, "partition: found '2026-11-21T24'"),
        ({"partition": "today"}, "partition: found 'today'"),
        ({"partition": "2026-02-30"}, "partition: found '2026-02-30'"),
        ({"committed_at": "yesterday"}, "committed_at: found 'yesterday'"),
        ({"cursor": 1763700000}, "cursor: found 1763700000"),
        ({"summary": {}}, "summary: found {}"),
        ({"row_count": -1}, "row_count: found -1"),
        ({"files": [{}]}, r"files\.0: found {}"),
        ({"files": None}, "files: found None"),
    ],
)
def test_a_document_that_breaks_the_schema_is_refused(disk: Store, change: dict[str, Any], message: str) -> None:
    document = json.loads(commit(Table(disk, IGDB_GAMES)).to_json())
    with pytest.raises(ManifestError, match=message):
        Manifest.from_json(orjson.dumps(document | change))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null"])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError, match="manifest: found"):
        Manifest.from_json(data)


# Drafts


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run_id": ""}, "run_id: found ''"),
        ({"partition": "2026-11-32"}, "partition: found '2026-11-32'"),
        ({"source_count": -1}, "source_count: found -1"),
        ({"row_count": -1}, "row_count: found -1"),
        ({"row_count": 5}, "row_count: found 5, expected 2 to 4"),
        ({"row_count": 1}, "row_count: found 1, expected 2 to 4"),
        ({"cursor": ""}, "cursor: found ''"),
        ({"cursor": None, "mode": Mode.INCREMENTAL}, "cursor: found None"),
    ],
)
def test_a_draft_that_cannot_be_is_refused(make_file: MakeFile, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        draft(make_file("a"), make_file("b"), **changes)


def test_a_part_is_in_a_draft_once(make_file: MakeFile) -> None:
    with pytest.raises(ManifestError, match=r"files\.key: found .*part-00000.*expected each part once"):
        draft(make_file(), make_file())


@pytest.mark.parametrize("key", ["raw/igdb/genres/dt=2026-11-21/r/p", "raw/igdb/games/dt=2026-11-20/r/p", "marts/p"])
def test_a_part_of_another_table_or_day_is_refused(disk: Store, make_file: MakeFile, key: str) -> None:
    with pytest.raises(ManifestError, match=r"files\.key: found .*expected raw/igdb/games/dt=2026-11-21/"):
        commit(Table(disk, IGDB_GAMES), replace(make_file(), key=key))
    assert Table(disk, IGDB_GAMES).latest() is None


def test_a_snapshot_needs_no_cursor(disk: Store) -> None:
    table = Table(disk, IGDB_GENRES)
    commit(table, mode=Mode.SNAPSHOT, cursor=None)
    commit(table, mode=Mode.SNAPSHOT, cursor="5")
    assert commit(table, mode=Mode.SNAPSHOT, cursor=None).version == 3


def test_a_part_does_not_change(disk: Store, make_file: MakeFile) -> None:
    table = Table(disk, IGDB_GAMES)
    commit(table, make_file())
    with pytest.raises(ManifestError, match=r"files: found .*parts never change"):
        table.commit(lambda _: draft(make_file(bytes=101)))
