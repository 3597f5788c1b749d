"""Loads against a sandbox over real HTTP into a lake on disk: after each the table equals the source."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from gamelake.lake.manifest import Draft, ManifestError, Mode
from gamelake.lake.parts import PART_BYTES
from gamelake.lake.store import Store
from gamelake.lake.table import Table
from gamelake.load.errors import ContractError, LostPartError, OtherOriginError, PermanentLoadError
from gamelake.sources.base import IncompleteError
from igdb.client import IgdbClient
from sandbox.igdb import Fault, Sandbox, World
from tests.support.loads import DAY, held, shown, token_of
from tests.support.loads import load as load_into
from tests.support.tables import IGDB_GAMES, IGDB_GENRES, newest_commit


@pytest.fixture
def sandbox() -> Any:
    world = World.generate(seed=3, games=1300, first_day=DAY, today=DAY)
    return Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0)


@pytest.fixture
async def client(sandbox: Any) -> AsyncIterator[Any]:
    with sandbox.running() as url:
        async with IgdbClient(
            base_url=f"{url}/v4",
            client_id="sandbox",
            tokens=token_of(sandbox),
            requests_per_second=1000,
            max_attempts=2,
        ) as client:
            yield client


load = partial(load_into, part_bytes=PART_BYTES)


def same(left: Any, right: Any) -> Any:
    """Equal but for the order of id arrays, which means nothing."""

    def sorted_arrays(rows: int) -> Any:
        return {i: {k: sorted(v) if isinstance(v, list) else v for k, v in row.items()} for i, row in rows.items()}

    return sorted_arrays(left) == sorted_arrays(right)


async def test_a_full_load_is_the_source_and_claims_every_id(client: Any, store: Store, sandbox: Any) -> None:
    report = await load(client, store, "games")
    assert same(shown(store, "games"), held(sandbox, "games"))
    manifest = newest_commit(store)
    assert (manifest.mode, manifest.row_count, manifest.source_count) == (Mode.FULL, 1300, 1300)
    assert [(claim.low, claim.high) for file in manifest.files for claim in file.claims] == [(0, None)]
    assert (report.rows, report.version, report.mode, report.partition) == (1300, 1, "full", "2026-11-21")
    assert manifest.summary.requests == report.requests == client.stats.requests


async def test_the_watermark_is_the_sources_clock_and_not_this_machines(
    client: Any, store: Store, sandbox: Any
) -> None:
    sandbox.advance(DAY + timedelta(days=400))
    await load(client, store, "games", day=DAY + timedelta(days=400))
    watermark = int(newest_commit(store).cursor)
    assert abs(watermark - sandbox.clock().timestamp()) < 60


async def test_a_sparse_table_is_read_in_wide_windows(client: Any, store: Store, sandbox: Any) -> None:
    report = await load(client, store, "popscore")
    assert same(shown(store, "popscore"), held(sandbox, "popularity_primitives"))
    assert report.requests <= 2 + 2 * report.rows / 5000


async def test_a_small_table_costs_one_request(client: Any, store: Store, sandbox: Any) -> None:
    report = await load(client, store, "genres")
    assert report.requests == 1
    assert same(shown(store, "genres"), held(sandbox, "genres"))


async def test_an_empty_table_is_a_table(client: Any, store: Store, sandbox: Any) -> None:
    sandbox.delete("genres", list(held(sandbox, "genres")))
    report = await load(client, store, "genres")
    assert report.row_count == 0
    assert shown(store, "genres") == {}


async def test_an_incremental_night_brings_changes_and_deletions(client: Any, store: Store, sandbox: Any) -> None:
    await load(client, store, "games")
    games = sorted(held(sandbox, "games"))
    tomorrow = DAY + timedelta(days=1)
    sandbox.advance(tomorrow)
    sandbox.delete("games", [games[0], games[700], games[-1]])
    sandbox.upsert("games", [{"id": games[-1] + 30, "name": "New"}, {"id": games[5], "name": "Changed"}])
    report = await load(client, store, "games", day=tomorrow, run_id="tomorrow")
    assert report.mode == "incremental"
    assert report.repaired_ranges == 3
    assert same(shown(store, "games"), held(sandbox, "games"))
    assert report.row_count == report.source_count == len(held(sandbox, "games"))


async def test_a_quiet_night_costs_few_requests_and_no_rows(client: Any, store: Store, sandbox: Any) -> None:
    await load(client, store, "games")
    report = await load(client, store, "games", run_id="again")
    assert report.requests <= 3
    assert report.files == report.rows == 0
    assert same(shown(store, "games"), held(sandbox, "games"))


async def test_a_day_of_a_time_series_is_replaced_and_past_days_are_kept(
    client: Any, store: Store, sandbox: Any
) -> None:
    await load(client, store, "popscore")
    tomorrow = DAY + timedelta(days=1)
    sandbox.advance(tomorrow)
    await load(client, store, "popscore", day=tomorrow, run_id="first")
    row = sandbox.rows("popularity_primitives")[0]
    sandbox.upsert("popularity_primitives", [{**row, "value": 0.5}])
    await load(client, store, "popscore", day=tomorrow, run_id="second")
    files = newest_commit(store, "popscore").files
    assert [file.partition for file in files] == ["2026-11-21", "2026-11-22"]
    assert "second" in files[1].key


async def test_a_full_refresh_replaces_everything(client: Any, store: Store, sandbox: Any) -> None:
    await load(client, store, "games")
    report = await load(client, store, "games", full_refresh=True, run_id="again")
    assert report.mode == "full"
    assert all("again" in file.key for file in newest_commit(store).files)


async def test_a_past_day_is_read_again_and_the_watermark_stays(client: Any, store: Store, sandbox: Any) -> None:
    later = DAY + timedelta(days=3)
    sandbox.advance(later)
    await load(client, store, "games", day=later)
    before = newest_commit(store)
    report = await load(client, store, "games", day=DAY + timedelta(days=1), run_id="backfill")
    assert (report.mode, report.partition) == ("incremental", "2026-11-22")
    assert 0 < report.rows < 1300
    assert newest_commit(store).cursor == before.cursor
    assert same(shown(store, "games"), held(sandbox, "games"))


@pytest.mark.parametrize("days", [-2, 1])
async def test_a_day_that_cannot_be_read_is_refused_and_nothing_is_committed(
    client: Any, store: Store, sandbox: Any, days: Any
) -> None:
    with pytest.raises(PermanentLoadError, match="genres: date 2026-11-"):
        await load(client, store, "genres", day=DAY + timedelta(days=days))
    assert Table(store, IGDB_GENRES).latest() is None


async def test_a_reply_that_is_short_once_is_asked_again(client: Any, store: Store, sandbox: Any) -> None:
    sandbox.faults.add(Fault("drop_row", endpoint="multiquery", times=2))
    await load(client, store, "games")
    assert same(shown(store, "games"), held(sandbox, "games"))


async def test_a_reply_that_stays_short_fails_the_load_and_commits_nothing(
    client: Any, store: Store, sandbox: Any
) -> None:
    await load(client, store, "games")
    sandbox.faults.add(Fault("drop_row", times=100))
    with pytest.raises(IncompleteError, match=r"games: ids \d+ .*: the source returned \d+ rows but counts \d+"):
        await load(client, store, "games", full_refresh=True, run_id="again")
    assert newest_commit(store).version == 1


async def test_a_few_bad_rows_are_kept_beside_the_table(client: Any, store: Store, sandbox: Any) -> None:
    bad = sorted(held(sandbox, "games"))[5]
    sandbox.upsert("games", [{"id": bad, "name": "Bad", "hypes": "many"}])
    report = await load(client, store, "games")
    assert (report.rejected, report.row_count, report.source_count) == (1, 1299, 1300)
    assert bad not in shown(store, "games")
    (kept,) = [info.key for info in store.list("raw/igdb/games/_rejected/dt=2026-11-21/")]
    rejected = json.loads(store.get(kept))
    assert rejected["row"]["hypes"] == "many"
    assert "hypes" in rejected["reason"]


async def test_many_bad_rows_fail_the_load(client: Any, store: Store, sandbox: Any) -> None:
    sandbox.upsert("games", [{"id": i, "name": "Bad", "hypes": "many"} for i in sorted(held(sandbox, "games"))[:10]])
    with pytest.raises(ContractError, match=r"10 of the \d+ rows read so far break the contract"):
        await load(client, store, "games")
    assert Table(store, IGDB_GAMES).latest() is None


async def test_an_undeclared_field_is_kept_and_reported(client: Any, store: Store, sandbox: Any) -> None:
    sandbox.upsert("genres", [{"id": 999, "name": "New", "mood": "blue"}])
    report = await load(client, store, "genres")
    assert report.undeclared == {"mood": 1}
    assert shown(store, "genres")[999]["mood"] == "blue"


@pytest.mark.parametrize("damage", [None, b"torn"], ids=["missing", "damaged"])
async def test_a_part_that_is_lost_is_named_with_what_to_do(
    damage: bytes | None, client: Any, store: Store, sandbox: Any
) -> None:
    await load(client, store, "games")
    (part,) = newest_commit(store).files
    store.delete(part.key)
    if damage:
        store.put(part.key, damage)
    says = r"games: a part of version 1 is missing or damaged: .*part-00000.*airflow dags trigger igdb_games"
    with pytest.raises(LostPartError, match=says):
        await load(client, store, "games", run_id="night")
    await load(client, store, "games", run_id="full", full_refresh=True)
    assert same(shown(store, "games"), held(sandbox, "games"))


async def test_an_old_commit_that_is_damaged_stops_no_load(client: Any, store: Store, sandbox: Any) -> None:
    for night in range(2):
        await load(client, store, "games", run_id=str(night))
    store.put(IGDB_GAMES.manifest_key(1), b"{")
    assert (await load(client, store, "games", run_id="2")).version == 3
    store.put(IGDB_GAMES.manifest_key(4), b"{")
    with pytest.raises(ManifestError, match=r"0004\.json: .*restore the object from a backup"):
        await load(client, store, "games", run_id="3")


@pytest.mark.parametrize("full_refresh", [False, True])
@pytest.mark.parametrize("name", ["games", "genres", "popscore"])
@pytest.mark.parametrize(("first", "then"), [("sandbox", "igdb"), ("igdb", "sandbox"), ("recorded", "sandbox")])
async def test_rows_of_two_servers_are_not_mixed(client, store, sandbox, name, full_refresh, first, then):
    """An account in place of the sandbox, or a terminal without the account."""
    sandbox.using(lambda world: setattr(world, "name", first))
    await load(client, store, name)
    before = newest_commit(store, name)
    assert before.origin == first
    sandbox.using(lambda world: setattr(world, "name", then))
    asked = sandbox.requests_served
    with pytest.raises(OtherOriginError) as caught:
        await load(client, store, name, run_id="another run", full_refresh=full_refresh)
    assert (caught.value.found, caught.value.expected) == (then, first)
    assert sandbox.requests_served - asked == 1, "the first reply shows it"
    assert newest_commit(store, name) == before
    sandbox.using(lambda world: setattr(world, "name", first))
    assert (await load(client, store, name, run_id="a third run")).version == 2


async def test_a_table_of_before_origins_were_known_gets_one(client: Any, store: Store, sandbox: Any) -> None:
    await load(client, store, "genres")
    before = newest_commit(store, "genres")
    unknown = {name: getattr(before, name) for name in Draft.__dataclass_fields__} | {"origin": None}
    Table(store, IGDB_GENRES).commit(lambda _: Draft(**unknown))
    sandbox.using(lambda world: setattr(world, "name", "igdb"))
    await load(client, store, "genres", run_id="another run")
    assert newest_commit(store, "genres").origin == "igdb"
