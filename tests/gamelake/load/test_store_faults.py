"""Everything that can go wrong at the store, through a whole load: its S3 is behind a proxy that spoils requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.keys import TableName
from gamelake.lake.store import StoreError
from gamelake.lake.table import Table
from gamelake.lake.uploads import DamagedPartError
from gamelake.load.errors import HeldError
from tests.support.loads import (
    Loads,
    check_whole,
    load_once,
    new_client,
    small_sandbox,
    token_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

    from gamelake.lake.store import Store
    from sandbox.igdb import Sandbox

# A full load over a table of the same rows sends each of these, for the first time in this order; `?` begins what boto3
# adds to a tagging request.
REQUESTS = {
    "the newest commit": "GET /_manifest.json",
    "a list": "GET list-type",
    "a part": "PUT /part-",
    "a part that is verified": "GET /part-",
    "a tag": "PUT ?tagging",
    "the commit": "PUT /_manifests/",
    "the pointer": "PUT /_manifest.json",
}
WRITES = {name: request for name, request in REQUESTS.items() if request.startswith("PUT")}
PASSING = {"slow_down": REQUESTS, "reset": REQUESTS, "internal": WRITES, "lose": WRITES}
ATTEMPTS = 6
"""How often the stores of these tests ask: once, and five times again."""


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, str]]:
    with small_sandbox(games=700) as served:
        yield served


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 waits up to 20 s between two tries, and has no setting for it."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.01)


@pytest.fixture(scope="module")
def before(s3: S3Client, served: tuple[Sandbox, str]) -> str:
    """A bucket whose lake has a table of one commit."""
    s3.create_bucket(Bucket="before-faults")
    load_once(new_client(served[1], token_of(served[0])), open_store("s3://before-faults/lake", s3=s3), run_id="before")
    return "before-faults"


@pytest.fixture
def store(faulty_store: Store, before: str, bucket: str, s3: S3Client) -> Store:
    """An S3 store with a copy of that table."""
    for found in s3.list_objects_v2(Bucket=before)["Contents"]:
        s3.copy_object(Bucket=bucket, Key=found["Key"], CopySource={"Bucket": before, "Key": found["Key"]})
    return faulty_store


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_costs_nothing(fault: str, proxy: Any, loads: Loads) -> None:
    proxy.plan = [(request, fault) for request in PASSING[fault].values() for _ in range(2)]
    loads.load(full_refresh=True)
    assert proxy.plan == [], "all have hit, each request twice"
    assert check_whole(loads.store) == 2, "one commit, and no other"
    assert loads.table_rows() == loads.source_rows()
    manifest = loads.newest()
    assert {loads.store.tags(file.key)["status"] for file in manifest.files} == {"final"}


@pytest.mark.parametrize(
    ("fault", "attempts", "message"),
    [
        ("slow_down", ATTEMPTS, "SlowDown .status 503.*the store asks for fewer requests; run again later"),
        ("internal", ATTEMPTS, "InternalError .status 500"),
        ("reset", ATTEMPTS, "PutObject .*Connection"),
        ("denied", 1, "AccessDenied .status 403.*the credentials need s3:PutObject and s3:PutObjectTagging"),
    ],
)
@pytest.mark.parametrize("request_of", ["a part", "the commit"])
def test_a_fault_that_stays_fails_the_load_and_commits_nothing(
    request_of: str, fault: str, attempts: int, message: str, proxy: Any, loads: Loads
) -> None:
    proxy.plan = [(WRITES[request_of], fault)] * 1000
    with pytest.raises(StoreError, match=message) as caught:
        loads.load(full_refresh=True)
    assert 1000 - len(proxy.plan) == attempts
    assert caught.value.key.startswith("raw/igdb/games/")
    proxy.plan = []
    assert check_whole(loads.store) == 1, "as it was before"
    loads.load(full_refresh=True)
    assert loads.table_rows() == loads.source_rows()


def test_a_note_that_cannot_be_deleted_does_not_fail_a_load_that_is_committed(proxy: Any, loads: Loads) -> None:
    """The role of loads lacks s3:DeleteObject. The next load of the same run does not use the note."""
    proxy.plan = [("DELETE /_progress", "denied")]
    report = loads.load(run_id="night", full_refresh=True)
    assert proxy.plan == [], "it has hit"
    assert report.version == check_whole(loads.store) == 2
    loads.sandbox.upsert("games", [{"id": min(loads.source_rows()), "name": "Changed since"}])
    loads.load(run_id="night", full_refresh=True)
    assert loads.table_rows() == loads.source_rows()


@pytest.mark.parametrize("denied", [["DELETE"], ["DELETE", "PUT"]])
def test_a_held_load_whose_note_stays_is_told_as_held(denied: list[str], proxy: Any, loads: Loads) -> None:
    """The next try of the run reads what the source has then, if the credentials may write at least."""
    rows = loads.source_rows()
    lost = sorted(rows)[-60:]
    loads.sandbox.delete("games", lost)
    proxy.plan = [(f"{method} /_progress", "denied") for method in denied]
    with pytest.raises(HeldError):
        loads.load(run_id="night", full_refresh=True)
    assert proxy.plan == [], "all have hit"
    loads.sandbox.upsert("games", [rows[row_id] for row_id in lost])
    if denied == ["DELETE"]:
        report = loads.load(run_id="night", full_refresh=True)
        assert (report.version, report.resumed_rows) == (2, 0)
        assert loads.table_rows() == loads.source_rows()


def test_a_part_that_the_store_has_damaged(proxy: Any, loads: Loads) -> None:
    proxy.plan = [("GET /part-", "corrupt")]
    with pytest.raises(DamagedPartError):
        loads.load(full_refresh=True)
    assert check_whole(loads.store) == 1
    loads.load(full_refresh=True)
    assert check_whole(loads.store) == 2
    assert loads.table_rows() == loads.source_rows()


@pytest.mark.parametrize("full_refresh", [True, False], ids=["full", "incremental"])
def test_a_commit_that_loses_the_race_is_made_on_top_of_the_winners(
    full_refresh: bool, monkeypatch: pytest.MonkeyPatch, loads: Loads
) -> None:
    ids = sorted(loads.source_rows())
    loads.sandbox.upsert("games", [{"id": ids[1], "name": "Before both"}])
    put = loads.store.put

    def outrun(key: str, *given: Any, **options: Any) -> None:
        if "/_manifests/" in key:
            monkeypatch.setattr(loads.store, "put", put)
            loads.sandbox.upsert("games", [{"id": ids[2], "name": "Between the two"}])
            assert loads.load(run_id="winner").version == 2
        put(key, *given, **options)

    monkeypatch.setattr(loads.store, "put", outrun)
    report = loads.load(run_id="loser", full_refresh=full_refresh)
    assert report.version == check_whole(loads.store) == 3
    assert [commit.run_id for commit in Table(loads.store, TableName("igdb", "games")).history()] == [
        "loser",
        "winner",
        "before",
    ]
    night = loads.load(run_id="night")
    assert loads.table_rows() == loads.source_rows(), "the next changes have what a slow full read put back"
    assert night.row_count == night.source_count == len(ids)
