"""Every way to reach a store on S3, tried on a real server: what is loaded is built by dbt and read by the reports.

Each case is an environment as a user has it. boto3 commits a small lake, dbt builds a mart of it, and DuckDB reads the
mart as `make run` does for its summary.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from gamelake.airflow.stores import connected_store, connection_exported
from gamelake.lake.querying import connect, literal
from gamelake.marts.generation import open_generation
from gamelake.paths import REPOSITORY
from gamelake.registry import load_entities
from tests.support.aws import isolate, settings_without_this_machine
from tests.support.command import GAMELAKE, environment_without
from tests.support.committed_lake import commit_lake
from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake
from tests.support.seaweed import KEY, SECRET, Seaweed, running_seaweed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.e2e

KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
HIDDEN = "objects.internal:8333"
"""A host that only the proxy knows."""


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        for bucket in ("lake", "my.lake.example"):
            server.client().create_bucket(Bucket=bucket)
        yield server


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """One dbt for all cases, so that the project is parsed once."""
    return Dbt(tmp_path_factory.mktemp("dbt"))


class Proxy(ThreadingHTTPServer):
    """A forward proxy that takes every request to one server, and notes which program asked."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.upstream = urlsplit(upstream).netloc
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.agents: set[str] = set()


class _Forward(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _serve(self) -> None:
        url = urlsplit(self.path)
        assert url.netloc == HIDDEN, self.path
        self.server.agents.add(self.headers.get("User-Agent", "").split("/")[0].lower())
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(self.server.upstream)
        connection.request(self.command, f"{url.path}?{url.query}", body, dict(self.headers))
        reply = connection.getresponse()
        data = reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                self.send_header(name, value)
        length = reply.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the standard library's names

    def log_message(self, *arguments: object) -> None:
        """Nothing to say."""


@pytest.fixture
def proxy(seaweed: Seaweed) -> Iterator[Proxy]:
    server = Proxy(seaweed.endpoint)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@dataclass
class Case:
    """One environment. `config` and `credentials` are AWS's files; `connection` is `aws_default`."""

    uri: str = "s3://lake/{name}"
    variables: dict[str, str] = field(default_factory=dict)
    config: str = ""
    credentials: str = ""
    connection: dict[str, Any] | None = None


CASES: dict[str, Callable[[Seaweed, Path], Case]] = {
    "variables": lambda server, _: Case(variables={**KEYS, "AWS_ENDPOINT_URL": server.endpoint}),
    "a bucket with dots": lambda server, _: Case(
        "s3://my.lake.example/{name}", {**KEYS, "AWS_ENDPOINT_URL_S3": server.endpoint}
    ),
    "spaces around the URI, a prefix of any letters": lambda server, _: Case(
        "  s3://lake/한글 #1 100%/ ", {**KEYS, "AWS_ENDPOINT_URL_S3": server.endpoint}
    ),
    "the region of AWS_REGION": lambda server, _: Case(
        variables={**KEYS, "AWS_ENDPOINT_URL_S3": server.endpoint, "AWS_REGION": "ap-northeast-2"}
    ),
    "a private CA": lambda server, _: Case(
        variables={**KEYS, "AWS_ENDPOINT_URL_S3": server.https, "AWS_CA_BUNDLE": str(server.ca)}
    ),
    "a profile with region, endpoint, CA and keys": lambda server, _: Case(
        variables={"AWS_PROFILE": "mine"},
        config=(
            f"[profile mine]\nregion = ap-northeast-2\nca_bundle = {server.ca}\nservices = here\n"
            f"[services here]\ns3 =\n  endpoint_url = {server.https}\n"
        ),
        credentials=f"[mine]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n",
    ),
    "keys of a program": lambda server, folder: Case(
        config=(
            f"[default]\nregion = ap-northeast-2\nendpoint_url = {server.endpoint}\n"
            f"credential_process = {shlex.quote(sys.executable)} {program(folder)}\n"
        ),
    ),
    "a connection with keys, region and endpoint": lambda server, _: Case(
        connection={
            "conn_type": "aws",
            "login": KEY,
            "password": SECRET,
            "extra": {"region_name": "ap-northeast-2", "endpoint_url": server.endpoint},
        },
    ),
    "a connection with an endpoint for S3 alone and a CA, over other keys": lambda server, _: Case(
        variables={"AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "other", "AWS_SESSION_TOKEN": "other"},
        connection={
            "conn_type": "aws",
            "login": KEY,
            "password": SECRET,
            "extra": {"verify": str(server.ca), "service_config": {"s3": {"endpoint_url": server.https}}},
        },
    ),
}


def program(folder: Path) -> Path:
    """A program that prints credentials, in the form of `credential_process`."""
    path = folder / "credentials.py"
    printed = {"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET}
    path.write_text(f"import json; print(json.dumps({printed!r}))", encoding="utf-8")
    return path


def prepare(case: Case, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process's environment that of a case."""
    isolate(monkeypatch, folder, **case.variables)
    monkeypatch.setenv("GAMELAKE_URI", case.uri.format(name=name.replace(" ", "-").replace(",", "")))
    (folder / "aws-config").write_text(case.config, encoding="utf-8")
    (folder / "aws-credentials").write_text(case.credentials, encoding="utf-8")
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT", raising=False)
    if case.connection is not None:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(case.connection))


def load_build_and_read(lake: Lake, dbt: Dbt) -> None:
    """Commit a lake, build a mart of it, and read that: each as it is done in this environment."""
    store = connected_store()
    commit_lake(store, lake)
    generation = open_generation(store, load_entities(), day=date.fromisoformat(lake.day), run_id="run")
    with connection_exported():
        dbt.environment = {
            "GAMELAKE_DUCKDB": str(dbt.database),
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_") or name == "GAMELAKE_URI"},
        }
    done = dbt("run", "-s", "+mart_top_rated", generation=store.url(generation))
    assert done.success, done.error or done.messages
    assert store.info(f"{generation}/mart_top_rated.parquet").size > 0
    with connect(store) as connection:
        mart = literal(store.url(f"{generation}/mart_top_rated.parquet"))
        assert connection.execute(f"select count(*) from read_parquet({mart})").fetchone() is not None


@pytest.mark.parametrize("name", CASES)
def test_a_way_to_reach_the_store(
    name: str,
    seaweed: Seaweed,
    builder: Dbt,
    small_lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare(CASES[name](seaweed, tmp_path), name, tmp_path, monkeypatch)
    load_build_and_read(small_lake, builder)


def test_a_store_behind_a_proxy(
    seaweed: Seaweed,
    proxy: Proxy,
    builder: Dbt,
    small_lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = {**KEYS, "AWS_ENDPOINT_URL_S3": f"http://{HIDDEN}"}
    prepare(Case(variables=variables), "proxy", tmp_path, monkeypatch)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    load_build_and_read(small_lake, builder)
    assert proxy.agents >= {"boto3", "duckdb"}


@pytest.mark.long
def test_make_run_into_a_bucket_with_dots_ends_well(seaweed: Seaweed, tmp_path: Path) -> None:
    """Two days: the second one tells what changed since the first, for which DuckDB reads both."""
    kept = environment_without("AWS_", "GAMELAKE_", "IGDB_")
    environment = kept | settings_without_this_machine(
        tmp_path,
        **KEYS,
        AWS_ENDPOINT_URL_S3=seaweed.https,
        AWS_CA_BUNDLE=str(seaweed.ca),
        GAMELAKE_LOCAL=str(tmp_path),
        GAMELAKE_URI=" s3://my.lake.example/whole days ",
        GAMELAKE_DUCKDB=str(tmp_path / "scratch" / "gamelake.duckdb"),
        GAMELAKE_SANDBOX_GAMES="40",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    for _ in range(2):
        command = [GAMELAKE, "run"]
        ran = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "\nSince 20" in ran.stdout
    assert "lake   s3://my.lake.example/whole days\n" in ran.stdout
