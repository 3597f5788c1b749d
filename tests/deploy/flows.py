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
from threading import Event
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import duckdb
import pytest

from apps.change_capture.inboxes import Inboxes
from apps.change_capture.metrics import Metrics
from apps.change_capture.signs import Signs
from gamelake.brief import brief
from gamelake.cli.main import main as gamelake
from gamelake.feeds.feed import Feed, make_all
from gamelake.incidents.documents import Fault
from gamelake.incidents.incidents import Incidents
from gamelake.lake import lineage_events, s3
from gamelake.lake.capture_sign import read_sign
from gamelake.lake.factory import open_store
from gamelake.lake.inbox import Inbox
from gamelake.lake.keys import TableName
from gamelake.lake.lifecycle import apply_rules
from gamelake.lake.month_documents import read_months
from gamelake.lake.parts import PART_BYTES
from gamelake.lake.rows import read_lines, read_live_ids
from gamelake.load.apply_events import apply_all
from gamelake.maintenance.audit import audit
from gamelake.maintenance.compaction import Outcome, compact
from gamelake.maintenance.restore import restore
from gamelake.marts import dbt_project, findings
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import INPUTS, read
from gamelake.marts.duckdb_extensions import link_extensions
from gamelake.marts.generation import SPARK_TABLES, clean_up, open_generation, publish
from gamelake.marts.mart_path import mart_path
from gamelake.marts.pointer import current
from gamelake.marts.restored import remove_restored
from gamelake.nights.report import NightReports
from gamelake.quality.check import check_lake
from gamelake.registry import load_entities, load_sources, loaded_sources
from gamelake.topics.broker import Broker
from gamelake.topics.publisher import publish as send
from gamelake.topics.settings import BrokerSettings
from gamelake.topics.streams import FeedStream, InboxStream
from gamelake_ui import briefs, files
from sandbox.igdb import Sandbox, World
from tests.deploy.recorded_s3 import Recording, recording_server
from tests.support.dbt import Dbt
from tests.support.inbox_events import event, put
from tests.support.kafka import running_broker
from tests.support.loads import load as load_table
from tests.support.loads import new_client as new_igdb_client
from tests.support.loads import token_of
from tests.support.paged_rawg import PagedRawg
from tests.support.rawg_loads import game
from tests.support.rawg_loads import load as load_rawg
from tests.support.stores import new_client
from tests.support.tables import IGDB_GAMES, newest_commit

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
    rawg = PagedRawg()
    with rawg.running():
        rawg.put(*(game(row_id, rawg.clock) for row_id in range(1, 4)))
        for name in ("games", "game_details"):
            asyncio.run(load_rawg(rawg, store, name))


def _load_popularity_again(store: Store, folder: Path) -> None:
    """Other values of the same day: its history is another object from then on."""
    with _source(store, seed=5) as (_, load):
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
    generation = open_generation(store, load_entities(), day=DAY, run_id="first")
    settings: dict[str, Any] = {
        name: value for name, value in os.environ.items() if name.startswith(("AWS_", "GAMELAKE_"))
    }
    built = Dbt(folder, **settings)("run", generation=store.url(generation))
    assert built.success, built
    assert publish(store, generation, dbt_project.published_models()).is_published
    store.put(f"{generation}/{SPARK_TABLES}/try/part.parquet", b"of a build on Spark")
    assert clean_up(store, generation) == 1


def _killed_builds(store: Store, folder: Path) -> None:
    """Builds that got no further than to say what they read: they find the published marts and their history."""
    for run_id in ("second", "third"):
        open_generation(store, load_entities(), day=DAY, run_id=run_id)


def _feed(store: Store, folder: Path) -> None:
    """The task `change_feeds`, on a lake that has none."""
    for info in list(store.list("feeds/")):
        store.delete(info.key)
    assert [step.number for step in make_all(store, [REGISTRY["games"]])] == [1, 2, 3]


def _report(store: Store, folder: Path) -> None:
    """What the callbacks of tasks do: an incident begins, is announced, and is over."""
    incidents = Incidents(store, channels=["anyone"])
    fault = Fault(scope="load.igdb", kind="held", part="games", night=DAY.isoformat(), cause="held")
    incidents.fail(fault)
    incidents.deliver(lambda *_: None)
    assert incidents.succeed("load.igdb", night=DAY.isoformat(), part="games")


def _tell(store: Store, folder: Path) -> None:
    """The DAG `daily_brief`, on a lake that has no brief."""
    for info in list(store.list("reports/")):
        store.delete(info.key)
    made = brief.make(store, NightReports(store, loaded_sources()), DAY, now=datetime.now(UTC))
    assert len(brief.publish_pages(store, made)) == 4


def _collect(store: Store, folder: Path) -> None:
    """The event collector: parts of several tables, one of them beside another collector."""
    for name in list(REGISTRY)[:12]:
        inbox = Inbox(store, REGISTRY[name].table)
        for number in range(2):
            inbox.add(b'{"id":%d}\n' % number)
    slow, fast = (Inbox(store, REGISTRY["games"].table) for _ in range(2))
    assert slow.newest() == fast.newest() == 2
    assert [each.add(line) for each, line in ((fast, b'{"id":5}\n'), (slow, b'{"id":6}\n'))] == [3, 4]
    now = datetime.now(UTC).timestamp()
    rows = ({"id": each, "name": "New", "updated_at": int(now)} for each in (900_000, 900_001))
    assert put(store, REGISTRY["games"].table, *(event("create", row, now) for row in rows)) == 5


def _capture(store: Store, folder: Path) -> None:
    """The capture of changes: a snapshot of an empty table, and whether the lake has it or a commit."""
    table = TableName("shop", "returns")  # of no registry: what is not applied would wait for a person
    marks = [
        b'{"id":null,"op":"%s","body":{"snapshot":"a"}}\n' % op for op in (b"snapshot_started", b"snapshot_completed")
    ]
    assert Inboxes(store, Metrics(), Event()).put({table: marks}) == {table: 1}
    assert [part.number for part in Inbox(store, table).parts()] == [1]
    signs = Signs(store, "shop", "slot")
    signs.check("1/shop", None)
    signs.give()
    signs.end()
    sign = read_sign(store, "shop")
    assert sign
    assert sign.ended
    assert not list(store.list(table.manifests_prefix))


def _send(store: Store, folder: Path) -> None:
    """`gamelake feed publish`: a table and the events of an inbox, and again, when nothing is new."""
    with running_broker(folder) as broker:
        settings = BrokerSettings(servers=(broker.address,), partitions=1, replication_factor=1)

        async def run() -> int:
            async with Broker(settings) as connected:
                streams = (FeedStream(store, REGISTRY["games"]), InboxStream(store, IGDB_GAMES))
                return sum(
                    [(await send(store, each, connected, settings.topic(each.name))).messages for each in streams]
                )

        assert asyncio.run(run()) > 0
        assert asyncio.run(run()) == 0


def _apply(store: Store, folder: Path) -> None:
    """The DAG `apply_events`: two new rows, and what is no event."""
    outcome = apply_all(store, REGISTRY.values())
    assert outcome.failures == {}
    assert {(each.created, each.updated) for each in outcome.applied} == {(0, 0), (2, 0)}
    assert apply_all(store, REGISTRY.values()).applied == []


def _check(store: Store, folder: Path) -> None:
    """The DAG `data_quality`, on a lake that has no report; its second check finds what the first one did not."""
    for info in list(store.list("marts/quality/")):
        store.delete(info.key)
    assert check_lake(store, [*REGISTRY.values()], now=datetime.now(UTC))[1]
    with patch.dict(os.environ, {"GAMELAKE_OPTIONAL_SOURCES": "shop"}):
        late = check_lake(store, [*REGISTRY.values()], now=datetime.now(UTC) + timedelta(days=3))[0]
    assert (late.number, bool(late.findings)) == (2, True)
    # What it does while the incident of an audit is open.
    tables, age = [entity.table for entity in REGISTRY.values()], timedelta(hours=48)
    assert not audit(store, tables, older_than=age, remove=False, verify=True).broken


def _keep_events(store: Store, folder: Path) -> None:
    """Lineage, where it is switched on."""
    lineage_events.keep(store, ["{}"], at=datetime.now(UTC))


def _compact(store: Store, folder: Path) -> None:
    """The task `compact` of the DAG `lake_audit`: an upload in several requests that fails, then two at once."""
    later = datetime(2027, 2, 1, tzinfo=UTC)

    def run() -> None:
        list(compact(store, REGISTRY["popscore"], now=later))

    with pytest.MonkeyPatch.context() as patch:
        assert isinstance(store, s3.S3Store)
        patch.setattr(s3, "SINGLE_PUT_BYTES", 100)  # as if the file were above 64 MB
        _kill(patch, store.client, "complete_multipart_upload", 1, run)
    real = store.tag

    def tag(key: str, tags: Any, **options: Any) -> None:
        real(key, tags, **options)
        if tags == {"status": "final"}:
            store.tag = real  # type: ignore[method-assign]
            assert [each.outcome for each in compact(store, REGISTRY["popscore"], now=later)] == [Outcome.COMPACTED]

    store.tag = tag  # type: ignore[method-assign]
    assert [each.outcome for each in compact(store, REGISTRY["popscore"], now=later)] == [Outcome.LOST]
    # An audit that finds the file of a month missing keeps its parts.
    table = REGISTRY["popscore"].table
    file = next(read_months(store, table, str(DAY)[:7])).file.key
    data = store.get(file)
    store.delete(file)
    assert audit(store, [table], older_than=timedelta(hours=48), remove=True, marts=False).broken
    store.put(file, data)
    assert [each.outcome for each in compact(store, REGISTRY["popscore"], now=later)] == [Outcome.DONE]


def _expire(store: Store, folder: Path) -> None:
    """What the lifecycle rule does a week later."""
    for part in newest_commit(store, "popscore").files:
        assert store.tags(part.key) == {"status": "outdated"}
        store.delete(part.key)


def _load_on_a_month(store: Store, folder: Path) -> None:
    """`gamelake lake replay` of a day whose parts only a month has."""
    assert len(read_live_ids(store, newest_commit(store, "popscore"), partition=str(DAY))) > 0


def _build_from_a_month(store: Store, folder: Path) -> None:
    """A build of that day, which restores the parts that it reads, and removes them."""
    generation = open_generation(store, load_entities(), day=DAY, run_id="from-a-month")
    (run,) = read(store, f"{generation}/{INPUTS}", Inputs).run
    assert remove_restored(store, run.build) > 0
    open_generation(store, load_entities(), day=DAY, run_id="from-a-month-and-killed")


def _read(store: Store, folder: Path, *, restricted: bool = False) -> None:
    """A reader: the newest commit and the marts by their pointers and by listing; rows of both with DuckDB.

    restricted: also the marts that may not be passed on.
    """
    assert gamelake(["lake", "show"]) == 0
    assert gamelake(["lake", "show", "igdb.games"]) == 0
    pointer, commit = current(store), newest_commit(store)
    assert pointer
    assert commit
    store.get("raw/igdb/games/_manifest.json")
    assert list(read_lines(store, newest_commit(store, "popscore").files[0])), "a month has it"
    feed = Feed(store, IGDB_GAMES)
    assert [change.id for step in feed.steps() for change in feed.changes(step)]
    with duckdb.connect(config={"extension_directory": os.environ["GAMELAKE_DUCKDB_EXTENSIONS"]}) as reader:
        reader.load_extension("httpfs")
        endpoint = os.environ["AWS_ENDPOINT_URL"].split("://")[1]
        keys = f"key_id 'test', secret 'test', endpoint '{endpoint}', url_style 'path', use_ssl false"
        reader.execute(f"create secret (type s3, {keys})")
        for mart in (each for each in pointer.marts if restricted or not each.is_restricted):
            reader.execute(f"select * from read_parquet('{store.url(mart.key)}')").fetchall()
        reader.execute(f"select * from read_json('{store.url(commit.files[0].key)}', columns = {{id: 'bigint'}})")


def _pages(store: Store, folder: Path) -> None:
    """The pages of Airflow's web UI, and a reader of restricted marts, who has the same role."""
    _read(store, folder, restricted=True)
    reports = NightReports(store, loaded_sources())
    assert reports.nights().shown_day == reports.night(DAY).day == DAY
    assert briefs.page(store, None, "ko").status_code == briefs.page(store, str(DAY), "en").status_code == 200
    assert findings.current(store)
    assert mart_path(store, "dim_games")
    mart = files.published(store).marts[0]
    assert files.mart_file(store, mart.name, mart.sha256, "bytes=0-3").status_code == 206


def _maintain(store: Store, folder: Path) -> None:
    """The DAG `lake_audit`, long enough after for all orphans to be old."""
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


def _lose(store: Store, folder: Path) -> None:
    """An accident within the rights of maintenance, of a lake of which there is a copy."""
    pointer = current(store)
    assert pointer
    for name in ("lost", "kept"):
        Incidents(store).fail(Fault(scope=f"trial.{name}", kind="other", part="task", night=str(DAY), cause="503"))
    incident = next(info.key for info in store.list("incidents/trial.lost."))
    change = next(info.key for info in store.list("feeds/igdb/games/dt="))
    event, _ = (lineage_events.keep(store, ["{}"], at=datetime.now(UTC)) for _ in range(2))
    restore(store, open_store((folder / "copy").as_uri()))
    part = next(info.key for info in store.list("inbox/"))
    position = next(info.key for info in store.list("topics/"))
    for key in (
        newest_commit(store).files[0].key,
        pointer.marts[0].key,
        incident,
        change,
        f"reports/{DAY}.json",
        event,
        part,
        position,
    ):
        store.delete(key)


def _set_up(store: Store, folder: Path) -> None:
    """The commands `gamelake lake restore` and `gamelake lake lifecycle --apply`."""
    assert isinstance(store, s3.S3Store)
    assert restore(open_store((folder / "copy").as_uri()), store).written == 8
    apply_rules(store)


@contextmanager
def _remote_logs(folder: Path) -> Iterator[Any]:
    """What a task's supervisor and the API server use, with the log folder of the test."""
    from airflow.providers.amazon.aws.log.s3_task_handler import S3RemoteLogIO

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID", "aws_default")
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
        yield S3RemoteLogIO(remote_base="s3://lake/logs", base_log_folder=folder / "logs", delete_local_copy=False)


def _write_logs(store: Store, folder: Path) -> None:
    """Logs of tries, one of which goes on."""
    with _remote_logs(folder) as remote:
        for number in (*range(21), 0):
            log = folder / "logs" / "dag_id=igdb_games" / f"attempt={number}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("A line.\n", encoding="utf-8")
            remote.upload(log, None)


def _read_logs(store: Store, folder: Path) -> None:
    """The page of a task."""
    with _remote_logs(folder) as remote:
        for number in range(21):
            _, (log,) = remote.read(f"dag_id=igdb_games/attempt={number}.log", None)
            assert log == "A line.\n" * (1 + (number == 0))


FLOWS: tuple[tuple[str, Callable[[Store, Path], None]], ...] = (
    ("load", _load),
    ("transform", _transform),
    ("load", _load_popularity_again),
    ("load", _report),
    ("transform", _report),
    ("maintain", _report),
    ("incident", _report),
    ("transform", _feed),
    ("feed", _feed),
    ("transform", _tell),
    ("brief", _tell),
    ("transform", _check),
    ("check", _check),
    ("load", _keep_events),
    ("transform", _keep_events),
    ("lineage", _keep_events),
    ("collect", _collect),
    ("collect", _capture),
    ("send", _send),
    ("load", _apply),
    ("transform", _killed_builds),
    ("maintain", _compact),
    ("expire", _expire),
    ("load", _load_on_a_month),
    ("transform", _build_from_a_month),
    ("restore", _build_from_a_month),
    ("read", _read),
    ("read_restricted", _pages),
    ("maintain", _maintain),
    ("copy", _lose),
    ("setup", _set_up),
    ("logs", _write_logs),
    ("read_logs", _read_logs),
)
"""Each role's work, in an order in which all of it has something to do."""
