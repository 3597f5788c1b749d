"""A world of recorded rows."""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path

import orjson
import pytest

from sandbox.igdb import World, WorldError
from tests.support.worlds import by_id

FIRST = date(2026, 11, 20)


def test_recorded_rows_are_served_as_they_are(tmp_path: Path) -> None:
    lines = ['{"id": 6, "name": "Six", "platforms": [9, 3]}', "", '{"id": 2, "name": "Two", "summary": null}']
    (tmp_path / "games.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "covers.jsonl").write_text('{"id": 1, "image_id": "co1"}\n', encoding="utf-8")
    (tmp_path / "popularity_primitives.jsonl").write_text(
        '{"id": 4, "game_id": 6, "popularity_type": 1, "value": 0.01, "calculated_at": 5}\n', encoding="utf-8"
    )
    world = World.recorded(tmp_path, first_day=FIRST, today=FIRST)
    assert list(world.rows("games")) == [
        {"id": 2, "name": "Two"},
        {"id": 6, "name": "Six", "platforms": [9, 3]},
    ]
    assert list(world.rows("covers")) == [{"id": 1, "image_id": "co1"}]
    assert list(world.rows("platforms")) == []
    world.advance(FIRST + timedelta(days=1))
    assert [row["id"] for row in world.rows("games")] == [2, 6]
    changed = [row for row in world.rows("games") if "updated_at" in row]
    assert changed
    assert not [row for row in changed if "checksum" in row]
    assert next(world.rows("popularity_primitives"))["value"] != 0.01


def test_a_recorded_folder_is_served_whole(tmp_path: Path) -> None:
    """Over the real recording where IGDB_RECORDED names it, else over rows of a generated world."""
    folder = Path(os.environ.get("IGDB_RECORDED") or tmp_path)
    if folder == tmp_path:
        made = World.generate(games=50, first_day=FIRST, today=FIRST)
        for endpoint in made.tables:
            (folder / f"{endpoint}.jsonl").write_bytes(
                b"".join(orjson.dumps(row) + b"\n" for row in made.rows(endpoint))
            )
    world = World.recorded(folder, first_day=FIRST, today=FIRST)
    for file in folder.glob("*.jsonl"):
        recorded = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert list(world.rows(file.stem)) == sorted(recorded, key=lambda row: row["id"])
    world.advance(FIRST + timedelta(days=2))
    assert len(world.table("games")) == len(by_id(world, "games")) > 0


@pytest.mark.parametrize("line", ["{", "[]", '{"name": "no id"}', '{"id": "5"}', '{"id": -1}'])
def test_a_recorded_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "games.jsonl").write_text(f'{{"id": 1}}\n{line}\n', encoding="utf-8")
    with pytest.raises(WorldError, match=r"games\.jsonl:2: "):
        World.recorded(tmp_path, first_day=FIRST, today=FIRST)


def test_a_folder_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"no \*\.jsonl in .*expected one file an endpoint"):
        World.recorded(tmp_path, first_day=FIRST, today=FIRST)
    with pytest.raises(WorldError, match=rf"found no {tmp_path}/missing, expected one file an endpoint"):
        World.recorded(tmp_path / "missing", first_day=FIRST, today=FIRST)


def test_a_table_without_rows_keeps_its_fields() -> None:
    world = World.generate(seed=1, games=1, first_day=date(2026, 11, 20), today=date(2026, 11, 20))
    world.delete("games", [row["id"] for row in world.rows("games")])
    world.upsert("games", [{"id": 9, "name": "First again"}])
    assert "updated_at" in world.table("games").fields
    assert "updated_at" in world.table("games").row(9)
