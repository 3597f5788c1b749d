"""A source whose count differs from its rows for good: they are committed as unproven, up to a share."""

from __future__ import annotations

import random
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.cli.main import main
from gamelake.lake.manifest import Unproven
from gamelake.lake.table import Table
from gamelake.limits import Allow
from gamelake.load.errors import UnprovenError
from gamelake.load.miscounts import Miscounts
from gamelake.sources.base import IncompleteError
from sandbox.igdb import Fault
from tests.support.errors import having
from tests.support.loads import (
    LONG_AGO,
    REGISTRY,
    Loads,
    Rows,
    small_sandbox,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.igdb import Sandbox

ROWS = 475
KINDS = ["uncounted_rows", "hide_rows"]


@pytest.fixture
def rows() -> int:
    """Rows of the source; `parametrize` replaces it."""
    return ROWS


@pytest.fixture
def served(rows: int) -> Iterator[tuple[Sandbox, str]]:
    with small_sandbox(rows) as served:
        yield served


def miscount(loads: Loads, kind: str, *ids: int) -> None:
    loads.sandbox.faults.clear()
    loads.sandbox.faults.add(Fault(kind, row_ids=ids, times=None))


def visible(loads: Loads, kind: str, *ids: int) -> Rows:
    """The rows that a request can get."""
    return {row_id: row for row_id, row in loads.source_rows().items() if kind != "hide_rows" or row_id not in ids}


def unproven(loads: Loads) -> tuple[Unproven, ...]:
    newest = loads.newest()
    assert newest.row_count == newest.source_count == len(loads.table_rows())
    return newest.unproven


@pytest.mark.parametrize("place", [0, 200, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_miscounted_row_blocks_neither_full_nor_incremental_loads(
    kind: str, place: int, caplog: pytest.LogCaptureFixture, loads: Loads
) -> None:
    odd = loads.ids()[place]
    miscount(loads, kind, odd)
    rows, count = (ROWS, ROWS - 1) if kind == "uncounted_rows" else (ROWS - 1, ROWS)
    report = loads.load(run_id="full")
    assert loads.table_rows() == visible(loads, kind, odd)
    assert sum(one.difference for one in unproven(loads)) == 1
    assert report.unproven == [{"low": 0, "high": None, "rows": rows, "count": count}]
    assert f"games: ids 0 and above: the source returned {rows} rows but counts {count}, twice" in caplog.text

    # A quiet night, one with changes and a deletion, one in which the odd row changes itself.
    ids = [row_id for row_id in loads.ids() if row_id != odd]
    loads.load(run_id="quiet")
    assert loads.table_rows() == visible(loads, kind, odd)
    assert sum(one.difference for one in unproven(loads)) == 1
    loads.sandbox.upsert("games", [{"id": ids[5], "name": "Changed"}, {"id": ids[-1] + 90, "name": "New"}])
    loads.sandbox.delete("games", [ids[7], ids[300]])
    report = loads.load(run_id="changes")
    assert report.mode == "incremental"
    assert report.deleted == 2
    assert loads.table_rows() == visible(loads, kind, odd)
    loads.sandbox.upsert("games", [{"id": odd, "name": "Changed"}])
    loads.load(run_id="odd")
    assert loads.table_rows() == visible(loads, kind, odd)
    loads.load(run_id="whole", full_refresh=True)
    assert loads.table_rows() == visible(loads, kind, odd)

    loads.sandbox.faults.clear()
    loads.load(run_id="right")
    assert loads.table_rows() == loads.source_rows()
    loads.load(run_id="right again")
    assert unproven(loads) == ()


def test_a_miscounted_row_that_changed_late_is_unproven_once(loads: Loads) -> None:
    odd = loads.ids()[200]
    miscount(loads, "uncounted_rows", odd)
    loads.load(run_id="full")
    newest = loads.newest()
    assert newest.cursor is not None
    loads.sandbox.upsert("games", [{"id": odd, "name": "Late", "updated_at": int(newest.cursor) - 3_600}])
    other = loads.ids()[300]
    loads.sandbox.upsert("games", [{"id": other, "name": "Late too", "updated_at": int(newest.cursor) - 3_600}])
    loads.load(run_id="night")
    assert loads.table_rows()[other]["name"] == "Late too"
    assert sum(one.difference for one in unproven(loads)) == 1


@pytest.mark.parametrize("rows", [475, 2_900])
@pytest.mark.parametrize("kind", KINDS)
def test_a_miscounted_row_hides_no_deletion_and_is_read_once_it_shows(kind: str, loads: Loads) -> None:
    ids = loads.ids()
    loads.load(run_id="full")
    miscount(loads, kind, ids[30])
    deleted = loads.source_rows()[ids[40]]
    loads.sandbox.delete("games", [ids[40]])
    loads.load(run_id="miscounted")
    assert sum(one.difference for one in unproven(loads)) == 1
    # Now the table and the count are equal in this range.
    if kind == "hide_rows":
        loads.sandbox.delete("games", [ids[31]])
    else:
        loads.sandbox.upsert("games", [deleted])
    loads.load(run_id="hidden")
    assert loads.table_rows() == visible(loads, kind, ids[30])
    assert sum(one.difference for one in unproven(loads)) == 1
    loads.sandbox.faults.clear()
    loads.load(run_id="right")
    assert loads.table_rows() == loads.source_rows()
    assert unproven(loads) == ()


@pytest.mark.parametrize("rows", [0])
@pytest.mark.parametrize("seed", [0, 1, 6, 7])
def test_miscounted_rows_among_clumped_ids(seed: int, loads: Loads) -> None:
    """The rests of full windows are asked for beside windows of higher ids."""
    rng = random.Random(seed)  # noqa: S311 - made-up rows, not a secret
    total = rng.choice([3_000, 6_000, 9_000])
    steps = (1 + (rng.choice([300, 3_000, 30_000]) if rng.random() < 0.002 else 0) for _ in range(total))
    loads.sandbox.upsert("games", [{"id": row_id, "updated_at": LONG_AGO} for row_id in accumulate(steps)])
    odd = rng.sample(loads.ids(), 3)
    miscount(loads, "hide_rows", *odd)
    loads.load(client=loads.client(max_open_requests=1))
    assert loads.table_rows() == visible(loads, "hide_rows", *odd)
    assert sum(one.difference for one in unproven(loads)) == 3


def test_a_hidden_change_beside_a_deletion_is_unproven_once(loads: Loads) -> None:
    ids = loads.ids()
    loads.load(run_id="full")
    loads.sandbox.upsert("games", [{"id": ids[30], "name": "Changed"}])
    loads.sandbox.delete("games", [ids[40]])
    miscount(loads, "hide_rows", ids[30])
    for night in ("first", "second"):
        loads.load(run_id=night)
        assert loads.table_rows() == visible(loads, "hide_rows", ids[30])
        assert sum(one.difference for one in unproven(loads)) == 1


@pytest.mark.parametrize(
    ("earlier", "later", "found"),
    [
        ([(0, None, 1)], [(0, 500, 1)], [(0, None, 1)]),
        ([(0, None, 1)], [(0, 500, 1), (500, 900, 1)], [(0, 500, 1), (500, 900, 1)]),
        ([(0, 500, 2)], [(500, 900, 1)], [(0, 500, 2), (500, 900, 1)]),
        ([(30, 31, 1), (600, 601, 1)], [(0, 500, 3)], [(0, 500, 3), (600, 601, 1)]),
    ],
)
def test_of_two_phases_the_larger_difference_counts(
    earlier: list[tuple[int, int | None, int]],
    later: list[tuple[int, int | None, int]],
    found: list[tuple[int, int | None, int]],
) -> None:
    miscounts = Miscounts(REGISTRY["games"], allowed=False)
    for phase in (earlier, later):
        miscounts.begin_phase()
        miscounts.add([Unproven(low, high, 0, differ) for low, high, differ in phase], rows=10_000)
    assert [(one.low, one.high, one.count) for one in miscounts.found] == found


@pytest.mark.parametrize("rows", [500, 501, 1_000, 2_900])
@pytest.mark.parametrize("kind", KINDS)
def test_where_pages_end(kind: str, rows: int, loads: Loads) -> None:
    """A page that is short of a hidden row is not the last one, nor is the first of a table of 501 that count as 500.

    The rows of a full page are all there for any count: a row that is not counted is not noticed among them.
    """
    for odd in (loads.ids()[-1], loads.ids()[3]):
        miscount(loads, kind, odd)
        loads.load(run_id=f"{odd}", full_refresh=True)
        assert loads.table_rows() == visible(loads, kind, odd)
        in_a_full_page = kind == "uncounted_rows" and rows > 500 and odd == loads.ids()[3]
        assert sum(one.difference for one in unproven(loads)) == (0 if in_a_full_page else 1)
        loads.load(run_id=f"after {odd}")
        assert loads.table_rows() == visible(loads, kind, odd)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
def test_more_than_a_share_is_held_unless_it_is_allowed(incremental: bool, kind: str, loads: Loads) -> None:
    loads.load(run_id="before")
    before = loads.latest()
    odd = loads.ids()[100:102]
    miscount(loads, kind, *odd)
    options: dict[str, Any] = {"full_refresh": not incremental}
    if incremental and kind == "hide_rows":
        # Rows that the table has and that are counted agree: nothing is asked for. Two that it has not are missed.
        odd = [9_000, 9_001]
        loads.sandbox.upsert("games", [{"id": i, "name": "Hidden", "updated_at": LONG_AGO} for i in odd])
        miscount(loads, kind, *odd)
    with pytest.raises(UnprovenError, check=having(entity="igdb.games", difference=2, allowed=1)):
        loads.load(**options)
    assert loads.latest() == before
    loads.load(allow=Allow(unproven=True), **options)
    assert loads.table_rows() == visible(loads, kind, *odd)
    assert sum(one.difference for one in unproven(loads)) == 2


@pytest.mark.parametrize("rows", [2_900])
def test_rows_that_differ_between_two_replies_fail_the_load(loads: Loads) -> None:
    ids = loads.ids()
    loads.sandbox.faults.add(
        Fault("hide_rows", contains='query games "1"', row_ids=(ids[600],)),
        Fault("hide_rows", endpoint="games", row_ids=(ids[601],)),
    )
    with pytest.raises(IncompleteError, check=having(entity="igdb.games")):
        loads.load()
    assert loads.latest() is None


@pytest.mark.parametrize("rows", [2_900])
def test_the_next_try_of_a_run_reads_unproven_ranges_again(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    odd = loads.ids()[-1]
    miscount(loads, "uncounted_rows", odd)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Table, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            loads.load()
    report = loads.load()
    assert 0 < report.resumed_rows < 2_900
    assert sum(one.difference for one in unproven(loads)) == 1


def test_show_names_the_range_and_both_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], loads: Loads
) -> None:
    miscount(loads, "uncounted_rows", loads.ids()[3])
    loads.load()
    monkeypatch.setenv("GAMELAKE_URI", loads.store.uri)
    monkeypatch.delenv("GAMELAKE_CDN_URL", raising=False)
    assert main(["lake", "show"]) == 0
    printed = capsys.readouterr().out
    assert "unproven" in printed.splitlines()[1]
    assert "games version 1: unproven: ids 0 and above: the source returned 475 rows but counts 474, twice" in printed
