"""The ports of `make up`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gamelake.local import environment, ports
from gamelake.local.environment import API_PORT, SANDBOX_PORT, chosen_port
from gamelake.local.ports import NoLoopbackError, PortTakenError, claim, is_free


@pytest.fixture(autouse=True)
def clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A clone that has remembered nothing."""
    monkeypatch.setattr(environment, "LOCAL", tmp_path)
    monkeypatch.setattr(environment, "PORTS", tmp_path / "ports.json")
    for variable in (API_PORT, SANDBOX_PORT, "IGDB_BASE_URL", "IGDB_TOKEN_URL", "IGDB_CLIENT_ID", "RAWG_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A port that another process listens on; the default of the web UI."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setitem(environment.DEFAULT_PORTS, API_PORT, port)
        yield port


def test_a_taken_port_is_not_free(taken: Any) -> None:
    assert not is_free(taken)


def test_a_port_is_free_while_its_last_connection_closes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
    assert is_free(port)


def test_a_taken_default_is_replaced_and_the_clone_remembers_it(taken: Any, capsys: pytest.CaptureFixture[str]) -> None:
    port = claim(API_PORT, "the web UI")
    assert port != taken
    assert is_free(port)
    assert chosen_port(API_PORT) == port
    printed = capsys.readouterr().out
    assert f"Port {taken} is taken: the web UI gets {port}" in printed
    assert API_PORT in printed


def test_a_taken_port_that_was_asked_for_is_refused(taken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_PORT, str(taken))
    with pytest.raises(PortTakenError, match=f"^{API_PORT}: port {taken} for the web UI is taken by another process"):
        claim(API_PORT, "the web UI")


def test_two_parts_get_different_ports(taken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    port = claim(API_PORT, "the web UI")
    monkeypatch.setenv(SANDBOX_PORT, str(port))
    with pytest.raises(PortTakenError, match=f"^{SANDBOX_PORT}: port {port} .* by another service of `make up`"):
        claim(SANDBOX_PORT, "the sandbox", claimed=port)
    monkeypatch.delenv(SANDBOX_PORT)
    environment.remember_port(SANDBOX_PORT, port)
    assert claim(SANDBOX_PORT, "the sandbox", claimed=port) != port


def test_what_was_asked_for_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv(API_PORT, str(port))
    assert claim(API_PORT, "the web UI") == port
    monkeypatch.delenv(API_PORT)
    assert chosen_port(API_PORT) == port


def test_above_many_taken_ports_any_free_one_will_do(taken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    assert claim(API_PORT, "the web UI") > 0


def test_a_machine_without_the_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose loopback has IPv6 alone: no port is taken there, and none is free."""
    monkeypatch.setattr(ports, "HOST", "192.0.2.1")
    with pytest.raises(NoLoopbackError, match=r"^cannot listen on 192\.0\.2\.1: .*; expected a loopback interface"):
        claim(API_PORT, "the web UI")
