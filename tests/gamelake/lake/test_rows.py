from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import Manifest, Mode, Part
from gamelake.lake.rows import LiveIds, read_ids, read_lines, read_live_ids
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.uploads import DamagedPartError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gamelake.lake.store import Store

DAYS = ("2026-11-20", "2026-11-21")
some_ids = st.integers(0, 70) | st.integers(65_500, 65_600) | st.integers(2**40, 2**40 + 5)
bounds = st.tuples(some_ids, st.none() | some_ids).filter(lambda pair: pair[1] is None or pair[0] < pair[1])


def put_part(store: Store, name: str, ids: Iterable[int], claims: tuple[IdRange, ...] = (), day: str = DAYS[1]) -> Part:
    ids = list(ids)
    data = gzip.compress(b"".join(json.dumps({"name": "x", "id": row_id}).encode() + b"\n" for row_id in ids))
    key = f"raw/igdb/games/dt={day}/r/{name}"
    store.put(key, data)
    lowest, highest = min(ids, default=None), max(ids, default=None)
    return Part(key, day, len(ids), len(data), hashlib.sha256(data).hexdigest(), lowest, highest, None, claims)


def manifest_of(*files: Part) -> Manifest:
    return Manifest(
        source="igdb",
        entity="games",
        version=1,
        committed_at=datetime.now(UTC),
        run_id="r",
        partition=DAYS[1],
        mode=Mode.FULL,
        cursor=None,
        source_count=0,
        row_count=files[-1].rows,
        files=files,
    )


@given(st.lists(st.tuples(st.none() | bounds, st.frozensets(some_ids))), bounds)
def test_live_ids_are_a_set(
    steps: list[tuple[tuple[int, int | None] | None, frozenset[int]]], asked: tuple[int, int | None]
) -> None:
    ids, model = LiveIds(), set[int]()
    for span, given_ids in steps:
        if span is None:
            ids.add(given_ids)
            model |= given_ids
        else:
            claim = IdRange(*span)
            held = {row_id for row_id in given_ids if row_id in claim}
            ids.replace(claim, held)
            model = {row_id for row_id in model if row_id not in claim} | held
    assert list(ids.ids()) == sorted(model)
    assert len(ids) == len(model)
    wanted = [row_id for row_id in sorted(model) if row_id in IdRange(*asked)]
    assert list(ids.ids(*asked)) == wanted
    assert ids.count(*asked) == len(wanted)
    for row_id in (0, 7, 65_535, 65_536, 2**40):
        assert (row_id in ids) == (row_id in model)
    others = LiveIds()
    others.add(wanted)
    assert list(ids.difference(others).ids()) == [row_id for row_id in sorted(model) if row_id not in IdRange(*asked)]
    assert list(ids.ids()) == sorted(model), "as they were"


def test_an_id_outside_the_claim_is_refused() -> None:
    with pytest.raises(ValueError, match="id: found 5, expected one of IdRange"):
        LiveIds().replace(IdRange(0, 5), [5])


def test_claims_and_newest_wins_are_applied(store: Store) -> None:
    files = (
        put_part(store, "full", [0, 1, 2, 70_000, 70_001], (IdRange(0, None),)),
        put_part(store, "changed", [2, 3]),
        put_part(store, "repaired", [1], (IdRange(1, 3), IdRange(70_001, None))),
        put_part(store, "again", [70_005]),
    )
    ids = read_live_ids(store, manifest_of(*files))
    assert list(ids.ids()) == [0, 1, 3, 70_000, 70_005]
    assert ids.count(0, 4) == 3


def test_of_a_time_series_one_day_is_asked_for(disk: Store) -> None:
    files = [put_part(disk, "a", ids, (IdRange(0, None),), day) for ids, day in (([1, 2, 3], DAYS[0]), ([2], DAYS[1]))]
    counts = [len(read_live_ids(disk, manifest_of(*files), partition=day)) for day in DAYS]
    assert counts == [3, 1]


def test_a_table_before_its_first_commit_has_no_rows(disk: Store) -> None:
    assert len(read_live_ids(disk, None)) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**60), unique=True, max_size=50))
def test_lines_come_back(tmp_path_factory: pytest.TempPathFactory, ids: list[int]) -> None:
    store = open_store(tmp_path_factory.mktemp("lake").as_uri())
    file = put_part(store, "part", ids, (IdRange(0, None),))
    assert list(read_ids(store, file)) == ids
    assert [json.loads(line)["id"] for line in read_lines(store, file)] == ids


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(b'{"id":1}\n', mtime=0), "found 1 rows, expected 2"),
        (gzip.compress(b'{"id":1}\n{"id":2}\n{"id":3}\n', mtime=0), "found 3 rows, expected 2"),
        (gzip.compress(b'{"id":1}\n{"id":2}\n', mtime=0)[:-3], "expected 2 rows of whole gzip"),
        (b"no gzip at all", "expected 2 rows of whole gzip"),
        (gzip.compress(b'{"id":1}\n{"id":\n', mtime=0), 'line 2: .*found b\'{"id":.*expected an object with an id'),
        (gzip.compress(b'{"id":1}\n{"name":2}\n', mtime=0), "line 2: .*expected an object with an id"),
        (gzip.compress(b'{"id":1}\n[]\n', mtime=0), "line 2: .*expected an object with an id"),
        (gzip.compress(b'{"id":1}\n{"id":"2"}\n', mtime=0), "line 2: Expected `int`, got `str`"),
        (gzip.compress(b'{"id":1}\n{"id":-2}\n', mtime=0), "line 2: Expected `int` >= 0"),
    ],
)
def test_a_part_that_is_not_what_its_manifest_states_is_an_error(disk: Store, data: bytes, message: str) -> None:
    file = put_part(disk, "part", [1, 2])
    disk.put(file.key, data)
    with pytest.raises(DamagedPartError, match=f"^raw/igdb/games/dt=2026-11-21/r/part: .*{message}"):
        list(read_ids(disk, file))


def test_a_part_that_is_lost_is_an_error(disk: Store) -> None:
    file = put_part(disk, "part", [1, 2])
    disk.delete(file.key)
    with pytest.raises(ObjectNotFoundError):
        read_live_ids(disk, manifest_of(file))
