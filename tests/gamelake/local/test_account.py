from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

import pytest

from gamelake.local import account
from sandbox.igdb import Sandbox, World
from sandbox.igdb.faults import Fault

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("IGDB_BASE_URL", True),
        ("IGDB_TOKEN_URL", True),  # alone it is refused, not ignored
        ("IGDB_CLIENT_ID", True),
        ("AIRFLOW_CONN_IGDB_DEFAULT", True),
        ("OTHER", False),
    ],
)
def test_a_sandbox_is_started_unless_the_user_names_an_api(
    monkeypatch: pytest.MonkeyPatch, variable: str, expected: bool
) -> None:
    names = ("IGDB_BASE_URL", "IGDB_TOKEN_URL", "IGDB_CLIENT_ID", "IGDB_CLIENT_SECRET")
    for name in (*names, account.CONNECTION_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "http://elsewhere/v4")
    assert account.is_set() is expected


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("RAWG_API_KEY", True), ("RAWG_BASE_URL", True), (account.RAWG_VARIABLE, True), ("OTHER", False)],
)
def test_the_sandbox_answers_for_rawg_unless_the_user_names_an_api(
    monkeypatch: pytest.MonkeyPatch, variable: str, expected: bool
) -> None:
    for name in ("RAWG_API_KEY", "RAWG_BASE_URL", account.RAWG_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "https://elsewhere.example/api")
    assert account.is_set("rawg_default") is expected


@pytest.fixture
def own_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An account of IGDB in the laptop's database, and nothing in the environment."""
    for name in [name for name in os.environ if name.startswith(("IGDB_", "RAWG_", "AIRFLOW_CONN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GAMELAKE_LOCAL", str(tmp_path))
    (tmp_path / "airflow").mkdir()
    with closing(sqlite3.connect(tmp_path / "airflow" / "airflow.db")) as database, database:
        database.execute("create table connection (conn_id text, host text, login text)")
        database.execute("insert into connection values ('igdb_default', 'https://api.igdb.com/v4', 'mine')")
        database.execute("insert into connection values ('rawg_default', 'http://127.0.0.1:8900/api', null)")


@pytest.mark.usefixtures("own_connection")
def test_a_stored_connection_of_the_user_is_used_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox answered in its place, without a line, and its connection was written over it."""
    assert (account.is_given(), account.is_set()) == (True, False)
    assert not account.is_given("rawg_default")
    (line,) = account.told()
    assert line.startswith(
        "connection igdb_default: kept, it is your own (host https://api.igdb.com/v4). For the sandbox"
    )
    assert "`.venv/bin/airflow connections delete igdb_default`" in line
    monkeypatch.setenv("IGDB_CLIENT_ID", "another")
    assert account.told() == []


@pytest.mark.usefixtures("own_connection")
def test_recorded_rows_beside_an_account_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those of the account were loaded, without a word."""
    account.check_recorded()
    monkeypatch.setenv("IGDB_RECORDED", str(tmp_path))
    with pytest.raises(
        account.AccountError,
        match=r"^IGDB_RECORDED: found .* For the sandbox delete it ",
    ):
        account.check_recorded()
    monkeypatch.setenv("IGDB_CLIENT_ID", "another")
    with pytest.raises(account.AccountError, match="For the sandbox unset the variables of the account"):
        account.check_recorded()


def test_a_question_makes_no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAMELAKE_LOCAL", str(tmp_path))
    (tmp_path / "airflow").mkdir()
    account.is_given()
    assert not list((tmp_path / "airflow").iterdir())


def test_a_key_becomes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set first, so that the end of the test removes what `export` sets.
    monkeypatch.setenv(account.RAWG_VARIABLE, "")
    monkeypatch.delenv(account.RAWG_VARIABLE)
    monkeypatch.setenv("RAWG_API_KEY", "my-own-key")
    account.export("rawg_default")
    connection = json.loads(os.environ[account.RAWG_VARIABLE])
    assert (connection["host"], connection["password"]) == ("https://api.rawg.io/api", "my-own-key")


def test_an_answer_of_something_else_than_the_api_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Such as the page of a hotel's network: the hint is to look at the reply."""
    day = date(2026, 11, 20)
    world = World.generate(seed=5, games=10, first_day=day, today=day, popularity_per_game=1)
    sandbox = Sandbox(world, latency=0.0)
    sandbox.faults.add(Fault("html", times=None))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with sandbox.running() as url:
        fields = {"host": f"{url}/v4", "login": "sandbox", "password": "sandbox-secret"}
        connection = {"conn_type": "igdb", **fields, "extra": {"token_url": f"{url}/oauth2/token"}}
        monkeypatch.setenv(account.CONNECTION_VARIABLE, json.dumps(connection))
        with pytest.raises(account.AccountError) as caught:
            account.check()
    assert "reply: <" in str(caught.value)


def test_a_secrets_backend_never_replaces_the_sandbox_unseen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Airflow asks it first: rows of IGDB were loaded as the sandbox's, under its days."""
    ours = {"conn_type": "igdb", "host": "http://127.0.0.1:8900/v4", "login": "sandbox"}
    secrets = tmp_path / "connections.json"
    secrets.write_text("{}", encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "airflow.secrets.local_filesystem.LocalFilesystemBackend")
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps({"connections_file_path": str(secrets)}))
    monkeypatch.setenv(account.CONNECTION_VARIABLE, "")  # set first, so that the end of the test removes what is set
    account.use("igdb_default", json.dumps(ours))
    assert account.in_place_of_sandbox() is None
    assert json.loads(os.environ[account.CONNECTION_VARIABLE]) == ours
    other = {**ours, "host": "https://api.igdb.com/v4", "login": "own", "password": "own-secret"}
    secrets.write_text(json.dumps({"igdb_default": other}), encoding="utf-8")
    with pytest.raises(account.AccountError, match=r"AIRFLOW__SECRETS__BACKEND: .*https://api\.igdb\.com/v4") as caught:
        account.use("igdb_default", json.dumps(ours))
    told = account.in_place_of_sandbox()  # for `make up`, which does not choose the connection
    assert told
    assert "https://api.igdb.com/v4" in told
    assert "own-secret" not in str(caught.value) + told
