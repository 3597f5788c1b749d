"""Stores to test on: a folder, moto's and SeaweedFS' S3 servers, and the endpoint that GAMELAKE_TEST_S3_URI names."""

from __future__ import annotations

import http.client
import os
import socket
import struct
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from gamelake.lake.factory import open_store
from gamelake.lake.files import File, IdRange
from tests.seaweed import running_seaweed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from gamelake.lake.store import Store

S3_URI = os.environ.get("GAMELAKE_TEST_S3_URI")
FLAT_STORES = ["disk", "moto", *(["endpoint"] if S3_URI else [])]
STORES = [*FLAT_STORES, pytest.param("seaweed", marks=pytest.mark.e2e)]


def new_client(endpoint: str) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=32),
    )


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3(moto_endpoint: str) -> S3Client:
    return new_client(moto_endpoint)


@pytest.fixture
def bucket(s3: S3Client) -> str:
    name = f"lake-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def seaweed_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Client]:
    """A client of a SeaweedFS that has the bucket `lake`."""
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        client = server.client()
        client.create_bucket(Bucket="lake")
        yield client


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each kind of store, empty."""
    yield from _opened(request.param, request, tmp_path)


@pytest.fixture(params=FLAT_STORES)
def flat_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each kind of store for which `a/` is only the start of a key.

    SeaweedFS keeps folders: it lists one after the other, `a/b` before `a-b`, and has an answer for a folder. Nothing
    in the product asks for either.
    """
    yield from _opened(request.param, request, tmp_path)


def _opened(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if kind == "disk":
        yield open_store((tmp_path / "a lake").as_uri())
    elif kind == "moto":
        yield open_store(f"s3://{request.getfixturevalue('bucket')}/some/lake", s3=request.getfixturevalue("s3"))
    elif kind == "seaweed":
        yield open_store(f"s3://lake/{uuid.uuid4().hex}", s3=request.getfixturevalue("seaweed_s3"))
    else:
        endpoint = open_store(f"{S3_URI}/{uuid.uuid4().hex}")
        yield endpoint
        for info in list(endpoint.list("")):
            endpoint.delete(info.key)


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    """A store on disk, for what does not depend on the kind."""
    return open_store((tmp_path / "lake").as_uri())


@pytest.fixture
def make_file() -> Callable[..., File]:
    """A manifest entry; what is not given is plausible."""

    def make(
        key: str = "part-00000.jsonl.gz",
        ids: tuple[int, int] | None = (0, 9),
        claims: tuple[tuple[int, int | None], ...] = (),
        partition: str = "2026-11-21",
        entity: str = "games",
        **other: object,
    ) -> File:
        low, high = ids or (None, None)
        fields: dict[str, object] = {
            "key": f"raw/igdb/{entity}/dt={partition}/run/{key}",
            "partition": partition,
            "rows": 0 if ids is None else 1 if ids[0] == ids[1] else 2,
            "bytes": 100,
            "sha256": "ab" * 32,
            "min_id": low,
            "max_id": high,
            "max_updated_at": None,
            "claims": tuple(IdRange(*claim) for claim in claims),
        }
        return File(**fields | other)  # type: ignore[arg-type]

    return make


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on, but for the faults planned, one after another.

    Each names a method, or a method and a part of the path such as `PUT /_manifests/`, and what becomes of the next
    such request. `lose`: it is served, its reply is never sent. `reset`: the connection is reset while its body is
    read. `cut`: half of the reply's body. `corrupt`: its body, one byte changed. Others are error codes of S3
    (`REFUSALS`), which the server behind never sees.
    """

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.upstream = urlsplit(upstream).netloc
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.plan: list[tuple[str, str]] = []
        self.seen: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""


REFUSALS = {
    "slow_down": (503, "SlowDown"),
    "internal": (500, "InternalError"),
    "conflict": (409, "ConditionalRequestConflict"),
    "denied": (403, "AccessDenied"),
    "expired": (400, "ExpiredToken"),
}


class _ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait 40 ms for the first's ACK
    server: FaultyProxy

    def _serve(self) -> None:
        self.server.seen.append(self.command)
        fault = self._fault()
        size = int(self.headers.get("Content-Length") or 0)
        if fault == "reset":
            self.rfile.read(size // 2)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        body = self.rfile.read(size)
        if fault in REFUSALS:
            status, code = REFUSALS[fault]
            self._reply(status, f"<Error><Code>{code}</Code><Message>As was planned.</Message></Error>".encode())
            return
        connection = http.client.HTTPConnection(self.server.upstream)
        connection.request(self.command, self.path, body, dict(self.headers))
        reply = connection.getresponse()
        data = reply.read()
        if fault == "lose":
            self.close_connection = True
            return
        if fault == "corrupt":
            data = bytes([data[0] ^ 1]) + data[1:]
        self._reply(reply.status, data, dict(reply.getheaders()), cut=fault == "cut")

    def _fault(self) -> str | None:
        """The planned fault that this request is to meet."""
        if not self.server.plan:
            return None
        method, _, part = self.server.plan[0][0].partition(" ")
        return self.server.plan.pop(0)[1] if method == self.command and part in self.path else None

    def _reply(self, status: int, data: bytes, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                # a checksum would find a changed byte before we could
                if name.lower().startswith("x-amz-checksum"):
                    continue
                self.send_header(name, value)
        length = (headers or {}).get("Content-Length", str(len(data))) if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":  # its answer has no body: what is sent would be read as the next answer
            self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - names that the standard library asks for

    def log_message(self, *arguments: object) -> None:
        """Nothing to say."""


@pytest.fixture
def proxy(moto_endpoint: str) -> Iterator[FaultyProxy]:
    server = FaultyProxy(moto_endpoint)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def faulty_store(proxy: FaultyProxy, bucket: str) -> Store:
    """An S3 store behind the proxy."""
    return open_store(f"s3://{bucket}/lake", s3=new_client(proxy.endpoint))
