"""The volume guard by itself: which number of rows is held, by kind of entity, size and history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import Manifest, Mode, Part, Proof, Summary
from gamelake.limits import Limits
from gamelake.load.guard import Loss, Verdict, judge, recent
from tests.support.loads import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

GAMES, GENRES, POPSCORE = "games", "genres", "popscore"
TODAY = "2026-11-29"


def history(rows: Sequence[int], *, allowed: Collection[int] = (), days: Sequence[int] | None = None) -> list[Manifest]:
    """Commits of tables with so many rows, newest first. allowed: the places of those whose shrink was let through.

    days: the day of the month that each is for; by itself each is for the day before the one in front of it.
    """
    made = []
    for place, count in enumerate(rows):
        day = f"2026-11-{days[place] if days else 28 - place:02}"
        part = Part(
            key=f"raw/igdb/games/dt={day}/run/part-0.jsonl.gz",
            partition=day,
            rows=count,
            bytes=100,
            sha256="0" * 64,
            min_id=0 if count else None,
            max_id=count - 1 if count else None,
            max_updated_at=None,
            claims=(IdRange(0, None),),
        )
        made.append(
            Manifest(
                source="igdb",
                entity="games",
                version=len(rows) - place,
                committed_at=datetime(2026, 11, 21, tzinfo=UTC),
                run_id="run",
                partition=day,
                mode=Mode.SNAPSHOT,
                cursor=None,
                source_count=count,
                row_count=count,
                shrink_allowed=place in allowed,
                files=(part,),
            )
        )
    return made


def judged(
    name: str, rows: int, commits: Sequence[Manifest], *, day: str = TODAY, rejected: int = 0, removed: int = 0
) -> Verdict:
    return judge(REGISTRY[name], rows, recent(commits), partition=day, rejected=rejected, removed=removed)


HELD, WARNS, PASSES = "held", "warns", "passes"

CASES: dict[str, tuple[str, int, list[int], str]] = {
    # what: entity, rows now, rows of the days before (newest first), verdict
    "first load": (GAMES, 345_000, [], PASSES),
    "first load is empty": (GAMES, 0, [], WARNS),
    "first day of a time series is empty": (POPSCORE, 0, [], WARNS),
    "a table that began empty": (GENRES, 23, [0], WARNS),
    "a table that stays empty": (GENRES, 0, [0, 0], PASSES),
    "nothing changed": (GAMES, 345_000, [345_000], PASSES),
    "one row less": (GAMES, 344_999, [345_000], PASSES),
    "five per cent less": (GAMES, 327_750, [345_000], PASSES),
    "a row more than five per cent less": (GAMES, 327_749, [345_000], HELD),
    "games are halved": (GAMES, 172_500, [345_000], HELD),
    "games are empty": (GAMES, 0, [345_000], HELD),
    "games of a small sandbox are halved": (GAMES, 20, [40], HELD),
    "a lookup loses one": (GENRES, 22, [23], PASSES),
    "a lookup loses two": (GENRES, 21, [23], HELD),
    "a lookup is halved": (GENRES, 12, [23], HELD),
    "a lookup is empty": (GENRES, 0, [23], HELD),
    "a tiny lookup loses one": (GENRES, 5, [6], PASSES),
    "a tiny lookup loses two": (GENRES, 4, [6], HELD),
    "a tiny lookup loses two in two nights": (GENRES, 4, [5, 6], HELD),
    "a lookup of three loses one": (GENRES, 2, [3], PASSES),
    "a lookup of two loses one": (GENRES, 1, [2], HELD),
    "a lookup of one is empty": (GENRES, 0, [1], HELD),
    "a lookup of some hundreds loses five per cent": (GENRES, 209, [220], PASSES),
    "a lookup of some hundreds loses more": (GENRES, 208, [220], HELD),
    "growth by a third": (GAMES, 460_000, [345_000], PASSES),
    "growth by half": (GAMES, 517_500, [345_000], WARNS),
    "growth by half of a small table": (GENRES, 46, [23], PASSES),
    "four per cent less for the second night": (GAMES, 317_952, [331_200, 345_000], HELD),
    "half a per cent less for a week": (GAMES, 965, [970, 975, 980, 985, 990, 995, 1_000], PASSES),
    "one per cent less for a week": (GAMES, 930, [940, 950, 960, 970, 980, 990, 1_000], HELD),
    "a shrink of eight days ago": (GAMES, 90_000, [90_000] * 7 + [100_000], PASSES),
    "a shrink of six days ago": (GAMES, 90_000, [90_000] * 6 + [100_000], HELD),
    "popularity is empty": (POPSCORE, 0, [5_500, 5_520, 5_519], HELD),
    "popularity is halved": (POPSCORE, 2_750, [5_500, 5_520, 5_519], HELD),
    "popularity loses a type": (POPSCORE, 4_400, [5_500, 5_520, 5_519], PASSES),
    "popularity after a day that had little": (POPSCORE, 5_500, [3_900, 5_520, 5_519], PASSES),
    "popularity has little again": (POPSCORE, 3_800, [3_900, 5_520, 5_519], HELD),
    "popularity after one large day": (POPSCORE, 5_500, [9_000, 5_520, 5_519], PASSES),
    "popularity grows by half": (POPSCORE, 8_300, [5_500, 5_520, 5_519], WARNS),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_number_of_rows(case: str) -> None:
    name, rows, before, expected = CASES[case]
    assert outcome(judged(name, rows, history(before))) == expected


@pytest.mark.parametrize("name", REGISTRY)
def test_every_table_that_loses_its_rows_is_held(name: str) -> None:
    assert judged(name, 0, history([300])).held
    assert judged(name, 150, history([300])).held


def outcome(verdict: Verdict) -> str:
    return HELD if verdict.held else WARNS if verdict.warning else PASSES


USUAL = 300_000
OF_ALLOWED: dict[str, tuple[str, int, list[int], list[int], str]] = {
    # what: entity, rows now, rows of the days before (newest first), places of the allowed ones, verdict
    "the night after an empty day": (POPSCORE, 3, [0, *[USUAL] * 6], [0], HELD),
    "the second night after it": (POPSCORE, 3, [USUAL, 0, *[USUAL] * 5], [1], HELD),
    "a usual night after an empty day": (POPSCORE, USUAL, [0, *[USUAL] * 6], [0], PASSES),
    "an empty day after an empty day": (POPSCORE, 0, [0, USUAL], [0], HELD),
    "an empty day of a young table": (POPSCORE, 3, [0, USUAL], [0], HELD),
    "the night after a day of few rows": (POPSCORE, 3, [3, *[USUAL] * 6], [0], HELD),
    "a day of few rows of a young table": (POPSCORE, 3, [3, USUAL], [0], HELD),
    "a lower level, allowed three times": (POPSCORE, 9_000, [9_000] * 3 + [USUAL] * 4, [0, 1, 2], HELD),
    "a lower level, allowed four times": (POPSCORE, 9_000, [9_000] * 4 + [USUAL] * 3, [0, 1, 2, 3], PASSES),
    "a lower level of a young table": (POPSCORE, 9_000, [9_000] * 2 + [USUAL], [0, 1], PASSES),
    "a lower level is lost again": (POPSCORE, 3, [9_000] * 4 + [USUAL] * 3, [0, 1, 2, 3], HELD),
    "a week of empty days": (POPSCORE, 0, [0] * 7, list(range(7)), PASSES),
    "three rows after a week of empty days": (POPSCORE, 3, [0] * 7, list(range(7)), WARNS),
    "a table that is allowed empty and stays so": (GENRES, 0, [0, 23], [0], PASSES),
    "a table that is allowed empty and comes back": (GENRES, 23, [0, 23], [0], WARNS),
    "a table that came back and is empty again": (GENRES, 0, [23, 0, 23], [1], HELD),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_ALLOWED)
def test_after_a_shrink_that_was_allowed(case: str) -> None:
    name, rows, before, allowed, expected = OF_ALLOWED[case]
    assert outcome(judged(name, rows, history(before, allowed=allowed))) == expected


def test_an_allowed_day_may_be_loaded_again() -> None:
    before = history([9_000, USUAL, USUAL], allowed=[0])
    assert not judged(POPSCORE, 9_000, before, day="2026-11-28").held
    assert judged(POPSCORE, 3, before, day="2026-11-28").held
    assert judged(POPSCORE, 9_000, before).held
    # A later commit of the day that needed no permission is of an allowed day all the same.
    again = history([3, 3, USUAL], allowed=[1], days=[28, 28, 27])
    assert judged(POPSCORE, 3, again).held


def test_the_reason_has_both_numbers_and_the_limit() -> None:
    games = judged(GAMES, 172_500, history([345_000, 344_000]), rejected=3)
    assert str(games.held) == (
        "igdb.games: the source shows 172,500 good rows (3 more break the contract); the table had 345,000 in the last "
        "7 days. One load may remove 17,250 of them (max_shrink 0.05)."
    )
    popularity = judged(POPSCORE, 0, history([5_500, 5_520]))
    assert popularity.held == Loss("igdb.popscore", 0, 0, 5_500, 1_650, 0.3, is_series=True)
    assert str(popularity.held).startswith("igdb.popscore: the source shows no rows; a usual day had 5,500")


def test_rejected_rows_are_lost_rows() -> None:
    assert judged("popularity_types", 2, history([11]), rejected=9).held
    assert not judged("popularity_types", 10, history([11]), rejected=1).held


def test_rows_that_are_replaced_are_lost_rows() -> None:
    games = judged(GAMES, 1_000, history([1_000]), removed=501)
    assert str(games.held) == (
        "igdb.games: the source shows 1,000 good rows, but 501 of the table's 1,000 rows are not among them, by their "
        "ids. One load may replace 50% of a table."
    )
    assert not judged(GAMES, 1_000, history([1_000]), removed=500).held


def test_after_an_allowed_shrink_what_a_table_had_no_longer_counts() -> None:
    before = [40_000, 40_000, 100_000, 100_000]
    assert judged(GAMES, 40_000, history(before)).held
    assert not judged(GAMES, 40_000, history(before, allowed=[1])).held
    assert judged(GAMES, 20_000, history(before, allowed=[1])).held


def test_a_table_grows_without_a_warning_after_a_load_that_was_partial() -> None:
    whole = history([240])
    partial = [
        msgspec.structs.replace(
            whole[0], summary=Summary(proof=Proof.PARTIAL, proof_reason="240 of 4,119 games were read")
        )
    ]
    assert judged(GAMES, 480, whole).warning
    assert not judged(GAMES, 480, partial).warning
    assert judged(GAMES, 120, partial).held


def test_several_commits_of_a_day_are_one_day() -> None:
    # Of a time series the newest commit of a day is the day.
    day = history([5_500, 100, 100, 5_500], days=[21, 21, 21, 20])
    assert judged(POPSCORE, 3_000, day).held
    assert len(recent(history([9] * 12, days=[21] * 5 + [20, 19, 18, 17, 16, 15, 14]))) == 11


def test_an_entity_may_have_limits_of_its_own() -> None:
    genres = replace(REGISTRY[GENRES], limits=Limits(max_shrink=0.9))
    assert not judge(genres, 3, history([23]), partition=TODAY).held
    assert judge(genres, 2, history([23]), partition=TODAY).held
    strict = replace(REGISTRY[GENRES], limits=Limits(max_shrink=0))
    assert judge(strict, 22, history([23]), partition=TODAY).held


@pytest.mark.parametrize(
    ("rows", "lost", "rejected", "unproven"),
    [
        (0, 0, 0, 1), (1, 0, 0, 1), (2, 0, 0, 1), (3, 1, 1, 1), (6, 1, 1, 1), (11, 1, 1, 1), (23, 1, 1, 1),
        (220, 11, 2, 1), (1_100, 55, 9, 1), (12_000, 600, 12, 12), (345_000, 17_250, 345, 345),
    ],
)  # fmt: skip
def test_what_a_load_may_lose_reject_and_leave_unproven(rows: int, lost: int, rejected: int, unproven: int) -> None:
    limits = Limits()
    assert (limits.lost_rows(rows), limits.rejected_rows(rows), limits.unproven_rows(rows)) == (
        lost, rejected, unproven,
    )  # fmt: skip
    none = Limits(max_shrink=0, max_rejected=0, max_unproven=0)
    assert (none.lost_rows(rows), none.rejected_rows(rows), none.unproven_rows(rows)) == (0, 0, 0)
