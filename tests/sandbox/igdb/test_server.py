from __future__ import annotations

import threading
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gamelake.days import day_of
from sandbox.igdb import Sandbox, SandboxError, World


def test_it_serves_from_a_thread_and_ends_with_the_block(world: World) -> None:
    sandbox = Sandbox(world)
    threads = threading.active_count()
    with sandbox.running() as url, urllib.request.urlopen(f"{url}/sandbox/state") as reply:  # noqa: S310 - loopback
        assert reply.status == 200
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{url}/sandbox/state")  # noqa: S310 - loopback
    with sandbox.running():
        pass
    assert "sandbox" not in {thread.name for thread in threading.enumerate()}
    assert threading.active_count() <= threads + 1  # the idle worker


def test_a_taken_port_is_an_error_at_once(world: World) -> None:
    with Sandbox(world).running() as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(SandboxError, match=f"cannot serve on 127.0.0.1:{port}"), Sandbox(world).running(port=port):
            pass


@pytest.mark.parametrize(
    ("host", "hint"), [("192.0.2.1", "this machine has no such address"), ("nothing.invalid", "choose another host")]
)
def test_a_host_that_is_not_this_machine_is_named_as_such(world: World, host: str, hint: str) -> None:
    with pytest.raises(SandboxError, match=rf"cannot serve on {host}:0: .*; {hint}"), Sandbox(world).running(host=host):
        pass


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
def test_an_address_of_ipv6_is_a_url(world: World) -> None:
    with Sandbox(world).running(host="::1") as url, urllib.request.urlopen(f"{url}/sandbox/state") as reply:  # noqa: S310 - loopback
        assert reply.status == 200


def test_rows_change_from_any_thread_while_it_runs(world: World) -> None:
    sandbox = Sandbox(world)
    with sandbox.running():
        writers = [
            threading.Thread(target=sandbox.upsert, args=("games", [{"id": 10_000 + number, "name": "New"}]))
            for number in range(20)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert sandbox.delete("games", [10_000]) == 1
        ids = [row["id"] for row in sandbox.rows("games")]
        assert ids[-19:] == list(range(10_001, 10_020))
        sandbox.advance(sandbox.today + timedelta(days=1))
        assert day_of(sandbox.clock()) == sandbox.today


def test_it_follows_the_calendar_if_told_to() -> None:
    real = day_of(datetime.now(UTC))
    past = real - timedelta(days=3)
    assert Sandbox(World.generate(games=20, first_day=past, today=past)).today == past
    following = Sandbox(World.generate(games=20, first_day=past, today=past), follow_calendar=True)
    assert following.today >= real
    ahead = real + timedelta(days=5)
    following.advance(ahead)
    assert following.today == ahead
