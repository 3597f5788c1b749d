from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins

from gamelake.lake.claims import merge_parts
from gamelake.lake.documents import convert
from gamelake.lake.id_ranges import IdRange, merge_ranges
from gamelake.lake.manifest import ManifestError, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

IDS = 12
"""The models below use few ids and many files: collisions are what they are about."""

claims = st.builds(
    lambda low, size: IdRange(low, None if size is None else low + size),
    st.integers(0, IDS),
    st.none() | st.integers(1, IDS),
)


@given(st.lists(claims))
def test_merged_claims_hold_the_same_ids_in_the_fewest_ranges(given_claims: list[IdRange]) -> None:
    merged = merge_ranges(given_claims)
    for row_id in range(3 * IDS):
        assert any(row_id in claim for claim in merged) == any(row_id in claim for claim in given_claims)
    assert all(one.end < other.low for one, other in pairwise(merged))
    assert merge_ranges(merged) == merged


def test_a_claim_has_its_low_end_and_not_its_high() -> None:
    assert [row_id in IdRange(2, 4) for row_id in (1, 2, 3, 4)] == [False, True, True, False]
    assert 10**18 in IdRange(0, None)
    assert IdRange(0, None).end == inf


@pytest.mark.parametrize(("low", "high"), [(-1, 5), (5, 5), (5, 4), (0, 0)])
def test_a_claim_of_nothing_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match=r"(low|high): found"):
        IdRange(low, high)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"rows": -1}, "rows"),
        ({"rows": 11}, "rows"),
        ({"rows": 0}, "rows"),
        ({"bytes": 0}, "bytes"),
        ({"sha256": "AB" * 32}, "sha256"),
        ({"sha256": "ab" * 31}, "sha256"),
        ({"partition": "2026-13-01"}, "partition"),
        ({"partition": "21.11.2026"}, "partition"),
        ({"max_updated_at": -1}, "max_updated_at"),
        ({"min_id": -1}, "min_id"),
        ({"min_id": 10}, "max_id"),
        ({"min_id": None}, "max_id"),
        ({"max_id": None}, "min_id"),
        ({"ids": None, "rows": 1, "claims": ((0, 9),)}, "rows"),
        ({"ids": None}, "claims"),
        ({"claims": ((0, 6), (5, 10))}, "claims"),
        ({"claims": ((0, 5), (5, 10))}, "claims"),
        ({"claims": ((5, 10), (0, 4))}, "claims"),
        ({"claims": ((0, None), (5, 10))}, "claims"),
        ({"claims": ((1, 10),)}, "min_id"),
        ({"claims": ((0, 9),)}, "max_id"),
    ],
)
def test_a_file_that_cannot_be_is_refused(make_part: Callable[..., Part], changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ManifestError) as error:
        convert(to_builtins(make_part(**changes)), Part, ManifestError)
    assert error.value.key.rpartition(": ")[2] == key


def test_a_full_load_replaces_everything(make_part: Callable[..., Part]) -> None:
    kept = [make_part("a", (0, 100)), make_part("b", (50, 70)), make_part("c", (3, 7), ((0, 1000),))]
    new = [make_part("d", (0, 90), ((0, 91),)), make_part("e", (95, 200), ((91, None),))]
    assert merge_parts(kept, new) == tuple(new)


def test_changed_rows_are_added_behind(make_part: Callable[..., Part]) -> None:
    kept = [make_part("a", (0, 100), ((0, None),))]
    new = [make_part("b", (0, 100))]
    assert merge_parts(kept, new) == (*kept, *new)


def test_a_file_stays_while_its_claim_voids_an_older_row(make_part: Callable[..., Part]) -> None:
    full = make_part("full", (0, 100), ((0, None),))
    repair = make_part("repair", (5, 6), ((0, 50),))
    again = make_part("again", (5, 6), ((5, 7),))
    assert merge_parts([full, repair], [again]) == (full, repair, again)
    assert merge_parts([repair], [again]) == (again,)


def test_a_claim_without_rows_stays_while_it_deletes_something(make_part: Callable[..., Part]) -> None:
    full = make_part("full", (0, 100), ((0, None),))
    deleted = make_part("deleted", None, ((40, 60),))
    assert merge_parts([full], [deleted]) == (full, deleted)
    assert merge_parts([], [deleted]) == ()
    assert merge_parts([full], [make_part("beyond", None, ((101, None),))]) == (full,)
    newer = make_part("newer", (0, 100), ((0, None),))
    assert merge_parts([full, deleted], [newer]) == (newer,)


def test_a_time_series_keeps_its_days(make_part: Callable[..., Part]) -> None:
    monday = make_part("a", claims=((0, None),), partition="2026-11-16")
    tuesday = make_part("b", claims=((0, None),), partition="2026-11-17")
    assert merge_parts([monday], [tuesday], per_partition=True) == (monday, tuesday)
    assert merge_parts([monday], [tuesday]) == (tuesday,)
    again = make_part("c", claims=((0, None),), partition="2026-11-16")
    assert merge_parts([monday, tuesday], [again], per_partition=True) == (tuesday, again)


def test_a_part_that_is_written_again_is_there_once(make_part: Callable[..., Part]) -> None:
    full, one, other = make_part("full", (0, 100), ((0, None),)), make_part("one"), make_part("other")
    assert merge_parts([full, one, other], [one]) == (full, other, one)


# A part as its rows: the model knows nothing of min_id and max_id.
PartWithIds = tuple[Part, frozenset[int]]


@st.composite
def parts(draw: st.DrawFn, key: str) -> PartWithIds:
    part_claims = merge_ranges(draw(st.lists(claims, max_size=3)))
    can_hold = [row_id for row_id in range(IDS) if not part_claims or any(row_id in claim for claim in part_claims)]
    least = 0 if part_claims else 1
    ids = draw(st.frozensets(st.sampled_from(can_hold), min_size=least) if can_hold else st.just(frozenset()))
    day = draw(st.sampled_from(["2026-11-20", "2026-11-21"]))
    lowest, highest = min(ids, default=None), max(ids, default=None)
    return Part(f"raw/igdb/games/dt={day}/r/{key}", day, len(ids), 1, "0" * 64, lowest, highest, None, part_claims), ids


def visible(parts_: Sequence[PartWithIds], *, per_partition: bool) -> Mapping[tuple[str, int], str]:
    """The rule of the contract, row by row: which part's row of an id shows, of a time series in each partition."""
    rows: dict[tuple[str, int], str] = {}
    for file, ids in parts_:
        group = file.partition if per_partition else ""
        rows = {
            (day, row_id): key
            for (day, row_id), key in rows.items()
            if day != group or not any(row_id in claim for claim in file.claims)
        }
        rows |= {(group, row_id): file.key for row_id in ids}
    return rows


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(0, 7), st.booleans())
def test_merged_files_show_the_rows_of_all_files(data: st.DataObject, count: int, per_partition: bool) -> None:
    drawn = [data.draw(parts(f"{number}")) for number in range(count)]
    split = data.draw(st.integers(0, count))
    rows = {file.key: ids for file, ids in drawn}
    files = [file for file, _ in drawn]

    merged = merge_parts(files[:split], files[split:], per_partition=per_partition)
    held = [(file, rows[file.key]) for file in merged]
    assert visible(held, per_partition=per_partition) == visible(drawn, per_partition=per_partition)
    assert [file for file in files if file in merged] == list(merged)

    step = merge_parts((), files[:split], per_partition=per_partition)  # as commits do it: one after another
    later = merge_parts(step, files[split:], per_partition=per_partition)
    held = [(file, rows[file.key]) for file in later]
    assert visible(held, per_partition=per_partition) == visible(drawn, per_partition=per_partition)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 6))
def test_a_file_that_later_claims_replace_does_not_pile_up(data: st.DataObject, count: int) -> None:
    drawn = [data.draw(parts(f"{number}")) for number in range(count)]
    full = Part("raw/igdb/games/dt=2026-11-21/r/full", "2026-11-21", 1, 1, "0" * 64, 0, 0, None, (IdRange(0, None),))
    assert merge_parts([file for file, _ in drawn], [full]) == (full,)
