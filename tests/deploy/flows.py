"""What each role does, for real, on an S3 server that records it: loads, a build, maintenance, reading."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.cli.main import main as gamelake
from gamelake.lake import s3
from gamelake.lake.factory import open_store
from gamelake.lake.lifecycle import apply_rules
from gamelake.lake.parts import PART_BYTES
from gamelake.maintenance.audit import audit
from gamelake.marts import dbt_project
from gamelake.marts.duckdb_extensions import link_extensions
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.pointer import current
from gamelake.registry import load_sources
from sandbox.igdb import Sandbox, World
from tests.deploy.recorded_s3 import Recording, recording_server
from tests.support.dbt import invoke
from tests.support.loads import load as load_table
from tests.support.loads import new_client as new_igdb_client
from tests.support.loads import token_of
from tests.support.stores import new_client
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store

REGISTRY = load_sources()["igdb"].entities
DAY = date(2026, 11, 21)
URI = "s3://lake/deep/lake"
"""The lake lies below a prefix: policies and rules have to carry it."""


class Killed(BaseException):
    """Stands for a kill that a test can catch."""


def record(folder: Path) -> dict[str, Recording]:
    """Run all flows, one after another on one lake. Returns: what each role asked for; needs the dbt manifest."""
    with recording_server() as recordings, _environment(recordings[0].endpoint, folder):
        server = recordings[0]
        store = open_store(URI, s3=new_client(server.endpoint))
        done: dict[str, Recording] = {}
        for role, flow in FLOWS:
            recordings.append(done.setdefault(role, replace(server, needs=set(), requests={})))
            flow(store, folder)
    return done


@contextmanager
def _environment(endpoint: str, folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "DBT_", "GAMELAKE_"))]:
            patch.delenv(name)
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("GAMELAKE_URI", URI)
        patch.setenv("GAMELAKE_DUCKDB", str(folder / "gamelake.duckdb"))
        patch.setenv("GAMELAKE_DUCKDB_EXTENSIONS", str(link_extensions(folder / "extensions")))
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield


@contextmanager
def _source(store: Store, *, seed: int) -> Iterator[tuple[Sandbox, Callable[..., None]]]:
    """A sandbox of 60 games, and a function that makes one load from it."""
    world = World.generate(seed=seed, games=60, first_day=DAY, today=DAY)
    sandbox = Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0)
    with sandbox.running() as url:
        token = token_of(sandbox)

        def load(name: str, run_id: str, **options: Any) -> None:
            async def run() -> None:
                async with new_igdb_client(url, token) as client:
                    given: dict[str, Any] = {"day": DAY, "run_id": run_id, "part_bytes": PART_BYTES}
                    await load_table(client, store, name, **given | options)

            asyncio.run(run())

        yield sandbox, load


def _load(store: Store, folder: Path) -> None:
    """Every entity; then games with changes, deletions and a broken row, whole again, by two tries that are killed and
    one that takes over, with parts in one request and in several."""
    with _source(store, seed=3) as (sandbox, load), pytest.MonkeyPatch.context() as patch:
        for name in REGISTRY:
            load(name, "first")
        ids = sorted(row["id"] for row in sandbox.rows("games"))
        sandbox.delete("games", ids[:2])
        load("games", "changes")
        sandbox.upsert("games", [{"id": ids[-1] + 1 + i, "name": f"Game {i}", "updated_at": 1} for i in range(2000)])
        sandbox.upsert("games", [{"id": ids[-1] + 5000, "name": ["not a name"], "updated_at": 1}])
        patch.setattr(s3, "SINGLE_PUT_BYTES", 3_000)  # as if parts were above 64 MB
        whole = partial(load, "games", "whole", full_refresh=True, part_bytes=10_000)
        assert isinstance(store, s3.S3Store)
        steps: tuple[tuple[Any, str, int], ...]
        steps = ((store, "put_file", 3), (store.client, "complete_multipart_upload", 1))
        for holder, method, number in steps:
            _kill(patch, holder, method, number, whole)
        whole()


def _load_popularity_again(store: Store, folder: Path) -> None:
    """Other values of the same day: its history is another object from then on."""
    with _source(store, seed=4) as (_, load):
        load("popscore", "again")


def _kill(patch: pytest.MonkeyPatch, holder: Any, method: str, number: int, work: Callable[[], None]) -> None:
    """Do some work of which the numbered call of a method is the last thing."""
    real, calls = getattr(holder, method), count(1)

    def call(*given: Any, **options: Any) -> Any:
        if next(calls) == number:
            patch.setattr(holder, method, real)
            raise Killed
        return real(*given, **options)

    patch.setattr(holder, method, call)
    with pytest.raises(Killed):
        work()


def _transform(store: Store, folder: Path) -> None:
    """The DAG `transform`, with dbt in this process."""
    generation = open_generation(store, REGISTRY.values(), day=DAY, run_id="first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAMELAKE_GENERATION", store.url(generation))
        paths = ["--project-dir", dbt_project.PROJECT, "--profiles-dir", dbt_project.PROJECT]
        paths += ["--target-path", folder, "--log-path", folder]
        built = invoke("run", "--quiet", *map(str, paths))
    assert built.success, built
    assert publish(store, generation, dbt_project.published_models()).is_published


def _killed_builds(store: Store, folder: Path) -> None:
    """Builds that got no further than to say what they read: they find the published marts and their history."""
    for run_id in ("second", "third"):
        open_generation(store, REGISTRY.values(), day=DAY, run_id=run_id)


def _read(store: Store, folder: Path) -> None:
    """A reader: the newest commit and the marts by their pointers and by listing; rows of both with DuckDB."""
    assert gamelake(["lake", "show"]) == 0
    assert gamelake(["lake", "show", "igdb.games"]) == 0
    pointer, commit = current(store), newest_commit(store)
    assert pointer
    assert commit
    store.get("raw/igdb/games/_manifest.json")
    with duckdb.connect(config={"extension_directory": os.environ["GAMELAKE_DUCKDB_EXTENSIONS"]}) as reader:
        reader.load_extension("httpfs")
        endpoint = os.environ["AWS_ENDPOINT_URL"].split("://")[1]
        keys = f"key_id 'test', secret 'test', endpoint '{endpoint}', url_style 'path', use_ssl false"
        reader.execute(f"create secret (type s3, {keys})")
        for mart in pointer.marts:
            reader.execute(f"select * from read_parquet('{store.url(mart.key)}')").fetchall()
        reader.execute(f"select * from read_json('{store.url(commit.files[0].key)}', columns = {{id: 'bigint'}})")


def _maintain(store: Store, folder: Path) -> None:
    """The DAG `lake_audit`, long enough after for all orphans to be old, and the command that sets lifecycle rules."""
    assert isinstance(store, s3.S3Store)
    years = datetime.now(UTC) + timedelta(days=1000)
    report = audit(
        store,
        [entity.table for entity in REGISTRY.values()],
        older_than=timedelta(hours=48),
        remove=True,
        verify=True,
        now=years,
    )
    assert not report.broken
    apply_rules(store)


FLOWS: tuple[tuple[str, Callable[[Store, Path], None]], ...] = (
    ("load", _load),
    ("transform", _transform),
    ("load", _load_popularity_again),
    ("transform", _killed_builds),
    ("read", _read),
    ("maintain", _maintain),
)
"""Each role's work, in an order in which all of it has something to do."""
