"""Invalidation: a CDN that keeps its copies until CloudFront's API names them shows what was published, and at once."""

from __future__ import annotations

import hashlib
import json
import pickle
from datetime import date
from typing import TYPE_CHECKING, Any

import boto3
import duckdb
import pytest
from botocore.config import Config

import gamelake.lake.cloudfront
from gamelake.airflow.stores import invalidate_changed
from gamelake.cli.main import main
from gamelake.lake.cloudfront import InvalidationError, PendingInvalidationError, invalidate, paths_of
from gamelake.lake.factory import open_store
from gamelake.lake.https import HttpsStore
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.store import Store
from gamelake.lake.table import Table, TableReader
from gamelake.marts.documents import POINTER, Generation
from gamelake.marts.generation import changed_keys, open_generation, publish
from gamelake.registry import load_sources
from tests.support.errors import having
from tests.support.faulty_proxy import FaultyProxy
from tests.support.tables import IGDB_GAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from tests.support.cdn import CachingCdn

REGISTRY = load_sources()["igdb"].entities


@pytest.fixture
def lake(s3: S3Client, bucket: str) -> Store:
    return open_store(f"s3://{bucket}/some/lake", s3=s3)


@pytest.fixture
def airflow(
    lake: Store, cdn: CachingCdn, moto_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, Any]], None]:
    """Sets the environment of a task, with this extra of `aws_default`."""
    values = {
        "GAMELAKE_URI": lake.uri,
        "AWS_ENDPOINT_URL": moto_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GAMELAKE_CDN_URL", raising=False)

    def connect(extra: dict[str, Any]) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))

    return connect


def commit(store: Store, day: str) -> None:
    draft = Draft(
        run_id=f"run of {day}", partition=day, mode=Mode.SNAPSHOT, cursor=None, source_count=0, row_count=0, files=()
    )
    Table(store, IGDB_GAMES).commit(lambda _: draft)


def newest_day(cdn: CachingCdn) -> str | None:
    """What somebody reads who has nothing but the CDN."""
    newest = TableReader(HttpsStore(f"{cdn.url}/some/lake"), IGDB_GAMES).latest()
    return newest.partition if newest else None


def test_a_commit_is_seen_only_once_its_pointer_is_invalidated(
    airflow: Callable[[dict[str, Any]], None], lake: Store, cdn: CachingCdn
) -> None:
    airflow({"cloudfront_distribution_id": cdn.distribution})
    commit(lake, "2026-11-20")
    assert newest_day(cdn) == "2026-11-20"
    commit(lake, "2026-11-21")
    assert newest_day(cdn) == "2026-11-20"
    invalidate_changed([IGDB_GAMES.pointer_key], change="games version 2")
    assert newest_day(cdn) == "2026-11-21"
    assert cdn.invalidated() == [["/some/lake/raw/igdb/games/_manifest.json"]]


def publish_day(lake: Store, day: date, rows: int, tmp_path: Path) -> Generation:
    """Publish one mart. Returns: the generation."""
    generation = open_generation(lake, [REGISTRY["games"]], day=day, run_id="run")
    file = tmp_path / "dim_games.parquet"
    duckdb.sql(f"copy (select * from range({rows})) to '{file}' (format parquet)")
    lake.put_file(f"{generation}/dim_games.parquet", file)
    return publish(lake, generation, {"dim_games": "marts/dim_games.parquet"}).generation


def test_a_publication_is_seen_only_once_it_is_invalidated(
    airflow: Callable[[dict[str, Any]], None], lake: Store, cdn: CachingCdn, tmp_path: Path
) -> None:
    airflow({"cloudfront_distribution_id": cdn.distribution})
    remote = HttpsStore(f"{cdn.url}/some/lake")

    def shown() -> tuple[str, bool]:
        """The day that the pointer shows, and whether the fixed path is of the same publication."""
        document = json.loads(remote.get(POINTER))
        (mart,) = document["marts"]
        return document["day"], hashlib.sha256(remote.get(mart["copy"])).hexdigest() == mart["sha256"]

    commit(lake, "2026-11-20")
    first = publish_day(lake, date(2026, 11, 20), 1, tmp_path)
    assert shown() == ("2026-11-20", True)
    commit(lake, "2026-11-21")
    second = publish_day(lake, date(2026, 11, 21), 2, tmp_path)
    assert shown() == ("2026-11-20", True)
    assert changed_keys(second) == [POINTER, "marts/dim_games.parquet"]
    invalidate_changed(changed_keys(second), change=second.generation)
    assert shown() == ("2026-11-21", True)
    assert cdn.invalidated() == [["/some/lake/marts/_current.json", "/some/lake/marts/dim_games.parquet"]]
    assert remote.get(first.marts[0].key) != remote.get(second.marts[0].key)


@pytest.mark.slow
def test_a_rollback_ends_when_the_cdn_shows_it(
    airflow: Callable[[dict[str, Any]], None],
    lake: Store,
    cdn: CachingCdn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    airflow({"cloudfront_distribution_id": cdn.distribution})
    remote = HttpsStore(f"{cdn.url}/some/lake")
    for day in (20, 21):
        commit(lake, f"2026-11-{day}")
        publish_day(lake, date(2026, 11, day), day, tmp_path)
    assert json.loads(remote.get(POINTER))["day"] == "2026-11-21"
    assert main(["marts", "rollback"]) == 0, capsys.readouterr().err
    shown = json.loads(remote.get(POINTER))
    assert shown["day"] == "2026-11-20"
    assert hashlib.sha256(remote.get("marts/dim_games.parquet")).hexdigest() == shown["marts"][0]["sha256"]
    assert main(["marts", "rollback"]) == 0
    assert json.loads(remote.get(POINTER)) == shown
    airflow({"cloudfront_distribution_id": "ENOTHERE"})
    assert main(["marts", "rollforward"]) == 1
    assert "The pointer has moved, but the CDN was not told: " in capsys.readouterr().err


def test_only_what_changed_is_forgotten(
    airflow: Callable[[dict[str, Any]], None], lake: Store, cdn: CachingCdn
) -> None:
    airflow({"cloudfront_distribution_id": cdn.distribution})
    remote = HttpsStore(f"{cdn.url}/some/lake")
    keys = [POINTER, "marts/dim_games.parquet", "marts/dim_companies.parquet", "raw/igdb/games/_manifest.json"]
    for key in keys:
        lake.put(key, b"old")
        remote.get(key)
        lake.put(key, b"new")
    invalidate_changed(keys[:2], change="a publication")
    assert {key: remote.get(key) for key in keys} == dict(zip(keys, [b"new", b"new", b"old", b"old"], strict=True))


def test_keys_of_unusual_names_are_forgotten_too(
    airflow: Callable[[dict[str, Any]], None], lake: Store, cdn: CachingCdn
) -> None:
    airflow({"cloudfront_distribution_id": cdn.distribution})
    remote, key = HttpsStore(f"{cdn.url}/some/lake"), "marts/é ~ [x] day=2026-11-21.json"
    lake.put(key, b"old")
    assert remote.get(key) == b"old"
    lake.put(key, b"new")
    invalidate_changed([key], change="a change")
    assert remote.get(key) == b"new"


def test_nothing_happens_without_a_distribution(
    airflow: Callable[[dict[str, Any]], None], cdn: CachingCdn, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow({"region_name": "us-east-1"})
    monkeypatch.setattr(gamelake.lake.cloudfront, "invalidate", None)
    invalidate_changed([POINTER], change="a change")
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")  # S3Hook does without the connection, too
    invalidate_changed([POINTER], change="a change")
    airflow({"cloudfront_distribution_id": cdn.distribution})
    invalidate_changed([], change="a rebuilt past day: nothing was overwritten")
    monkeypatch.setenv("GAMELAKE_URI", "file:///lake")
    invalidate_changed([POINTER], change="a change")
    assert cdn.invalidated() == []


@pytest.mark.parametrize(
    ("lake_uri", "cdn_url", "path"),
    [
        ("s3://bucket/some/lake", None, "/some/lake/a/b=1"),
        ("s3://bucket", None, "/a/b=1"),
        ("s3://bucket/some/lake", "https://cdn.example.org/lake/", "/lake/a/b=1"),
        ("s3://bucket/some/lake", "https://cdn.example.org", "/a/b=1"),  # the distribution has an origin path
        ("s3://bucket/l%C3%A4ke", None, "/l%C3%A4ke/a/b=1"),
    ],
)
def test_paths_are_those_that_the_distribution_serves(lake_uri: str, cdn_url: str | None, path: str) -> None:
    assert paths_of(["a/b=1", "a/b=1"], lake_uri=lake_uri, cdn_url=cdn_url) == (path,)


def references(cdn: CachingCdn) -> list[str]:
    listed = cdn.cloudfront.list_invalidations(DistributionId=cdn.distribution)["InvalidationList"].get("Items", [])
    batches = [cdn.cloudfront.get_invalidation(DistributionId=cdn.distribution, Id=each["Id"]) for each in listed]
    return [batch["Invalidation"]["InvalidationBatch"]["CallerReference"] for batch in batches]


def test_the_same_change_has_the_same_reference(cdn: CachingCdn) -> None:
    for change, paths in (("one", ("/a",)), ("one", ("/a",)), ("two", ("/a",)), ("one", ("/b",))):
        invalidate(cdn.cloudfront, cdn.distribution, paths, change=change)
    first, again, other_change, other_paths = references(cdn)
    assert first == again  # by which CloudFront, but not moto, tells that it has done this already
    assert len({first, other_change, other_paths}) == 3


def test_an_unknown_distribution_is_named(airflow: Callable[[dict[str, Any]], None]) -> None:
    airflow({"cloudfront_distribution_id": "ENOTHERE"})
    unknown = having(distribution="ENOTHERE", paths=("/some/lake/marts/_current.json",))
    with pytest.raises(InvalidationError, check=unknown):
        invalidate_changed([POINTER], change="a change")


def behind(proxy: FaultyProxy) -> Any:
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    config = Config(retries={"mode": "standard", "max_attempts": 2})
    return boto3.client("cloudfront", endpoint_url=proxy.endpoint, config=config, **keys)


@pytest.mark.parametrize("request_", ["POST /invalidation", "GET /invalidation/"])
def test_missing_rights_are_named(cdn: CachingCdn, proxy: FaultyProxy, request_: str) -> None:
    proxy.plan = [(request_, "denied")]
    with pytest.raises(
        InvalidationError, match=r"AccessDenied.*the credentials need cloudfront:CreateInvalidation"
    ) as at:
        invalidate(behind(proxy), cdn.distribution, ("/a",), change="a change")
    assert str(pickle.loads(pickle.dumps(at.value))) == str(at.value)  # noqa: S301 - our own bytes


def test_a_lost_reply_is_asked_for_again_by_the_same_reference(cdn: CachingCdn, proxy: FaultyProxy) -> None:
    proxy.plan = [("POST /invalidation", "lose")]
    invalidate(behind(proxy), cdn.distribution, ("/a",), change="a change")
    first, second = references(cdn)
    assert first == second


def test_an_api_that_is_down_is_named(cdn: CachingCdn, proxy: FaultyProxy) -> None:
    proxy.server_close()
    with pytest.raises(InvalidationError, match="EndpointConnectionError"):
        invalidate(behind(proxy), cdn.distribution, ("/a",), change="a change")


def test_waiting_ends(cdn: CachingCdn, status: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gamelake.lake.cloudfront, "POLL_SECONDS", 0.05)
    status[:] = ["InProgress"]
    with pytest.raises(PendingInvalidationError, check=having(paths=("/a",))):
        invalidate(cdn.cloudfront, cdn.distribution, ("/a",), change="a change", wait_seconds=0.2)
