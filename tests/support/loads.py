"""What the tests of loads share: a small sandbox, a client for it, a load, and the table that a reader sees."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from apiclient.retry import Backoff
from gamelake.days import format_day
from gamelake.lake.keys import LoadRun, TableName
from gamelake.lake.rows import read_lines
from gamelake.lake.table import Table
from gamelake.lake.uploads import verify_part
from gamelake.load.load import Load
from gamelake.registry import load_sources
from gamelake.sources.igdb.reader import IgdbReader
from igdb.client import IgdbClient
from igdb.tokens import StaticToken
from sandbox.igdb import Fault, Sandbox, World
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store
    from gamelake.load.report import LoadReport
    from igdb.tokens import TokenSource

REGISTRY = load_sources()["igdb"].entities
DAY = date(2026, 11, 21)
GAMES = 1_100
SMALL_PARTS = 10_000
"""Plain bytes of a part: every page of the small sandbox is a part of its own."""
LONG_AGO = 1_700_000_000
"""`updated_at` of the small rows: no incremental load reads them again."""

Rows = dict[int, dict[str, Any]]


def without(rows: Rows, *ids: int) -> Rows:
    return {row_id: row for row_id, row in rows.items() if row_id not in ids}


@contextmanager
def small_sandbox(games: int = GAMES) -> Iterator[tuple[Sandbox, str]]:
    """A sandbox without limits whose games are small rows with gaps in their ids; gives its URL too."""
    world = World.generate(seed=3, games=1, first_day=DAY, today=DAY, popularity_per_game=1)
    sandbox = Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0)
    sandbox.delete("games", [row["id"] for row in sandbox.rows("games")])
    rows = [{"id": 3 + i + i // 9, "name": f"Game {i}", "hypes": i, "updated_at": LONG_AGO} for i in range(games)]
    sandbox.upsert("games", rows)
    with sandbox.running() as url:
        yield sandbox, url


def token_of(sandbox: Sandbox) -> StaticToken:
    form = {"client_id": "sandbox", "client_secret": "sandbox-secret", "grant_type": "client_credentials"}
    return StaticToken(json.loads(sandbox.tokens.grant(form).body)["access_token"])


def new_client(url: str, tokens: TokenSource, **options: Any) -> IgdbClient:
    """A client with short waits and few attempts."""
    given: dict[str, Any] = {
        "base_url": f"{url}/v4",
        "client_id": "sandbox",
        "tokens": tokens,
        "requests_per_second": 1000,
        "max_attempts": 3,
        "backoff": Backoff(base=0.002, cap=0.01),
    }
    return IgdbClient(**given | options)


def load_once(client: IgdbClient, store: Store, name: str = "games", **options: Any) -> LoadReport:
    """One load in an event loop of its own."""

    async def run() -> LoadReport:
        async with client:
            return await load(client, store, name, **options)

    return asyncio.run(run())


async def load(client: IgdbClient, store: Store, name: str = "games", **options: Any) -> LoadReport:
    entity = REGISTRY[name]
    run = LoadRun(entity.table, format_day(options.pop("day", DAY)), options.pop("run_id", "run"))
    given: dict[str, Any] = {"part_bytes": SMALL_PARTS}
    return await Load(IgdbReader(client, entity), store, entity, run, **given | options).run()


def table_rows(store: Store, name: str = "games", source: str = "igdb") -> Rows:
    """The rows that a reader sees, by id: applied file by file, as the contract states; {} before the first commit."""
    manifest = Table(store, TableName(source, name)).latest()
    rows: Rows = {}
    for file in manifest.files if manifest else ():
        for claim in file.claims:
            rows = {i: row for i, row in rows.items() if i not in claim}
        for line in read_lines(store, file):
            row = json.loads(line)
            rows[row["id"]] = row
    return rows


def source_rows(sandbox: Sandbox, endpoint: str = "games") -> Rows:
    """The rows that the source has."""
    return {row["id"]: row for row in sandbox.rows(endpoint)}


def ids_of(sandbox: Sandbox, endpoint: str = "games") -> list[int]:
    """The ids that the source has, ascending."""
    return sandbox.using(lambda world: list(world.table(endpoint).ids))


def check_whole(store: Store, name: str = "games") -> int:
    """Every file of the newest commit is there, with its size and hash. Returns: its version, 0 before the first."""
    manifest = Table(store, TableName("igdb", name)).latest()
    for file in manifest.files if manifest else ():
        verify_part(store, file)
    return manifest.version if manifest else 0


class Loads:
    """A sandbox, a store, and loads of the one into the other."""

    def __init__(
        self, sandbox: Sandbox, url: str, store: Store, *, client: dict[str, Any] | None = None, **options: Any
    ) -> None:
        self.sandbox = sandbox
        self.store = store
        self.url = url
        self._options = options
        self._client: dict[str, Any] = {"tokens": token_of(sandbox)} | (client or {})

    def client(self, **options: Any) -> IgdbClient:
        """A new client; all have one token."""
        return new_client(self.url, **self._client | options)

    def load(self, name: str = "games", *, client: IgdbClient | None = None, **options: Any) -> LoadReport:
        return load_once(client or self.client(), self.store, name, **self._options | options)

    def replace(self, old: str, new: str, times: int | None = None) -> None:
        """Replace a text, once in a reply: in so many replies, None: in all."""
        self.sandbox.faults.add(Fault("replace", old=old, new=new, times=times))

    def table_rows(self, name: str = "games") -> Rows:
        return table_rows(self.store, name)

    def source_rows(self, endpoint: str = "games") -> Rows:
        return source_rows(self.sandbox, endpoint)

    def ids(self) -> list[int]:
        """The ids of the sandbox's games, ascending."""
        return ids_of(self.sandbox)

    def rejects(self, name: str = "games") -> list[dict[str, Any]]:
        """The objects in `_rejected/`, each with `reason` and `row`."""
        kept = [info.key for info in self.store.list(f"raw/igdb/{name}/_rejected/")]
        return [json.loads(line) for key in kept for line in self.store.get(key).splitlines()]

    def latest(self, name: str = "games") -> Manifest | None:
        return Table(self.store, TableName("igdb", name)).latest()

    def newest(self, name: str = "games") -> Manifest:
        """The newest commit, of a table that has one."""
        return newest_commit(self.store, name)
