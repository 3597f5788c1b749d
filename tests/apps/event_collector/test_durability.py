"""Every event that was answered with 200 is in the lake: after kills, with a full disk, without a store."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store
from tests.support.collector import Stream, inbox_events, inbox_ids, running_collector, wait_for_inbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store
    from tests.support.faulty_proxy import FaultyProxy
    from tests.support.seaweed import Seaweed

S3 = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
SMALL_FILES = (
    "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))"
)
"""A disk on which no file grows beyond 16 kB: a write then stores a part of its bytes, and fails."""


def test_the_end_of_the_process_uploads_everything(disk: Store, tmp_path: Path) -> None:
    with running_collector(disk.uri, tmp_path / "spool", "--batch-seconds=60") as collector:
        with Stream(collector.address) as stream:
            stream.wait_for(100)
        assert inbox_ids(disk) == set()
        assert collector.end() == 0
    assert stream.accepted <= inbox_ids(disk)
    assert list((tmp_path / "spool").glob("*/*")) == []


def test_a_kill_loses_nothing_that_was_answered(disk: Store, tmp_path: Path) -> None:
    accepted = kills(disk, tmp_path, disk.uri, rounds=1, seed=1)
    assert accepted <= inbox_ids(disk)


def kills(store: Store, tmp_path: Path, uri: str, *, rounds: int, seed: int, **environment: str) -> set[int]:
    """Kill a collector at random, as often as told, then let the last one upload. Returns: what was accepted."""
    rng = random.Random(seed)  # noqa: S311 - a test has no secrets
    accepted: set[int] = set()
    next_id = 1
    for _ in range(rounds):
        with (
            running_collector(uri, tmp_path / "spool", "--batch-seconds=0.05", **environment) as collector,
            Stream(collector.address, first_id=next_id) as stream,
        ):
            stream.wait_for(50)
            time.sleep(rng.uniform(0, 0.3))
            collector.kill()
        accepted |= stream.accepted
        next_id = stream.next_id
    with running_collector(uri, tmp_path / "spool", **environment):
        wait_for_inbox(store, accepted)
    return accepted


@pytest.mark.e2e
def test_two_collectors_fill_one_inbox(disk: Store, tmp_path: Path) -> None:
    spools = [tmp_path / "one", tmp_path / "two"]
    with (
        running_collector(disk.uri, spools[0], "--batch-seconds=0.02") as one,
        running_collector(disk.uri, spools[1], "--batch-seconds=0.02") as two,
        Stream(one.address, threads=2) as first,
        Stream(two.address, threads=2, first_id=1_000_000) as second,
    ):
        first.wait_for(150)
        second.wait_for(150)
        first.__exit__()
        second.__exit__()
        assert one.end() == two.end() == 0
    events = inbox_events(disk)
    assert {event["id"] for event in events} == first.accepted | second.accepted
    assert len(events) == len(first.accepted) + len(second.accepted), "none is there twice"


def test_the_full_disk_is_passed_by(disk: Store, tmp_path: Path) -> None:
    """What does not fit is put into the lake before it is answered; the files before are whole."""
    with running_collector(disk.uri, tmp_path / "spool", "--batch-seconds=60", before=SMALL_FILES) as collector:
        with Stream(collector.address) as stream:
            stream.wait_for(400)
        assert stream.statuses == {200: len(stream.accepted)}
        assert collector.metric("disk_errors_total") > 0
        assert collector.end() == 0
    assert stream.accepted <= inbox_ids(disk)


@pytest.mark.e2e
def test_a_full_disk_without_a_store_is_an_honest_error(tmp_path: Path) -> None:
    """The lake's own files are too large for this disk, too. What was answered with 200 comes when it has space."""
    lake = open_store((tmp_path / "lake").as_uri())
    with running_collector(lake.uri, tmp_path / "spool", "--batch-seconds=60", before=SMALL_FILES) as collector:
        shutil.rmtree(tmp_path / "lake", ignore_errors=True)
        (tmp_path / "lake").write_text("a file in the place of the lake's folder", encoding="utf-8")
        with Stream(collector.address) as stream:
            deadline = time.monotonic() + 30
            while stream.statuses.get(503, 0) < 20 and time.monotonic() < deadline:
                time.sleep(0.01)
        assert stream.statuses.get(503, 0) >= 20
        assert stream.accepted
        assert collector.request("GET", "/health").status in {200, 503}
        collector.kill()
    (tmp_path / "lake").unlink()
    with running_collector(lake.uri, tmp_path / "spool"):
        wait_for_inbox(lake, stream.accepted)


@pytest.fixture
def behind_proxy(proxy: FaultyProxy, bucket: str, s3: Any) -> tuple[str, dict[str, str], Store]:
    """A lake on S3 behind a proxy: its URI, how the collector reaches it, and the lake without the proxy."""
    uri = f"s3://{bucket}/lake"
    return uri, S3 | {"AWS_ENDPOINT_URL": proxy.endpoint}, open_store(uri, s3=s3)


def test_while_the_store_is_away_events_wait_on_the_disk(
    proxy: FaultyProxy, behind_proxy: tuple[str, dict[str, str], Store], tmp_path: Path
) -> None:
    uri, environment, lake = behind_proxy
    proxy.denied.add("inbox")
    with running_collector(uri, tmp_path / "spool", "--batch-seconds=0.05", **environment) as collector:
        with Stream(collector.address) as stream:
            stream.wait_for(200)
        assert stream.statuses == {200: len(stream.accepted)}
        assert inbox_ids(lake) == set()
        assert collector.metric("spool_bytes") > 0
        collector.kill()
        accepted = stream.accepted
    with running_collector(uri, tmp_path / "spool", "--batch-seconds=0.05", **environment) as collector:
        with Stream(collector.address, first_id=10_000) as stream:
            stream.wait_for(50)
        assert collector.request("GET", "/health").status == 200
        proxy.denied.clear()
        wait_for_inbox(lake, accepted | stream.accepted)
        for _ in range(100):
            if collector.metric("spool_bytes") == 0:
                break
            time.sleep(0.05)
        assert collector.metric("store_works") == 1
        assert collector.metric("spool_bytes") == 0


@pytest.mark.e2e
def test_a_part_whose_reply_was_lost_is_there_once(
    proxy: FaultyProxy, behind_proxy: tuple[str, dict[str, str], Store], tmp_path: Path
) -> None:
    """The put is served, and the collector is killed before it knows: the next one makes no second part of it."""
    uri, environment, lake = behind_proxy
    proxy.plan += [("PUT /inbox/", "lose"), ("PUT /inbox/", "denied")]
    with running_collector(uri, tmp_path / "spool", "--batch-seconds=0.05", **environment) as collector:
        assert collector.send("/igdb/games/update", {"id": 5}).status == 200
        for _ in range(100):
            if not proxy.plan:
                break
            time.sleep(0.05)
        collector.kill()
    assert len(inbox_events(lake)) == 1
    assert [path.suffix for path in (tmp_path / "spool").glob("*/*")] == [".1"]
    with running_collector(uri, tmp_path / "spool", **environment) as collector:
        for _ in range(100):
            if not list((tmp_path / "spool").glob("*/*")):
                break
            time.sleep(0.05)
    assert len(inbox_events(lake)) == 1


@pytest.mark.e2e
def test_twenty_kills_into_seaweed(seaweed_server: Seaweed, tmp_path: Path) -> None:
    client = seaweed_server.client()
    client.create_bucket(Bucket="lake")
    uri = f"s3://lake/{uuid.uuid4().hex}"
    lake = open_store(uri, s3=client)
    accepted = kills(lake, tmp_path, uri, rounds=20, seed=2, **seaweed_environment(seaweed_server))
    assert len(accepted) > 1_000
    assert accepted <= inbox_ids(lake)


@pytest.mark.e2e
def test_a_store_that_fails_one_second_in_three(seaweed_server: Seaweed, tmp_path: Path) -> None:
    from tests.support.faulty_proxy import FaultyProxy

    client = seaweed_server.client()
    client.create_bucket(Bucket="failing")
    lake = open_store("s3://failing/lake", s3=client)
    with served(FaultyProxy(seaweed_server.endpoint)) as proxy:
        environment = seaweed_environment(seaweed_server) | {"AWS_ENDPOINT_URL": proxy.endpoint}
        with running_collector(lake.uri, tmp_path / "spool", "--batch-seconds=0.1", **environment) as collector:
            with Stream(collector.address) as stream:
                for _ in range(6):
                    proxy.denied.add("inbox")
                    time.sleep(0.5)
                    proxy.denied.clear()
                    time.sleep(1)
            assert set(stream.statuses) == {200}
            wait_for_inbox(lake, stream.accepted)


@pytest.mark.e2e
def test_memory_is_bounded_while_nothing_can_be_stored(tmp_path: Path) -> None:
    """No disk, and a store that accepts connections and never answers: what waits is refused, and memory stays."""
    import socket

    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = S3 | {"AWS_ENDPOINT_URL": endpoint}
        with running_collector("s3://lake/lake", tmp_path / "spool", before=SMALL_FILES, **environment) as collector:
            body = b'{"id": 1, "summary": "' + b"x" * 1_000_000 + b'"}'
            statuses: list[int] = []
            threads = [
                threading.Thread(target=lambda: statuses.append(collector.send("/igdb/games/update", body).status))
                for _ in range(300)
            ]
            for each in threads:
                each.start()
            peak = 0.0
            while any(each.is_alive() for each in threads):
                peak = max(peak, resident_mb(collector.pid))
                time.sleep(0.05)
            assert statuses.count(503) == 300
            assert peak < 400, f"{peak:.0f} MB"


@contextmanager
def served(proxy: FaultyProxy) -> Iterator[FaultyProxy]:
    threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()


def seaweed_environment(server: Seaweed) -> dict[str, str]:
    from tests.support.seaweed import KEY
    from tests.support.seaweed import SECRET as KEY_SECRET

    return S3 | {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY_SECRET, "AWS_ENDPOINT_URL": server.endpoint}


def resident_mb(pid: int) -> float:
    statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
