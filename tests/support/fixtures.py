"""The fixtures that several folders share; tests/conftest.py names this plugin."""

from __future__ import annotations

import atexit
import functools
import gc
import json
import logging
import os
import shutil
import signal
import tempfile
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client

    from gamelake.lake.manifest import Part
    from gamelake.lake.store import Store
    from igdb.client import IgdbClient
    from sandbox.igdb import Sandbox
    from tests.support.cdn import CachingCdn
    from tests.support.faulty_proxy import FaultyProxy
    from tests.support.loads import Loads
    from tests.support.nightly_loads import NightlyLoads, ScriptedLoads
    from tests.support.raw_lake import Lake
    from tests.support.second_source.server import Boardgames

# Imports of servers and clients are inside the fixtures: a test of another folder does not wait for them.

# Before any test imports Airflow, which needs this folder. Workers have that of the process that started them.
if "AIRFLOW_HOME" not in os.environ:
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="gamelake-test-airflow-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

# A script that starts the tests in the background has them ignore Ctrl-C and Ctrl-\, and their processes too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_collection() -> None:
    """Collect no garbage while modules are imported: there is hardly any, and each collection visits all of them."""
    gc.disable()


def pytest_sessionstart() -> None:
    """Read each file of botocore's once: every session of boto3 would read megabytes of JSON again."""
    from botocore.loaders import JSONFileLoader

    read = functools.cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda _, path: read(path)  # type: ignore[assignment, method-assign]


def pytest_collection_finish() -> None:
    """Leave the modules and the thousands of tests out of each garbage collection: they stay until the end.

    They begin after 50,000 new objects: after 700, as by default, they take a tenth of the time of the tests.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


@pytest.fixture(autouse=True)
def _log_handlers() -> Iterator[None]:
    """Remove the log handlers that a test has added: Airflow logs to the stderr of the test that imports it first."""
    before = set(logging.root.handlers)
    yield
    for handler in set(logging.root.handlers) - before:
        logging.root.removeHandler(handler)


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """The URL of moto's server, which has S3 and CloudFront."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication
    from moto.server import ThreadedMotoServer

    # A fifth of its time: at each request it looks into the folder of every service, and writes a line for pytest.
    chosen = functools.cache(DomainDispatcherApplication.get_backend_for_host)
    DomainDispatcherApplication.get_backend_for_host = chosen  # type: ignore[method-assign]
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3(moto_endpoint: str) -> S3Client:
    """A client of moto's S3."""
    from tests.support.stores import new_client

    return new_client(moto_endpoint)


@pytest.fixture
def bucket(s3: S3Client) -> str:
    """An empty bucket in moto's S3."""
    name = f"lake-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    """A store on disk, for tests that do not depend on the kind."""
    return open_store((tmp_path / "lake").as_uri())


@pytest.fixture
def store(disk: Store) -> Store:
    """The same store, by the name that folders with several kinds of stores replace."""
    return disk


@pytest.fixture
def proxy(moto_endpoint: str) -> Iterator[FaultyProxy]:
    """A proxy before moto's S3."""
    from tests.support.faulty_proxy import FaultyProxy

    server = FaultyProxy(moto_endpoint)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def faulty_store(proxy: FaultyProxy, bucket: str) -> Store:
    """An S3 store behind the proxy."""
    from tests.support.stores import new_client

    return open_store(f"s3://{bucket}/lake", s3=new_client(proxy.endpoint))


@pytest.fixture
def status(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The status of every invalidation. moto's own, COMPLETED, is not CloudFront's, and ends no waiter."""
    from moto.cloudfront.models import Invalidation

    statuses = ["Completed"]
    monkeypatch.setattr(Invalidation, "status", property(lambda _: statuses[0], lambda *_: None), raising=False)
    return statuses


@pytest.fixture
def cloudfront(moto_endpoint: str, status: list[str]) -> Any:
    """A client of moto's CloudFront."""
    import boto3

    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client("cloudfront", endpoint_url=moto_endpoint, **keys)


@pytest.fixture
def cdn(s3: S3Client, cloudfront: Any, bucket: str) -> Iterator[CachingCdn]:
    """A CDN before the test's bucket."""
    from tests.support.cdn import CachingCdn

    server = CachingCdn(s3, cloudfront, bucket)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def make_part() -> Callable[..., Part]:
    """`make_part(...)`: a file of a manifest; fields that are not given have plausible values."""
    from tests.support.commits import make_part

    return make_part


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put what a killed load leaves on its worker's disk into the folder of the test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))


@pytest.fixture
def served() -> Iterator[tuple[Sandbox, str]]:
    """A sandbox of 1,100 games, and its URL. A module that needs another one replaces this fixture."""
    from tests.support.loads import small_sandbox

    with small_sandbox() as served:
        yield served


@pytest.fixture
def sandbox(served: tuple[Sandbox, str]) -> Sandbox:
    """The sandbox."""
    return served[0]


@pytest.fixture
def client(served: tuple[Sandbox, str]) -> Callable[[], IgdbClient]:
    """`client()`: a new client of the sandbox; all have one token."""
    from tests.support.loads import new_client, token_of

    token = token_of(served[0])
    return lambda: new_client(served[1], token)


@pytest.fixture
def loads(served: tuple[Sandbox, str], store: Store) -> Loads:
    """Loads of the sandbox into the store."""
    from tests.support.loads import Loads

    return Loads(*served, store)


@pytest.fixture
def rows() -> int:
    """Rows of the scripted sandbox; `parametrize` replaces it."""
    return 1_400


@pytest.fixture
def scripted(rows: int, tmp_path: Path) -> Iterator[ScriptedLoads]:
    """Loads of a scripted sandbox, of which one is made."""
    from tests.support.nightly_loads import ScriptedLoads, ScriptedSandbox

    sandbox = ScriptedSandbox(rows)
    with sandbox.running() as url:
        yield ScriptedLoads(sandbox, url, open_store((tmp_path / "lake").as_uri()))


@pytest.fixture
def nights(store: Store) -> Iterator[NightlyLoads]:
    """A sandbox of 300 games that is loaded into the store."""
    from sandbox.igdb import Sandbox, World
    from tests.support.loads import DAY
    from tests.support.nightly_loads import NightlyLoads

    world = World.generate(seed=3, games=300, first_day=DAY, today=DAY)
    sandbox = Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0)
    with sandbox.running() as url:
        yield NightlyLoads(sandbox, url, store)


@pytest.fixture
def boardgames(monkeypatch: pytest.MonkeyPatch) -> Iterator[Boardgames]:
    """The running second source: the registry has it, and Airflow has its connection."""
    from gamelake import sources
    from tests.support.second_source.server import KEY, MORNING, Boardgames

    folder = Path(__file__).with_name("second_source")
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    served = Boardgames(MORNING)
    with served.running() as url:
        connection = {"conn_type": "http", "host": url, "password": KEY}
        monkeypatch.setenv("AIRFLOW_CONN_BOARDGAMES_DEFAULT", json.dumps(connection))
        yield served


@pytest.fixture(scope="session")
def small_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """60 games on two days, with changes, a repaired range, deletions, a renamed and a deleted platform, no themes."""
    from tests.support.raw_lake import small_lake

    return small_lake(tmp_path_factory.mktemp("lake"))
