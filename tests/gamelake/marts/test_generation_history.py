"""The history beside the generations: which days a build writes, and which it leaves out."""

from __future__ import annotations

import hashlib
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gamelake.marts.documents import History, read
from gamelake.marts.errors import TransformError
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.pointer import current
from gamelake.marts.rollback import rollback
from tests.support.id_lake import (
    DAY,
    GAMES,
    POPSCORE,
    build_and_publish,
    commit_day,
    inputs_of,
    write_day,
    write_mart,
)
from tests.support.tables import newest_commit


def test_a_day_of_the_history_is_built_once_and_again_when_its_load_changed(store: Any, tmp_path: Path) -> None:
    commit_day(store, tmp_path, "2026-11-19", [1])
    commit_day(store, tmp_path, "2026-11-20", [1, 2])
    generation, new = build_and_publish(store, date(2026, 11, 20))
    assert new == ["2026-11-19", "2026-11-20"]
    listing = read(store, f"{generation}/_history.json", History).days
    assert [(str(entry.day), entry.rows, entry.current_rows, entry.voided_rows) for entry in listing] == [
        ("2026-11-19", 3, 5, 2),
        ("2026-11-20", 3, 5, 2),
    ]

    commit_day(store, tmp_path, "2026-11-21", [1, 2, 3])
    generation, new = build_and_publish(store, DAY)
    assert new == ["2026-11-21"]
    assert read(store, f"{generation}/_history.json", History).days[:2] == listing
    assert [file.partition for file in inputs_of(store, generation).files] == [
        "2026-11-21"
    ]  # the parts of built days are not read

    commit_day(store, tmp_path, "2026-11-20", [1, 2, 4, 5])
    generation, new = build_and_publish(store, DAY, run_id="again")
    assert new == ["2026-11-20"]
    assert sorted(file.partition for file in inputs_of(store, generation).files) == ["2026-11-20", "2026-11-21"]


def history_files(store: Any) -> list[str]:
    """The Parquet files that a reader of the history's folder finds."""
    return [info.key for info in store.list("marts/history/") if info.key.endswith(".parquet")]


def test_a_day_of_a_build_that_failed_is_not_in_the_history_and_is_built_again(store: Any, tmp_path: Path) -> None:
    commit_day(store, tmp_path, "2026-11-21", [1])
    generation = open_generation(store, [POPSCORE], day=DAY, run_id="r")
    write_day(store, generation, inputs_of(store, generation).days[0], 3)  # and nothing else: dbt was killed
    assert history_files(store) == []
    with pytest.raises(TransformError):
        publish(store, generation, GAMES)
    assert history_files(store) == []
    again, new = build_and_publish(store, DAY)
    assert new == ["2026-11-21"]
    assert history_files(store) == [day.key for day in inputs_of(store, again).days]
    assert inputs_of(store, again).days[0].key != inputs_of(store, generation).days[0].key


def history_hashes(store: Any, generation: Any) -> Any:
    """Of the days that a generation lists, as they are now: what they were when it was published."""
    days = read(store, f"{generation}/_history.json", History).days
    return [hashlib.sha256(store.get(day.key)).hexdigest() for day in days], [day.sha256 for day in days]


def test_the_history_of_what_was_rolled_back_stays_as_it_is(store: Any, tmp_path: Path) -> None:
    """A rollback, a rebuild of the earlier day and the next night, which builds the later day again."""
    commit_day(store, tmp_path, "2026-11-20", [1])
    build_and_publish(store, date(2026, 11, 20))
    commit_day(store, tmp_path, "2026-11-21", [1])
    rolled_back, _ = build_and_publish(store, DAY)
    rollback(store, None, by="hana")
    build_and_publish(store, date(2026, 11, 20), run_id="again")
    commit_day(store, tmp_path, "2026-11-22", [1])
    _, new = build_and_publish(store, date(2026, 11, 22), rows=7)
    assert new == ["2026-11-21", "2026-11-22"]
    found, listed = history_hashes(store, rolled_back)
    assert found == listed
    assert rollback(store, rolled_back, by="hana")[0].generation == rolled_back


def test_a_slow_build_writes_nothing_into_the_history_of_a_faster_one(store: Any, tmp_path: Path) -> None:
    commit_day(store, tmp_path, "2026-11-21", [1])
    slow = open_generation(store, [POPSCORE], day=DAY, run_id="slow")
    fast, _ = build_and_publish(store, DAY, run_id="fast")
    write_day(store, slow, inputs_of(store, slow).days[0], 9)
    found, listed = history_hashes(store, fast)
    assert found == listed


def test_a_generation_without_a_day_of_its_history_is_not_whole(store: Any, tmp_path: Path) -> None:
    commit_day(store, tmp_path, "2026-11-21", [1])
    generation = open_generation(store, [POPSCORE], day=DAY, run_id="r")
    write_mart(store, generation, "dim_games", 1)
    with pytest.raises(TransformError, match="no file of fct_game_popularity_daily of 2026-11-21"):
        publish(store, generation, GAMES)
    assert current(store) is None


def test_a_past_day_that_cannot_be_built_is_left_out_until_it_can(
    store: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for day in ("2026-11-20", "2026-11-21"):
        commit_day(store, tmp_path, day, [1])
    (lost, *_) = newest_commit(store, "popscore").files
    data = store.get(lost.key)
    store.delete(lost.key)
    generation, new = build_and_publish(store, DAY)
    reason = f"its part {lost.key} is missing"
    assert new == ["2026-11-21"]
    shown = current(store)
    assert shown is not None
    assert shown.days_left_out == {"2026-11-20": reason}
    listing = read(store, f"{generation}/_history.json", History)
    assert [str(day.day) for day in listing.days] == ["2026-11-21"]
    assert [(str(day.day), day.reason) for day in listing.left_out] == [("2026-11-20", reason)]
    assert (
        caplog.text.count(f"is without 2026-11-20: {reason}") == 2
    )  # when the build is opened, and when it is published

    store.put(lost.key, data)
    generation, new = build_and_publish(store, DAY, run_id="again")
    assert new == ["2026-11-20"]
    assert read(store, f"{generation}/_history.json", History).left_out == ()


def test_the_newest_day_without_its_part_stops_its_own_night(store: Any, tmp_path: Path) -> None:
    for day in ("2026-11-20", "2026-11-21"):
        commit_day(store, tmp_path, day, [1])
    store.delete(newest_commit(store, "popscore").files[-1].key)
    with pytest.raises(TransformError, match=r"2026-11-21 cannot be built: 1 of the parts"):
        open_generation(store, [POPSCORE], day=DAY, run_id="r")


@pytest.mark.parametrize("damage", [None, b"", b"torn"])
def test_a_day_whose_file_is_lost_or_damaged_is_built_again(
    store: Any, tmp_path: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Every night reads each day of the history: one lost file must not stop all of them."""
    for day in ("2026-11-20", "2026-11-21"):
        commit_day(store, tmp_path, day, [1])
    generation, _ = build_and_publish(store, DAY)
    lost = inputs_of(store, generation).days[0].key
    store.delete(lost) if damage is None else store.put(lost, damage)
    commit_day(store, tmp_path, "2026-11-22", [1])
    again, new = build_and_publish(store, date(2026, 11, 22))
    assert new == ["2026-11-20", "2026-11-22"]
    found, listed = history_hashes(store, again)
    assert found == listed
    assert lost in caplog.text


def swap_bytes(store: Any, key: str) -> None:
    """Damage a file, whose size stays."""
    store.put(key, bytes(255 - each for each in store.get(key)))


def test_a_day_of_right_size_and_wrong_bytes_is_built_again_after_a_build_that_failed(
    store: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It failed each night until a person deleted it."""
    for day in ("2026-11-19", "2026-11-20", "2026-11-21"):
        commit_day(store, tmp_path, day, [1])
        before, _ = build_and_publish(store, date.fromisoformat(day))
    damaged, mart = inputs_of(store, before).days[0].key, f"{before}/dim_games.parquet"
    swap_bytes(store, damaged)
    swap_bytes(store, mart)
    commit_day(store, tmp_path, "2026-11-22", [1])
    time.sleep(1)  # the end of a build is stored in whole seconds
    failed = open_generation(store, [POPSCORE], day=date(2026, 11, 22), run_id="failed")
    assert inputs_of(store, failed).run[0].previous == before, "no night reads all bytes of the lake"

    again, new = build_and_publish(store, date(2026, 11, 22))

    assert new == ["2026-11-19", "2026-11-22"]
    found, listed = history_hashes(store, again)
    assert found == listed
    assert inputs_of(store, again).run[0].previous != before
    assert damaged in caplog.text
    assert mart in caplog.text
    swap_bytes(store, inputs_of(store, again).days[0].key)
    commit_day(store, tmp_path, "2026-11-23", [1])
    _, new = build_and_publish(store, date(2026, 11, 23))
    assert new == ["2026-11-23"], "the build before it ended"


@pytest.mark.parametrize("damage", [None, b"torn"])
def test_a_build_is_not_compared_with_marts_that_are_lost_or_damaged(
    store: Any, tmp_path: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    built = []
    for day in ("2026-11-19", "2026-11-20", "2026-11-21"):
        commit_day(store, tmp_path, day, [1])
        built.append(build_and_publish(store, date.fromisoformat(day))[0])
    lost = f"{built[1]}/dim_games.parquet"
    store.delete(lost) if damage is None else store.put(lost, damage)
    again, _ = build_and_publish(store, DAY, run_id="again")
    assert inputs_of(store, again).run[0].previous == built[0]
    assert lost in caplog.text
