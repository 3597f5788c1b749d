"""Which days of the history are built already, and when a day is another one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson
import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import Part
from gamelake.marts import history
from gamelake.marts.dbt_project import PROJECT
from tests.support.generations import entry


def part(day: str, name: str, *claims: IdRange) -> Part:
    return Part(
        key=f"raw/igdb/popscore/dt={day}/run/{name}",
        partition=day,
        rows=2,
        bytes=9,
        sha256=hashlib.sha256(name.encode()).hexdigest(),
        min_id=1,
        max_id=2,
        max_updated_at=None,
        claims=claims,
    )


MODEL = "fct_game_popularity_daily"


def test_days_come_by_age_with_their_files_in_order() -> None:
    newer, first, second = part("2026-11-21", "c"), part("2026-11-20", "a"), part("2026-11-20", "b")
    days = history.days_of(MODEL, [newer, first, second], [])
    assert [(str(day.day), day.files, day.built) for day in days] == [
        ("2026-11-20", (first, second), None),
        ("2026-11-21", (newer,), None),
    ]
    assert days[0].key.startswith("marts/history/fct_game_popularity_daily/day=2026-11-20/")


def test_a_day_is_built_when_the_listing_has_it_of_the_same_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    [day] = history.days_of(MODEL, [part("2026-11-20", "a")], [])
    listed = entry(day.key)
    assert history.days_of(MODEL, [part("2026-11-20", "a")], [listed])[0].built == listed
    others = [
        [part("2026-11-20", "other")],
        [part("2026-11-20", "a"), part("2026-11-20", "b")],
        [part("2026-11-20", "a", IdRange(0, None))],
        [part("2026-11-21", "a")],
    ]
    for files in others:
        assert history.days_of(MODEL, files, [listed])[0].built is None
    monkeypatch.setattr(history, "LAYOUT", history.LAYOUT + 1)
    assert history.days_of(MODEL, [part("2026-11-20", "a")], [listed])[0].built is None


def test_no_two_builds_write_the_same_object() -> None:
    files = [part("2026-11-20", "a")]
    [day], [again] = (history.days_of(MODEL, files, []) for _ in range(2))
    assert day.key != again.key
    assert day.key.rpartition("-")[0] == again.key.rpartition("-")[0]


def test_what_a_new_day_is_built_from_is_written_in_a_folder_of_its_own(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    files = [part("2026-11-20", "a"), part("2026-11-21", "b")]
    days = history.days_of(MODEL, files, [entry(history.days_of(MODEL, files, [])[0].key)])
    history.write_day_inputs(store, days)
    [info] = store.list("marts/")
    assert info.key == days[1].key.replace("/history/", "/history/_parts/").replace(".parquet", ".json")
    assert history.day_key(info.key) == history.day_key(days[1].key) == days[1].key
    assert orjson.loads(store.get(info.key))["parts"] == [{"key": files[1].key, "sha256": files[1].sha256}]


def test_the_layout_moves_with_the_sql() -> None:
    """When it fails: if the changed SQL gives other rows of the same parts, raise LAYOUT; then take the new hash."""
    sources = ["models/marts/fct_game_popularity_daily.sql", "models/staging/igdb/stg_igdb__popscore_day.sql"]
    sources += ["macros/describe_popularity.sql", "macros/popularity_units.sql"]
    texts = [" ".join((Path(PROJECT) / source).read_text(encoding="utf-8").split()) for source in sources]
    found = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
    assert (history.LAYOUT, found) == (4, "6920b5039abb0064")
