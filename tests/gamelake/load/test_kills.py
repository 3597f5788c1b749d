"""SIGKILL at every step of a run: readers never see half a table, and the next run makes it equal to the source.

The steps are those of tests/support/kills.py and every request to the API, as the client reports them.
"""

from __future__ import annotations

import os
import shutil
import traceback
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.keys import TableName
from gamelake.lake.table import Table
from igdb.client import IgdbClient
from tests.support.kills import Steps, in_child
from tests.support.loads import (
    LONG_AGO,
    check_whole,
    ids_of,
    load_once,
    new_client,
    small_sandbox,
    source_rows,
    table_rows,
    token_of,
)
from tests.support.stores import new_client as new_s3
from tests.support.tables import IGDB_GAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.load.report import LoadReport
    from igdb.tokens import StaticToken
    from sandbox.igdb import Sandbox

SCENARIOS: dict[str, tuple[str, dict[str, Any], bool]] = {
    # entity, options, whether the table was there before
    "first full load": ("games", {}, False),
    "full refresh": ("games", {"full_refresh": True}, True),
    "incremental": ("games", {}, True),
    "missing field": ("games", {}, True),
    "snapshot": ("genres", {}, True),
    "time series": ("popscore", {"part_bytes": 1000}, True),
}


class Served:
    """The sandbox, and one token for all of its clients."""

    def __init__(self, sandbox: Sandbox, url: str) -> None:
        self.sandbox = sandbox
        self.url = url
        self.token: StaticToken = token_of(sandbox)

    def load(self, store: Store, name: str, **options: Any) -> LoadReport:
        return load_once(new_client(self.url, self.token), store, name, **options)

    def send_hypes(self, hypes: int | None) -> None:
        """Have the source send hypes of every game, or none; every tenth game changes."""
        rows = [{"id": i, "hypes": hypes} for i in ids_of(self.sandbox)]
        kept = [row | {"updated_at": LONG_AGO} for row in rows]
        self.sandbox.upsert("games", [row if n % 10 == 0 else kept[n] for n, row in enumerate(rows)])

    def rows(self, name: str) -> Any:
        return source_rows(self.sandbox, "popularity_primitives" if name == "popscore" else name)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with small_sandbox(games=600) as (sandbox, url):
        rows = [{"id": 1 + 5 * i, "game_id": i, "popularity_type": 1, "value": 0.5} for i in range(600)]
        sandbox.upsert("popularity_primitives", rows)
        yield Served(sandbox, url)


def watch_api(steps: Steps) -> None:
    """A request to the API is a step when it goes, and when its reply is there."""
    send = IgdbClient._send

    async def counted(client: IgdbClient, *given: Any) -> Any:
        steps.step()
        reply = await send(client, *given)
        steps.step()
        return reply

    IgdbClient._send = counted  # type: ignore[method-assign, assignment]  # in a child process of its own


def change(sandbox: Sandbox, n: int) -> None:
    """The source goes on between the tries: a row changes, one comes, one goes."""
    for endpoint in ("games", "popularity_primitives"):
        ids = ids_of(sandbox, endpoint)
        sandbox.delete(endpoint, [ids[n % 400]])
        fresh: dict[str, Any] = {"name": f"New {n}"}
        if endpoint != "games":
            fresh = {"game_id": 1, "popularity_type": 1, "value": 0.5}
        sandbox.upsert(endpoint, [{"id": ids[-1] + 1 + n % 3, **fresh}, {"id": ids[500], **fresh}])
    sandbox.upsert("genres", [{"id": 4, "name": f"Fighting {n}"}])


@pytest.mark.parametrize(
    "scenario",
    [name if name == "snapshot" else pytest.param(name, marks=pytest.mark.slow) for name in SCENARIOS],
)
def test_killed_at_every_step_on_disk(scenario: str, served: Served, tmp_path: Path) -> None:
    name, options, there = SCENARIOS[scenario]
    resumed = 0
    if there:
        if scenario == "missing field":
            served.send_hypes(None)
        served.load(open_store((tmp_path / "lake-before").as_uri()), name, run_id="before")
        if scenario == "missing field":
            served.send_hypes(1)
    for kill_at in count(1):
        folder = tmp_path / f"lake-{kill_at}"
        store = open_store(folder.as_uri())
        if there:
            shutil.copytree(tmp_path / "lake-before", folder)
            change(served.sandbox, kill_at)
        before = Table(store, TableName("igdb", name)).latest()

        def run(kill_at: int = kill_at, folder: Path = folder, store: Store = store) -> int:
            steps = Steps(kill_at)
            steps.watch_disk(folder)
            watch_api(steps)
            served.load(store, name, run_id="killed", **options)
            return 0

        ended = in_child(run)
        version = check_whole(store, name)
        assert version - (before.version if before else 0) in ((0, 1) if ended is None else (1,))
        as_of = Table(store, TableName("igdb", name)).as_of("2026-11-21")
        assert version == (as_of.version if as_of else 0)
        again = "killed" if kill_at % 2 else "next"
        change(served.sandbox, kill_at)
        report = served.load(store, name, run_id=again, **options)
        assert check_whole(store, name) == report.version == version + 1
        if report.resumed_rows:
            resumed += 1
            # What changed since the first try's clock comes with the next load.
            report = served.load(store, name, run_id="night")
        assert table_rows(store, name) == served.rows(name)
        assert not list((tmp_path / "scratch").iterdir())
        if ended is not None:
            break
    assert kill_at > 15, "so many steps has the shortest run; with fewer, the hooks did not see them"
    assert bool(resumed) == (scenario in {"first full load", "full refresh", "missing field", "time series"})


@pytest.mark.parametrize(
    "scenario",
    ["snapshot", *(pytest.param(name, marks=pytest.mark.slow) for name in ("first full load", "incremental"))],
)
def test_killed_at_every_request_on_s3(scenario: str, served: Served, bucket: str, s3: Any, moto_endpoint: str) -> None:
    name, options, there = SCENARIOS[scenario]
    for kill_at in count(1, 7):  # a sample: what differs from a disk is the order of requests within a step
        store = open_store(f"s3://{bucket}/{scenario.replace(' ', '-')}-{kill_at}", s3=s3)
        if there:
            served.load(store, name, run_id="before")
            change(served.sandbox, kill_at)

        def run(kill_at: int = kill_at, uri: str = store.uri) -> int:
            steps = Steps(kill_at)
            watch_api(steps)
            own = new_s3(moto_endpoint)
            steps.watch_s3(own)
            served.load(open_store(uri, s3=own), name, run_id="killed", **options)
            return 0

        ended = in_child(run)
        version = check_whole(store, name)
        report = served.load(store, name, run_id="killed" if kill_at % 2 else "next", **options)
        assert check_whole(store, name) == report.version == version + 1
        assert table_rows(store, name) == served.rows(name)
        if ended is not None:
            break
    assert kill_at > (20 if scenario == "snapshot" else 30), kill_at


def test_five_writers_at_once_are_five_commits(served: Served, tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    served.load(store, "games", run_id="before")
    change(served.sandbox, 1)

    def write(number: int) -> int:
        return served.load(store, "games", run_id=f"writer-{number}", full_refresh=number == 0).version

    children = []
    for number in range(5):
        child = os.fork()
        if child == 0:
            try:
                os._exit(write(number))
            except BaseException:  # noqa: BLE001 - nothing of the child may reach pytest
                traceback.print_exc()
                os._exit(255)
        children.append(child)
    versions = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(versions) == [2, 3, 4, 5, 6]
    history = list(Table(store, IGDB_GAMES).history())
    assert {commit.run_id for commit in history} == {"before", *(f"writer-{number}" for number in range(5))}
    assert check_whole(store) == 6
    assert table_rows(store) == served.rows("games")
