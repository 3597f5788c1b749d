"""Snapshots follow the pointer, and are of one generation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from apps.dashboard.data import games, lists, problems, snapshot
from apps.dashboard.data.snapshot import Lake, Snapshot
from gamelake.lake import https
from gamelake.lake.factory import open_store
from gamelake.lake.store import StoreError
from gamelake.marts.lists import RESTRICTED_LISTS
from gamelake.marts.reader import NotPublishedError
from tests.apps.dashboard.conftest import DAYS, NAMES, fill
from tests.support.published_marts import MartsLake, folder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gamelake.lake.store import Store

DAY_OF_LIST = "select max(day) as day from {mart_most_played}"


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "POINTER_SECONDS", 0.0)


def test_a_snapshot_stays_while_a_new_generation_is_published(marts: MartsLake) -> None:
    lake = Lake(marts.store)
    before = lake.current()
    assert lake.current() is before
    fill(marts, "2026-11-23")
    marts.publish("2026-11-23")
    after = lake.current()
    assert (str(before.day), str(after.day)) == (DAYS[-1], "2026-11-23")
    assert [str(each.rows(DAY_OF_LIST)[0]["day"]) for each in (before, after)] == [DAYS[-1], "2026-11-23"]


def test_many_viewers_share_a_snapshot(snapshot: Snapshot) -> None:
    with ThreadPoolExecutor(8) as pool:
        query = "select display_name from {dim_games} where game_id = ?"
        found = list(pool.map(lambda n: snapshot.rows(query, n)[0]["display_name"], list(NAMES) * 20))
    assert found == list(NAMES.values()) * 20


def test_an_answer_is_kept_for_its_parameters_only(snapshot: Snapshot) -> None:
    query = "select count(*) as n from {dim_games} where game_id <= ?"
    assert [snapshot.rows(query, most)[0]["n"] for most in (1, 2, 1)] == [1, 2, 1]
    assert snapshot.rows(query, 1) is snapshot.rows(query, 1)


def test_what_could_be_read_is_shown_while_the_lake_is_away(marts: MartsLake) -> None:
    lake = Lake(marts.store)
    before = lake.current()
    pointer = folder_of(marts.store) / "marts" / "_current.json"
    whole = pointer.read_bytes()
    pointer.write_bytes(b"not JSON")
    assert lake.current() is before
    assert lake.problem is not None
    pointer.unlink()
    assert lake.current() is before
    assert "marts/_current.json is missing" in str(lake.problem)
    pointer.write_bytes(whole)
    assert lake.current() is before
    assert lake.problem is None


def test_a_deleted_file_is_an_error_of_the_store(marts: MartsLake) -> None:
    opened = Lake(marts.store).current()
    for file in folder_of(marts.store).rglob("mart_top_hyped.parquet"):
        file.unlink()
    with pytest.raises(StoreError) as error:
        opened.rows("from {mart_top_hyped}")
    assert problems.kind_of(error.value) == problems.OTHER


def test_a_lake_on_s3(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("moto", reason="moto is in .venv only: make test")
    endpoint, bucket = request.getfixturevalue("moto_endpoint"), request.getfixturevalue("bucket")
    settings = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for name, value in {**settings, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    copy = open_store(f"s3://{bucket}/lake")
    for info in three_days.store.list("marts/"):
        copy.put(info.key, three_days.store.get(info.key))
    opened, known = snapshot.lake_at(copy.uri).current(), Lake(three_days.store).current()
    query = "select game_id, day, playing_users from {fct_game_popularity_daily} order by all"
    assert opened.rows(query) == known.rows(query)
    assert opened.rows("from {mart_most_played}") == known.rows("from {mart_most_played}")


@pytest.fixture
def with_a_limited_key(
    three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[..., Lake]:
    """Opens the same lake on S3 with a key that is refused keys with a part."""
    pytest.importorskip("moto", reason="moto is in .venv only: make test")
    proxy, bucket, s3 = (request.getfixturevalue(name) for name in ("proxy", "bucket", "s3"))
    copy = open_store(f"s3://{bucket}/lake", s3=s3)
    for info in three_days.store.list("marts/"):
        copy.put(info.key, three_days.store.get(info.key))
    settings = {"AWS_ENDPOINT_URL": proxy.endpoint, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for name, value in {**settings, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)

    def opened(*refused: str) -> Lake:
        proxy.denied.update(refused)
        return Lake(open_store(copy.uri))

    return opened


def test_a_key_without_the_restricted_marts_sees_the_others(with_a_limited_key: Callable[..., Lake]) -> None:
    """As docs/guides/deploy/streamlit-cloud.md has it. The page of a game stated that the lake may not be read."""
    limited = with_a_limited_key("/restricted/").current()
    assert games.market(limited, 1) is None
    assert games.facts(limited, 1)
    assert not [each for each in lists.available(limited) if each in {chosen.key for chosen in RESTRICTED_LISTS}]


def test_a_damaged_restricted_mart_is_no_reason_to_show_nothing(three_days: MartsLake, tmp_path: Path) -> None:
    copy = open_store((tmp_path / "copy").as_uri())
    for info in three_days.store.list("marts/"):
        copy.put(info.key, b"damaged" * 10 if "/restricted/" in info.key else three_days.store.get(info.key))
    assert Lake(copy).current().rows("select count(*) as games from {dim_games}")


# What keeps a lake from being read


class Refusing(BaseHTTPRequestHandler):
    """Answers 403 to everything."""

    def do_GET(self) -> None:
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def refusing() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/lake"
    server.shutdown()
    server.server_close()


def test_nothing_is_published(disk: Store) -> None:
    with pytest.raises(NotPublishedError) as error:
        Lake(disk).current()
    assert problems.kind_of(error.value) == problems.NO_LAKE


def test_reading_is_refused(refusing: str) -> None:
    with pytest.raises(StoreError) as error:
        snapshot.lake_at(refusing).current()
    assert problems.kind_of(error.value) == problems.NO_PERMISSION


def test_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "RETRIES", https.RETRIES.new(total=0))
    with pytest.raises(StoreError) as error:
        snapshot.lake_at("http://127.0.0.1:9/lake").current()
    assert problems.kind_of(error.value) == problems.NO_NETWORK


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (PermissionError(13, "Permission denied"), problems.NO_PERMISSION),
        (ConnectionResetError(), problems.NO_NETWORK),
        (TimeoutError(), problems.NO_NETWORK),
        (ValueError("no JSON"), problems.OTHER),
    ],
)
def test_the_cause_of_an_error_tells_its_kind(cause: Exception, kind: str) -> None:
    error = StoreError("get", "marts/_current.json", str(cause))
    error.__cause__ = cause
    assert problems.kind_of(error) == kind
