"""A lake behind a CDN: what can be read, and what every kind of wrong answer is called."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from gamelake.cli.main import main
from gamelake.lake import https
from gamelake.lake.factory import open_store
from gamelake.lake.https import HttpsStore, open_cdn, url_path
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Draft, ManifestError, Mode
from gamelake.lake.store import InvalidKeyError, ObjectNotFoundError, ReadableStore, Store, StoreError
from gamelake.lake.table import Table, TableReader, open_table
from tests.support.errors import having
from tests.support.stores import BAD_KEYS
from tests.support.tables import IGDB_GAMES, newest_commit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.support.cdn import CachingCdn


@pytest.fixture
def lake(s3: S3Client, bucket: str) -> Store:
    """The lake itself, where it is written."""
    return open_store(f"s3://{bucket}/some/lake", s3=s3)


@pytest.fixture
def remote(cdn: CachingCdn, monkeypatch: pytest.MonkeyPatch) -> HttpsStore:
    """The same lake behind the CDN; in a hurry."""
    monkeypatch.setattr(https, "RETRIES", https.RETRIES.new(backoff_factor=0, backoff_jitter=0))
    return HttpsStore(f"{cdn.url}/some/lake")


def commit(store: Store, day: str, entity: str = "games") -> None:
    draft = Draft(
        run_id=f"run of {day}", partition=day, mode=Mode.SNAPSHOT, cursor=None, source_count=0, row_count=0, files=()
    )
    Table(store, TableName("igdb", entity)).commit(lambda _: draft)


def test_bytes_come_back_as_they_were(lake: Store, remote: HttpsStore) -> None:
    data = bytes(range(256)) * 9000
    for key in ("raw/igdb/games/dt=2026-11-21/part é~1+2.gz", "raw/empty"):
        lake.put(key, data if "part" in key else b"")
        assert remote.get(key) == lake.get(key)
        with remote.open(key) as stream:
            assert stream.read(3) == lake.get(key)[:3]
            assert stream.read() == lake.get(key)[3:]
        info = remote.info(key)
        assert (info.key, info.size) == (key, lake.info(key).size)
        assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=10)
        assert info.modified.tzinfo is not None


def test_it_reads_and_is_no_whole_store(lake: Store, remote: HttpsStore) -> None:
    readable: ReadableStore = remote
    assert not isinstance(readable, Store)
    assert isinstance(lake, Store)
    assert type(open_table(remote, IGDB_GAMES)) is TableReader
    assert isinstance(open_table(lake, IGDB_GAMES), Table)


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_could_mean_two_things_is_refused(remote: HttpsStore, key: str) -> None:
    for ask in (remote.get, remote.open, remote.info, remote.url):
        with pytest.raises(InvalidKeyError, check=having(key=key)):
            ask(key)


def test_commits_are_read_without_a_list(lake: Store, remote: HttpsStore, cdn: CachingCdn) -> None:
    assert TableReader(remote, IGDB_GAMES).latest() is None
    assert list(TableReader(remote, IGDB_GAMES).history()) == []
    for day in ("2026-11-18", "2026-11-19", "2026-11-21", "2026-11-21"):
        commit(lake, day)
    table = TableReader(remote, IGDB_GAMES)
    assert table.latest() == newest_commit(lake)
    assert table.read(2) == Table(lake, IGDB_GAMES).read(2)
    assert list(table.history()) == list(Table(lake, IGDB_GAMES).history())
    for day, version in (("2026-11-22", 4), ("2026-11-21", 4), ("2026-11-20", 2), ("2026-11-18", 1)):
        found = table.as_of(day)
        assert found is not None
        assert found.version == version
    assert table.as_of("2026-11-17") is None
    with pytest.raises(ObjectNotFoundError) as caught:
        table.read(5)
    assert caught.value.key.endswith("_manifests/00000000000000000005.json")
    assert all(request.startswith("GET /some/lake/raw/igdb/games/_manifest") for request in cdn.requests)


def test_the_newest_commit_is_that_of_the_pointer(lake: Store, remote: HttpsStore) -> None:
    commit(lake, "2026-11-20")
    assert TableReader(remote, IGDB_GAMES).latest() is not None
    commit(lake, "2026-11-21")
    stale = TableReader(remote, IGDB_GAMES).latest()
    assert stale is not None
    assert stale.version == 1  # the CDN was not told: what that takes is in test_cdn.py


ASK = {"get": lambda store, key: store.get(key), "open": lambda store, key: store.open(key).read()}
ASK["info"] = lambda store, key: store.info(key)


@pytest.mark.parametrize("ask", ASK)
def test_404_is_not_found(remote: HttpsStore, ask: str) -> None:
    with pytest.raises(ObjectNotFoundError) as caught:
        ASK[ask](remote, "raw/absent")
    assert caught.value.key.endswith("raw/absent")


@pytest.mark.parametrize("ask", ASK)
def test_403_of_s3_is_absence_only_for_one_who_could_read(
    lake: Store,
    remote: HttpsStore,
    cdn: CachingCdn,
    ask: str,
) -> None:
    cdn.may_list = False
    with pytest.raises(StoreError, match="may not read, and also when there is no such object") as caught:
        ASK[ask](remote, "raw/absent")
    assert not isinstance(caught.value, ObjectNotFoundError)
    lake.put("raw/present", b"x")
    remote.get("raw/present")
    with pytest.raises(ObjectNotFoundError, match="may not list"):
        ASK[ask](remote, "raw/absent")


@pytest.mark.parametrize("ask", ASK)
def test_403_of_a_firewall_is_never_absence(lake: Store, remote: HttpsStore, cdn: CachingCdn, ask: str) -> None:
    lake.put("raw/present", b"x")
    remote.get("raw/present")
    cdn.faults["raw/present"] = "firewall"
    with pytest.raises(StoreError, match="status 403: <html>Request blocked") as caught:
        ASK[ask](remote, "raw/present")
    assert not isinstance(caught.value, ObjectNotFoundError)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("html", "200 with a page of HTML"),
        ("503", "status 503"),
        ("429", "status 429"),
        ("401", "status 401: as planned; the CDN asks for a login"),
        ("302", "status 302"),
        ("cut", "IncompleteRead"),
    ],
)
def test_what_is_no_answer_is_an_error(
    lake: Store,
    remote: HttpsStore,
    cdn: CachingCdn,
    fault: str,
    message: str,
) -> None:
    commit(lake, "2026-11-21")
    cdn.faults["_manifest.json"] = fault
    with pytest.raises(StoreError, match=message) as caught:
        TableReader(remote, IGDB_GAMES).latest()
    assert caught.value.key == f"{cdn.url}/some/lake/raw/igdb/games/_manifest.json"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes
    assert len(cdn.requests) == (5 if fault in {"503", "429", "cut"} else 1)


def test_what_passes_is_asked_for_again(lake: Store, remote: HttpsStore, cdn: CachingCdn) -> None:
    lake.put("raw/key", b"data")

    class Passing(dict[str, str]):
        def items(self) -> Any:
            return [("raw/key", ["503", "cut", ""][min(len(cdn.requests) - 1, 2)])]

    cdn.faults = Passing()
    assert remote.get("raw/key") == b"data"
    assert len(cdn.requests) == 3


def test_a_stream_that_breaks_off_is_an_error(lake: Store, remote: HttpsStore, cdn: CachingCdn) -> None:
    lake.put("raw/part", b"x" * 100_000)
    cdn.faults["raw/part"] = "cut"
    with remote.open("raw/part") as stream, pytest.raises(StoreError, match=r"the body broke off: .*IncompleteRead"):
        stream.read()


def test_another_document_in_a_manifests_place_is_named(lake: Store, remote: HttpsStore) -> None:
    lake.put("raw/igdb/games/_manifest.json", b"<!doctype html>")  # of no type, as some servers send it
    with pytest.raises(ManifestError, match="expected JSON"):
        TableReader(remote, IGDB_GAMES).latest()


@pytest.mark.slow
def test_a_cdn_that_is_down_is_named(remote: HttpsStore, cdn: CachingCdn) -> None:
    cdn.server_close()
    with pytest.raises(StoreError, match=r"refused.*; is GAMELAKE_CDN_URL right, and the CDN up"):
        remote.get("raw/key")


def test_retries_wait_and_times_are_bounded() -> None:
    assert https.RETRIES.total == 4
    assert https.RETRIES.backoff_factor > 0
    assert https.RETRIES.retry_after_max == 60
    assert isinstance(https.TIMEOUT, urllib3.Timeout)
    assert https.TIMEOUT.read_timeout == 60


@pytest.mark.parametrize(
    "url",
    [
        "cdn.example.org/lake",
        "http://cdn.example.org/lake",
        "ftp://cdn.example.org",
        "https://",
        "https:///lake",
        "https://cdn.example.org/lake?token=1",
        "https://cdn.example.org/lake#x",
        "https://cdn.example.org/la*ke",
        "https://cdn.example.org/la ke",
        "https://cdn.example.org:port/lake",
        "s3://bucket/lake",
    ],
)
def test_a_url_of_no_lake_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMELAKE_CDN_URL", url)
    with pytest.raises(StoreError, match=r"expected https://host/prefix.*it comes from GAMELAKE_CDN_URL"):
        open_cdn()


@pytest.mark.parametrize("url", ["https://reader:secret@cdn.example.org/lake", "https://reader:secret@cdn:port/lake"])
def test_a_password_is_not_repeated(url: str) -> None:
    with pytest.raises(StoreError, match="without login") as caught:
        HttpsStore(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/lake", "http://localhost", "http://[::1]:1/x", "https://h/a-b_c"]
)
def test_a_url_of_a_lake_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMELAKE_CDN_URL", f"{url}/")
    found = open_cdn()
    assert found is not None
    assert found.uri == url
    assert found.url("raw/dt=2026-11-21/x") == f"{url}/raw/dt=2026-11-21/x"
    monkeypatch.setenv("GAMELAKE_CDN_URL", "")
    assert open_cdn() is None


def test_paths_are_encoded_as_cloudfront_asks() -> None:
    assert url_path("raw/dt=2026-11-21/a_b-c.json") == "raw/dt=2026-11-21/a_b-c.json"
    assert url_path("é ~[x]?*%") == "%C3%A9%20%7E%5Bx%5D%3F%2A%25"


def test_show_needs_the_cdn_alone(
    lake: Store,
    cdn: CachingCdn,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("GAMELAKE_URI", raising=False)
    monkeypatch.setenv("GAMELAKE_CDN_URL", f"{cdn.url}/some/lake")
    assert main(["lake", "show"]) == 0
    assert capsys.readouterr().out == f"{cdn.url}/some/lake: nothing is committed yet\n"
    for day in ("2026-11-20", "2026-11-21"):
        commit(lake, day)
    assert main(["lake", "show"]) == 0
    uri, _, games = capsys.readouterr().out.splitlines()
    assert uri == f"{cdn.url}/some/lake"
    assert games.split()[:3] == ["igdb.games", "2", "2026-11-21"]
    assert main(["lake", "show", "igdb.games"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    monkeypatch.setenv("GAMELAKE_CDN_URL", "cdn.example.org")
    assert main(["lake", "show"]) == 1
    assert "GAMELAKE_CDN_URL" in capsys.readouterr().err
