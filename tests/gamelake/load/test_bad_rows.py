"""Rows that no one expected, through a whole load: each kind has one outcome, and a table is never half of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import orjson
import pytest

from gamelake.fields import FieldType
from gamelake.load.errors import ContractError
from gamelake.sources.base import MisplacedError
from gamelake.sources.contract import MAX_ROW_BYTES, RowContract
from igdb.replies import Answer
from tests.support.errors import having
from tests.support.loads import (
    GAMES,
    LONG_AGO,
    REGISTRY,
    Loads,
    small_sandbox,
    without,
)
from tests.support.nightly_loads import ScriptedLoads, ScriptedSandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gamelake.lake.store import Store

MEGABYTE = 1_000_000


def make_bad(loads: Loads, ids: list[int]) -> None:
    loads.sandbox.upsert("games", [{"id": each, "hypes": "many", "updated_at": LONG_AGO} for each in ids])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hypes": "2"}, "Expected `int | null`, got `str` - at `$.hypes`"),
        ({"rating": "88.5"}, "Expected `float | null`, got `str` - at `$.rating`"),
        ({"platforms": [6, "48"]}, "Expected `int`, got `str` - at `$.platforms[1]`"),
        ({"updated_at": "1763668800"}, "Expected `int | null`, got `str` - at `$.updated_at`"),
        ({"hypes": 2**63}, "$.hypes"),
        ({"name": 7}, "Expected `str | null`, got `int` - at `$.name`"),
        ({"summary": "x" * MAX_ROW_BYTES}, "bytes, expected at most 1,048,576"),
    ],
    ids=["int", "double", "in an array", "time", "above 64 bits", "number for a name", "too long"],
)
def test_a_row_that_breaks_the_contract_is_rejected_and_kept_with_the_reason(
    change: dict[str, Any], reason: str, loads: Loads
) -> None:
    bad = loads.ids()[GAMES // 2]
    loads.sandbox.upsert("games", [{"id": bad, "name": "Bad"} | change])
    report = loads.load()
    assert (report.rejected, report.row_count, report.source_count) == (1, GAMES - 1, GAMES)
    assert loads.table_rows() == without(loads.source_rows(), bad)
    (kept,) = loads.rejects()
    assert kept["row"]["id"] == bad
    assert reason in kept["reason"]


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("", "missing required field `id`"),
        ('"id": null,', "got `null` - at `$.id`"),
        ('"id": "77",', "got `str` - at `$.id`"),
        ('"id": -5,', "`int` >= 0 - at `$.id`"),
        ('"id": 7.5,', "got `float` - at `$.id`"),
    ],
    ids=["missing", "null", "text", "negative", "broken"],
)
def test_a_row_whose_id_is_none_is_rejected(new: str, reason: str, loads: Loads) -> None:
    bad = loads.ids()[7]
    loads.replace(f'"id": {bad},', new)
    report = loads.load()
    assert (report.rejected, report.row_count, report.source_count) == (1, GAMES - 1, GAMES)
    assert loads.table_rows() == without(loads.source_rows(), bad)
    (kept,) = loads.rejects()
    assert kept["row"]["name"] == loads.source_rows()[bad]["name"]
    assert reason in kept["reason"]


@pytest.mark.parametrize("good", [False, True], ids=["bad row", "good row"])
@pytest.mark.parametrize(
    ("place", "shows"), [(97, 900_000), (97, 98), (97, 300), (499, 1_000), (499, 900_000), (600, 1), (600, 3)]
)
def test_a_row_that_shows_another_id_costs_itself(place: int, shows: int, good: bool, loads: Loads) -> None:
    bad = loads.ids()[place]
    other = f'"id": {shows},' if good else f'"id": {shows}, "rating": "x",'
    loads.replace(f'"id": {bad},', other)
    for night in range(3):
        report = loads.load(run_id=str(night))
        expected = without(loads.source_rows(), bad)
        assert (report.rejected, report.row_count, report.unproven) == (1, len(expected), [])
        assert loads.table_rows() == expected
        assert {each["row"]["name"] for each in loads.rejects()} == {f"Game {place}"}
        loads.sandbox.delete("games", [bad + 90 - night])  # in the same id range: the bad row is not to hide it
    loads.sandbox.faults.clear()
    loads.load(run_id="repaired")
    assert loads.table_rows() == loads.source_rows()


def test_a_row_that_shows_another_id_once_is_read_again(loads: Loads) -> None:
    loads.replace(f'"id": {loads.ids()[97]},', '"id": 900000,', times=1)
    assert loads.load().rejected == 0
    assert loads.table_rows() == loads.source_rows()


def test_a_source_that_loses_the_order_fails_the_load(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    one = loads.client()

    def reverse(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *asked: method(*asked[:-1], lambda page: asked[-1](page[::-1]))

    for name in ("query", "multiquery"):
        monkeypatch.setattr(one, name, reverse(getattr(one, name)))
    with pytest.raises(MisplacedError):
        loads.load(client=one)
    assert loads.latest() is None


@pytest.mark.parametrize(
    ("total", "bad", "fails"), [(GAMES, 9, False), (GAMES, 10, True), (12_000, 11, False), (12_000, 13, True)]
)
def test_a_load_may_have_nine_rejects_or_one_in_a_thousand(total: int, bad: int, fails: bool, store: Store) -> None:
    with small_sandbox(total) as served:
        loads = Loads(*served, store)
        ids = loads.ids()
        make_bad(loads, ids[:: total // bad][:bad])
        if not fails:
            report = loads.load()
            assert (report.rejected, report.row_count, report.source_count) == (bad, total - bad, total)
            assert len(loads.rejects()) == bad
            return
        with pytest.raises(ContractError) as caught:
            loads.load()
        assert (caught.value.rejected, "$.hypes" in caught.value.example) == (bad, True)
        assert [info.key for info in store.list("raw/igdb/games/_rejected/")] == [caught.value.kept_at]
        assert loads.latest() is None
        # Repaired at the source (or in entities.yaml), the next load brings them.
        loads.sandbox.upsert("games", [{"id": each, "name": "Repaired", "hypes": None} for each in ids])
        loads.load(run_id="again")
        assert loads.table_rows() == loads.source_rows()


def test_a_wrong_first_count_does_not_raise_the_limit(loads: Loads) -> None:
    make_bad(loads, loads.ids()[::50])
    loads.replace(f'"count": {GAMES}', '"count": 9000000', times=1)  # of the first reply only
    with pytest.raises(ContractError, check=having(rejected=22, rows=1100)):
        loads.load()


def test_too_many_rejects_of_an_incremental_load_leave_the_table_as_it_was(loads: Loads) -> None:
    loads.load(run_id="before")
    before = loads.table_rows()
    loads.sandbox.upsert("games", [{"id": each, "hypes": "many"} for each in sorted(before)[:10]])
    with pytest.raises(ContractError):
        loads.load()
    assert loads.table_rows() == before
    assert loads.newest().run_id == "before"


def test_a_rejected_row_is_staged_after_it_is_repaired(loads: Loads) -> None:
    bad = loads.ids()[30]
    good = loads.source_rows()[bad]
    make_bad(loads, [bad])
    loads.load(run_id="before")
    night = loads.load(run_id="night")
    assert (night.rejected, night.row_count, night.source_count) == (1, GAMES - 1, GAMES), "asked for each night"
    loads.sandbox.upsert("games", [good])  # its updated_at is of long ago: no change shows it
    repaired = loads.load(run_id="repaired")
    assert (repaired.rejected, repaired.row_count, repaired.source_count) == (0, GAMES, GAMES)
    assert loads.table_rows() == loads.source_rows()


def test_undeclared_fields_are_kept_counted_and_reported(caplog: pytest.LogCaptureFixture, loads: Loads) -> None:
    ids = loads.ids()
    new = {"mood": {"blue": [1, {"deep": None}]}, "vr": True}
    loads.sandbox.upsert("games", [{"id": each, "name": "New"} | new for each in (ids[0], ids[600])])
    loads.sandbox.upsert("games", [{"id": ids[-1], "name": "New", "vr": False}])
    report = loads.load()
    assert report.undeclared == {"mood": 2, "vr": 3}
    assert "fields that entities.yaml does not declare: {" in caplog.text
    assert "'mood': 2" in caplog.text
    assert loads.table_rows()[ids[600]]["mood"] == new["mood"]
    assert report.rejected == 0


def test_a_commit_names_no_more_than_the_most_frequent_undeclared_fields(loads: Loads) -> None:
    """A source may send another name with every row: `_inputs.json` has those of all commits."""
    loads.sandbox.upsert("games", [{"id": row_id, "long" * 100: 1, f"of {row_id}": 1} for row_id in loads.ids()])
    undeclared = loads.load().undeclared
    assert len(undeclared) == 100
    assert undeclared["long" * 25] == GAMES


TEXTS = {
    "NUL": (r"a\u0000b", "a\0b"),
    "a lone surrogate": (r"a\ud800b", "a\ufffdb"),
    "two that make a pair": (r"\ud83d\ude00", "\U0001f600"),
    "a pair the wrong way round": (r"\ude00\ud83d", "\ufffd\ufffd"),
    "line ends": (r"a\nb\r\u2028c", "a\nb\r\u2028c"),
    "quotes": (r"\"\\", '"\\'),
}


@pytest.mark.parametrize("text", TEXTS)
def test_an_odd_text_is_staged(text: str, loads: Loads) -> None:
    sent, expected = TEXTS[text]
    row_id = loads.ids()[7]
    loads.replace(f'"{loads.source_rows()[row_id]["name"]}"', f'"{sent}"')
    report = loads.load()
    assert (report.rejected, report.row_count) == (0, GAMES)
    assert loads.table_rows()[row_id]["name"] == expected
    assert without(loads.table_rows(), row_id) == without(loads.source_rows(), row_id)
    # And DuckDB, which reads the parts for the marts, reads them all.
    paths = [loads.store.url(file.key) for file in loads.newest().files]
    query = (
        "select count(*), any_value(name) filter (id = ?) from read_json(?, columns={id: 'bigint', name: 'varchar'})"
    )
    assert duckdb.execute(query, [row_id, paths]).fetchone() == (GAMES, expected)


@pytest.mark.parametrize("missing", ["game_id", "popularity_type", "value"])
def test_a_popularity_value_without_a_required_field_is_rejected(missing: str, loads: Loads) -> None:
    value: dict[str, Any] = {"game_id": 7, "popularity_type": 3, "value": 0.5}
    rows = [{"id": 9_000_000 + number, **value} for number in range(200)]
    loads.sandbox.upsert("popularity_primitives", [*rows[1:], {**rows[0], missing: None}])
    report = loads.load("popscore")
    assert (report.rejected, report.row_count) == (1, (report.source_count or 0) - 1)
    assert 9_000_000 not in loads.table_rows("popscore")
    (kept,) = loads.rejects("popscore")
    assert missing in kept["reason"]
    assert loads.newest("popscore").rejected_key in {
        info.key for info in loads.store.list("raw/igdb/popscore/_rejected/dt=2026-11-21/")
    }


def test_whole_numbers_written_as_fractions_are_whole_numbers(loads: Loads) -> None:
    row_id = loads.ids()[7]
    loads.sandbox.upsert("games", [{"id": row_id, "hypes": 5.0, "platforms": [6.0, 48], "updated_at": float(LONG_AGO)}])
    report = loads.load()
    assert (report.rejected, report.row_count) == (0, GAMES)
    staged = loads.table_rows()[row_id]
    assert [type(staged[name]) for name in ("hypes", "updated_at")] == [int, int]
    assert staged["platforms"] == [6, 48]


class DoublingSandbox(ScriptedSandbox):
    """Sends every row twice."""

    async def in_worker(self, work: Any) -> Any:
        reply = await super().in_worker(work)
        found = orjson.loads(reply.body)
        for part in found:
            if "result" in part:
                part["result"] = doubled(part["result"])
        return replace(reply, body=orjson.dumps(doubled(found)))


def doubled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows for _ in range(2 if "id" in row else 1)]


def test_a_source_that_sends_every_row_twice_is_told_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    sandbox = DoublingSandbox(1_400)
    with sandbox.running() as url:
        loads = ScriptedLoads(sandbox, url, store)
    loads.check_equal()
    told = [message for message in caplog.messages if "two rows" in message]
    assert len(told) == 1
    assert "1400 times" in told[0]


MOST = 2**63 - 1
EXTREMES: dict[str, Any] = {
    "int": [MOST, -MOST - 1, 5.0, None],
    "timestamp": [MOST, -MOST - 1, -62135683200, 1700000000000000, None],
    "double": [1.7976931348623157e308, 5e-324, -0.0, MOST, 2**64 - 1, 7, None],
    "string": ["", "a\0b", "\u2028\u0085\ufeff\uffff\U0010ffff", "2026-11-21", "x" * MEGABYTE, '"\\\r\n\t\x7f', None],
    "bool": [True, False, None],
    "int[]": [[], [MOST, -MOST - 1, 5.0], list(range(100_000)), None],
}
UNDECLARED: list[dict[str, Any]] = [
    {"ID": "nine"},
    {"Name": {"id": 1}},
    {"": [None, {"": ""}]},
    {"a\0b": 1},
    {"huge": 2**64 - 1},
    {"huge": 2.0**200},
    {"_ordinal": 9, "_partition": "x", "_file": "y", "filename": "z"},
    {f"field_{number}": number for number in range(5_000)},
]


def test_duckdb_reads_the_extreme_of_every_type(tmp_path: Path) -> None:
    """From the bytes of a reply to the columns of dbt: what passes the contract must never stop a build."""
    games = REGISTRY["games"]
    fields = {**games.fields, "remote": FieldType.BOOL}  # no field of games is one
    of_type = {kind.value: name for name, kind in fields.items() if name != "id"}
    values = [{of_type[kind]: value} for kind, extremes in EXTREMES.items() for value in extremes]
    rows = [{"id": number, **value} for number, value in enumerate([*values, *UNDECLARED, {}])]
    rows[-1]["id"] = 2**53
    body = json.dumps([*rows, {"id": -1}, {"id": 2**53 + 1}], ensure_ascii=False).encode()
    reply = Answer("games", "", body, {"Date": "Fri, 21 Nov 2025 19:00:00 GMT"})
    checked = reply.reply(RowContract(replace(games, fields=fields)).check).rows
    assert [reject.row["id"] for reject in checked.rejects] == [-1, 2**53 + 1]
    path = tmp_path / "part.jsonl"
    path.write_bytes(checked.rows.lines)
    columns = {name: kind.duckdb for name, kind in fields.items()}
    found = duckdb.execute(
        f"select * from read_json(?, columns={columns}, format='newline_delimited', maximum_object_size=16777216) "
        "order by id",
        [str(path)],
    )
    names = [column[0] for column in found.description]
    read = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    assert len(read) == len(rows)
    for row, came in zip(rows, read, strict=True):
        for name in row.keys() & columns.keys():
            sent = row[name]
            assert came[name] == (float(sent) if columns[name] == "double" and sent is not None else sent), name
