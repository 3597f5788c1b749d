"""Which past days of the history cannot be built, and the warnings of them."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import Part
from gamelake.lake.store import Store
from gamelake.marts import history
from gamelake.marts.dbt_project import PROJECT
from gamelake.marts.popularity_checks import CHECKS, limits
from gamelake.marts.unbuildable import leave_out
from tests.gamelake.marts.test_history import MODEL
from tests.support.generations import entry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PAST, NEWEST = "2026-11-20", "2026-11-21"
EVERY_ID = (IdRange(0, None),)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "lake").as_uri())


def values(numbers: Iterable[int], **fields: Any) -> list[dict[str, Any]]:
    return [{"id": n, "game_id": n, "popularity_type": 3, "value": 0.5, **fields} for n in numbers]


def part(
    store: Store, rows: list[Any], *, day: str = PAST, claims: tuple[IdRange, ...] = EVERY_ID, number: int = 0
) -> Part:
    data = gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows), mtime=0)
    key = f"raw/igdb/popscore/dt={day}/run/part-{number:05}.jsonl.gz"
    store.put(key, data)
    sha256 = hashlib.sha256(data).hexdigest()
    first = min((row["id"] for row in rows if isinstance(row, dict)), default=1)
    last = first + len(rows) - 1
    return Part(key, day, len(rows), len(data), sha256, first, last, max_updated_at=None, claims=claims)


def left_out(store: Store, *files: Part, known: dict[str, list[Part]] | None = None) -> list[str]:
    """The reasons for a past day of these parts, before a newest day."""
    days = history.days_of(MODEL, [*files, part(store, values([1]), day=NEWEST)], [])
    kept, without = leave_out(store, days, tested=NEWEST, known=known or {})
    assert [str(day.day) for day in kept] == ([NEWEST] if without else [PAST, NEWEST])
    assert [(str(each.day), each.key) for each in without] == [(PAST, days[0].key)] * len(without)
    return [each.reason for each in without]


def test_a_day_that_can_be_built_stays(store: Store) -> None:
    assert left_out(store, part(store, values(range(9)))) == []


def test_a_missing_part_is_named_with_a_warning(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    file = part(store, values([1]))
    store.delete(file.key)
    assert left_out(store, file) == [f"its part {file.key} is missing"]
    assert f"the history of popularity is without {PAST}: its part {file.key} is missing" in caplog.text


def test_a_damaged_part_is_named(store: Store) -> None:
    file = part(store, values([1]))
    store.put(file.key, store.get(file.key)[:-9])
    (reason,) = left_out(store, file)
    assert reason.startswith(f"its part {file.key} is damaged: found {file.bytes - 9} bytes with the sha256 ")
    assert f"expected {file.bytes} with {file.sha256[:12]}…" in reason


@pytest.mark.parametrize("rows", [[{"id": 1, "value": "half"}], ["no row"]])
def test_a_part_that_cannot_be_read_is_named(store: Store, rows: Any) -> None:
    (reason,) = left_out(store, part(store, rows))
    assert reason.startswith("its parts cannot be read: ")


def test_a_line_that_is_no_row_is_missing(store: Store) -> None:
    assert left_out(store, part(store, [*values([1]), None])) == ["its parts have 1 rows, the manifest states 2"]


@pytest.mark.parametrize("field", ["game_id", "popularity_type", "value"])
def test_one_row_without_a_field_is_let_through_and_many_are_not(store: Store, field: str) -> None:
    assert left_out(store, part(store, [*values(range(8)), *values([8], **{field: None})])) == []
    (reason,) = left_out(store, part(store, [*values(range(7)), *values([8, 9], **{field: None})]))
    assert reason == (
        "2 of its 9 rows have no game, type or value, more than 0.1%: it fails the test unusable_popularity_values"
    )


def test_rows_that_do_not_count_are_not_counted(store: Store) -> None:
    bad = part(store, values(range(1, 9), value=None))
    claimed = part(store, values(range(1, 5)), claims=(IdRange(0, 5),), number=1)
    assert left_out(store, bad, claimed) != []
    newer = part(store, values(range(5, 8)), claims=(), number=2)
    assert left_out(store, bad, claimed, newer) == []  # one row is left, that of id 8


def test_days_that_are_built_and_the_newest_are_not_read(store: Store) -> None:
    files = [part(store, values([1]), day=day) for day in (PAST, NEWEST)]
    for file in files:
        store.delete(file.key)
    built = history.days_of(MODEL, files, [])[0].key
    days = history.days_of(MODEL, files, [entry(built)])
    assert leave_out(store, days, tested=NEWEST, known={}) == (days, [])


def test_the_last_day_of_the_history_is_checked_if_no_test_of_the_build_looks_at_it(store: Store) -> None:
    file = part(store, values([1]))
    store.delete(file.key)
    kept, (without,) = leave_out(store, history.days_of(MODEL, [file], []), tested=NEWEST, known={})
    assert kept == []
    assert str(without.day) == PAST


def test_every_test_of_the_night_that_lets_rows_through_is_checked() -> None:
    assert set(limits()) == set(CHECKS)
    shares = {about: share for (_, about), (_, share) in limits().items()}
    assert shares == {
        "not is_usable": 0.001,
        "out_of_range_values > 0": 0.001,
        "game_id, popularity_type": 0.05,
        "game_id": 0.99,
        "popularity_type": 0.5,
    }


def test_the_checks_have_the_ranges_of_the_models() -> None:
    assert "abs(value_rows.value) < 1e300" in (PROJECT / "macros" / "describe_popularity.sql").read_text("utf-8")
    assert '"time": ("-5364662400", "7258118399")' in (PROJECT / "macros" / "types.sql").read_text("utf-8")


def test_a_type_and_game_with_many_values_is_let_through_up_to_the_limit(store: Store) -> None:
    rows = values(range(1, 101))
    twice = [{**row, "id": row["id"] + 1000} for row in rows]
    assert left_out(store, part(store, rows + twice[:6])) == []
    (reason,) = left_out(store, part(store, rows + twice[:7]))
    assert reason.startswith("7 games and types of its 107 rows have more than one value, more than 5.0%: it fails ")


def test_impossible_times_are_let_through_up_to_the_limit(store: Store) -> None:
    assert left_out(store, part(store, [*values(range(8)), *values([8], calculated_at=10**15)])) == []
    (reason,) = left_out(store, part(store, [*values(range(7)), *values([8, 9], calculated_at=10**15)]))
    assert reason.startswith("2 of its 9 rows have an impossible time, more than 0.1%: it fails the test ")


@pytest.mark.parametrize(
    ("entity", "known", "reason"),
    [
        ("igdb.popularity_types", [3], None),
        ("igdb.popularity_types", [4], None),
        ("igdb.popularity_types", [], "9 of its 9 rows name no known type, more than 50.0%: it fails the test "),
        ("igdb.games", [1], None),
    ],
)
def test_a_day_of_unknown_types_is_left_out(store: Store, entity: str, known: Any, reason: str | None) -> None:
    parents = {entity: [part(store, [{"id": n} for n in known], number=7)] if known else []}
    found = left_out(store, part(store, values(range(1, 10))), known=parents)
    assert len(found) == (reason is not None)
    assert "".join(found).startswith(reason or "")


def test_one_unknown_type_or_game_may_be_that_of_all_rows(store: Store) -> None:
    """As dbt lets the night of that day pass, with a warning."""
    types = {"igdb.popularity_types": [part(store, [{"id": 4}], claims=(), number=7)]}
    assert left_out(store, part(store, values(range(9))), known=types) == []
    (reason,) = left_out(store, part(store, [*values(range(9)), *values([9], popularity_type=5)]), known=types)
    assert reason.startswith("10 of its 10 rows name no known type, more than 50.0%: it fails the test ")
    games = {"igdb.games": [part(store, [{"id": n} for n in range(1000, 1200)], claims=(), number=7)]}
    rows = [
        {"id": 3 * kind + game, "game_id": game, "popularity_type": kind, "value": 0.5}
        for game in range(3)
        for kind in range(60)
    ]
    assert left_out(store, part(store, [row for row in rows if row["game_id"] < 2]), known=games) == []
    (reason,) = left_out(store, part(store, rows), known=games)
    assert reason.startswith("180 of its 180 rows name no known game, more than 99.0%: it fails the test ")


def test_a_day_of_unknown_games_is_left_out(store: Store) -> None:
    parents = {"igdb.games": [part(store, [{"id": n} for n in (1, 5000)], claims=(), number=7)]}
    day = part(store, values(range(1001, 1201)))
    (reason,) = left_out(store, day, known=parents)
    assert reason.startswith("200 of its 200 rows name no known game, more than 99.0%: it fails the test ")
    parents["igdb.games"].append(part(store, [{"id": n} for n in range(1001, 1004)], claims=(), number=8))
    assert left_out(store, day, known=parents) == []


def test_what_a_day_refers_to_cannot_be_read_is_not_the_fault_of_the_day(store: Store) -> None:
    types = part(store, [{"id": 4}], number=7)
    store.delete(types.key)
    assert left_out(store, part(store, values(range(1, 10))), known={"popularity_types": [types]}) == []
