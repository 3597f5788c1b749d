from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from collections import namedtuple
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from gamelake.lake.disk import DiskStore
from gamelake.lake.location import BucketLocation, FolderLocation
from gamelake.lake.store import StoreError
from gamelake.local import checks
from gamelake.local.checks import FolderError, check_folders, check_reach
from tests.support.aws import isolate
from tests.support.command import GAMELAKE, environment_without

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Usage = namedtuple("Usage", "total used free")


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that gives every GET the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GAMELAKE_DUCKDB", str(tmp_path / "scratch" / "gamelake.duckdb"))
    monkeypatch.setattr(checks, "LOCAL", tmp_path)
    return tmp_path / "a lake"


def test_good_folders_are_made_and_left_empty(lake: Path) -> None:
    check_folders(FolderLocation(lake))
    assert list(lake.iterdir()) == []


def test_a_lake_that_cannot_be_written_is_refused(lake: Path) -> None:
    lake.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(FolderError, match=f"GAMELAKE_URI: cannot write in {lake}: .*; name a folder"):
        check_folders(FolderLocation(lake))


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_lake_on_a_disk_without_hard_links_is_refused(
    number: int, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(FolderError, match=f"GAMELAKE_URI: cannot make a hard link in {lake}: .*FAT and exFAT do not"):
        check_folders(FolderLocation(lake))
    assert list(lake.iterdir()) == []
    with pytest.raises(StoreError, match="the file system must have hard links: point GAMELAKE_URI at one that does"):
        DiskStore(lake).put("key", b"x", if_absent=True)


def test_make_up_starts_nothing_with_a_lake_that_cannot_be_written(lake: Path, tmp_path: Path) -> None:
    lake.touch()
    own = {"GAMELAKE_LOCAL": str(tmp_path / "own"), "GAMELAKE_URI": lake.as_uri()}
    ran = subprocess.run(
        [GAMELAKE, "up"], env={**environment_without("AIRFLOW", "GAMELAKE"), **own},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert f"GAMELAKE_URI: cannot write in {lake}" in ran.stdout
    assert not (tmp_path / "own" / "pids").exists()


def test_a_full_disk_is_refused(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 2**20, 2**20))
    with pytest.raises(FolderError, match=f"{lake}: 1 MB are free on its disk, expected 300 MB or more"):
        check_folders(FolderLocation(lake))


@pytest.mark.parametrize("status", [401, 403])
def test_a_cdn_that_serves_no_lake_is_refused_before_the_first_load(
    status: int, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(status, b"<html>Log in") as url:
        monkeypatch.setenv("GAMELAKE_CDN_URL", url)
        with pytest.raises(StoreError, match=f"{url}/marts/_absent': status {status}"):
            check_reach(FolderLocation(lake))


@pytest.mark.parametrize(("status", "body"), [(404, b""), (403, b"<Error><Code>AccessDenied</Code></Error>")])
def test_a_cdn_of_an_empty_lake_is_taken(status: int, body: bytes, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status, body) as url:
        monkeypatch.setenv("GAMELAKE_CDN_URL", url)
        check_reach(FolderLocation(lake))


def test_a_bucket_that_is_missing_is_refused_before_the_first_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(monkeypatch, tmp_path, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1")
    monkeypatch.setenv("GAMELAKE_LOCAL", str(tmp_path))
    monkeypatch.setenv("GAMELAKE_URI", "s3://no-bucket/lake")
    missing = b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"
    with answering(404, missing) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        with pytest.raises(FolderError, match=r"NoSuchBucket .*; create the bucket, or correct GAMELAKE_URI"):
            check_reach(BucketLocation("no-bucket", "lake"))
