"""The settings file, its reader, and the rule that it defines what the code uses and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gamelake.airflow.settings_file import (
    SettingsFileError,
    connections,
    is_own,
    load_settings,
)
from gamelake.airflow.stores import CONNECTION
from gamelake.kinds import SourceKind
from gamelake.paths import REPOSITORY, airflow_command
from gamelake.registry import load_sources
from gamelake.settings import Settings
from igdb.addresses import DEFAULT_BASE_URL, DEFAULT_TOKEN_URL
from rawg.settings import DEFAULT_BASE_URL as RAWG_URL
from tests.support.command import environment_without

ACCOUNT = {"igdb_client_id": "my-id", "igdb_client_secret": "my-secret"}

# Airflow's edit form shows only the fields of an extra that are stored.
OTHER_FIELDS = {"static_token": None, "requests_per_second": 4, "max_open_requests": 8}


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("IGDB_", "RAWG_"))]:
        monkeypatch.delenv(name)


SANDBOX = {
    "conn_type": "igdb",
    "host": "http://127.0.0.1:8900/v4",
    "port": 0,
    "login": "sandbox",
    "password": "sandbox-secret",
    "extra": {"token_url": "http://127.0.0.1:8900/oauth2/token"} | OTHER_FIELDS,
}
REAL = {
    "conn_type": "igdb",
    "host": DEFAULT_BASE_URL,
    "port": 0,
    "login": "my-id",
    "password": "my-secret",
    "extra": {"token_url": DEFAULT_TOKEN_URL} | OTHER_FIELDS,
}
OTHER_HOST, OTHER_TOKEN_URL = "http://sandbox:8900/v4", "http://sandbox:8900/oauth2/token"
URLS = {"igdb_base_url": OTHER_HOST, "igdb_token_url": OTHER_TOKEN_URL}
OTHER = {"host": OTHER_HOST, "extra": {"token_url": OTHER_TOKEN_URL} | OTHER_FIELDS}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, SANDBOX), (ACCOUNT, REAL), (URLS, SANDBOX | OTHER), (ACCOUNT | URLS, REAL | OTHER)],
)
def test_the_environment_decides_where_the_connection_leads(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    found = connections(load_settings(), Settings(**settings))

    assert found.pop("rawg_default")["host"] == "http://127.0.0.1:8900/api"
    assert found == {"igdb_default": expected, "aws_default": {"conn_type": "aws", "port": 0}}


def test_the_sandbox_is_where_the_caller_has_it_unless_the_user_chose_another_server() -> None:
    found = connections(load_settings(), Settings(rawg_api_key="my-key"), sandbox="http://sandbox:8900")
    assert found["igdb_default"] == SANDBOX | OTHER
    assert found["rawg_default"]["host"] == RAWG_URL


@pytest.mark.parametrize(
    ("conn_id", "host", "login", "expected"),
    [
        ("igdb_default", "http://127.0.0.1:8900/v4", "sandbox", False),
        ("igdb_default", "http://localhost:9000/v4", "sandbox", False),
        ("igdb_default", "http://sandbox:8900/v4", "sandbox", False),  # that of compose
        ("igdb_default", "http://127.0.0.1:8900/v4", "mine", True),
        ("igdb_default", "https://api.igdb.com/v4", "mine", True),
        ("igdb_default", "", "mine", True),  # the default host is IGDB's
        ("rawg_default", "http://127.0.0.1:8900/api", "", False),
        ("rawg_default", None, None, True),
    ],
)
def test_a_stored_connection_is_the_users_unless_it_leads_to_the_sandbox(
    conn_id: str, host: str | None, login: str | None, *, expected: bool
) -> None:
    assert is_own(conn_id, host, login, sandbox="http://sandbox:8900") is expected


@pytest.mark.parametrize(
    ("settings", "host", "password", "extra"),
    [
        ({}, "http://127.0.0.1:8900/api", "rawg-sandbox-key", {"requests_per_second": 200, "monthly_requests": 10**6}),
        ({"rawg_api_key": "my-key"}, RAWG_URL, "my-key", {"requests_per_second": None, "monthly_requests": None}),
        (
            {"rawg_api_key": "my-key", "rawg_base_url": "https://rawg.example/api"},
            "https://rawg.example/api",
            "my-key",
            {"requests_per_second": None, "monthly_requests": None},
        ),
    ],
)
def test_a_key_of_rawg_leads_to_the_real_api_with_its_own_limits(
    settings: dict[str, Any], host: str, password: str, extra: dict[str, Any]
) -> None:
    found = connections(load_settings(), Settings(**settings))["rawg_default"]
    assert found == {"conn_type": "rawg", "host": host, "port": 0, "password": password, "extra": extra}


@pytest.mark.parametrize(
    ("present", "missing"),
    [("igdb_client_id", "IGDB_CLIENT_SECRET"), ("igdb_client_secret", "IGDB_CLIENT_ID")],
)
def test_half_an_account_is_an_error_that_keeps_the_secret(present: str, missing: str) -> None:
    with pytest.raises(SettingsFileError, match=f"^{missing}: not set") as caught:
        connections(load_settings(), Settings.model_validate({present: "hush"}))

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("airflow", "message"),
    [
        ({"connection": []}, "airflow: connection: "),
        ({"pools": {"a": 1}}, "airflow: pools: found dict: "),
        ({"pools": [{"pool_slot": 1}]}, "airflow: pools[0]: pool_name: "),
        ({"pools": [{"pool_name": "p", "pool_slot": 1}] * 2}, "found p twice"),
        ({"pools": [{"pool_name": "p"}]}, "airflow: pools[0]: pool_slot: "),
        ({"pools": [{"pool_name": "p", "pool_slot": "1"}]}, "pools[0]: pool_slot: found str: "),
        ({"pools": [{"pool_name": "p", "pool_slot": True}]}, "pools[0]: pool_slot: found bool: "),
        ({"connections": [{"conn_id": "c"}]}, "connections[0]: conn_type: "),
        ({"connections": [{"conn_id": "c", "conn_type": "x", "conn_user": "u"}]}, "connections[0]: conn_user: "),
        ({"connections": [{"conn_id": "c", "conn_type": "x", "conn_extra": "hush"}]}, "conn_extra: found str: "),
        ({"variables": []}, "airflow: variables: found list: "),
    ],
)
def test_errors_name_the_place_and_what_was_expected(tmp_path: Path, airflow: object, message: str) -> None:
    with pytest.raises(SettingsFileError) as caught:
        load_settings(write(tmp_path, airflow))

    assert message in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_torn_file_is_named_by_line_without_its_text(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("airflow:\n  connections:\n    - {conn_password: hush\n", encoding="utf-8")

    with pytest.raises(SettingsFileError, match=r"settings\.yaml: line 4: ") as caught:
        load_settings(path)

    assert "hush" not in str(caught.value)


@dataclass(frozen=True)
class Imported:
    """The lines that an import printed, and the rows of a real metadata database after it; see imported_settings."""

    printed: list[str]
    last_error: str
    found: dict[str, Any]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """A file that was imported, and again after its rows were changed."""
    folder = tmp_path_factory.mktemp("imported")
    igdb = {"conn_id": "igdb_default", "conn_type": "igdb", "conn_host": "http://a:hush@a", "conn_port": 0}
    igdb["conn_password"] = "hush"
    path = write(
        folder,
        {
            "connections": [
                igdb,
                {"conn_id": "rawg_default", "conn_type": "rawg", "conn_host": "http://127.0.0.1:8900/api"},
                {"conn_id": "aws_default", "conn_type": "aws"},
            ],
            "pools": [{"pool_name": "igdb_api", "pool_slot": 1}],
        },
    )
    result = subprocess.run(
        [sys.executable, "-m", "tests.gamelake.airflow.imported_settings", path],
        cwd=REPOSITORY,
        env={
            **environment_without("AIRFLOW", "IGDB_", "RAWG_"),
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__FERNET_KEY": "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    *printed, found = result.stdout.splitlines()
    return Imported(printed, result.stderr.splitlines()[-1], json.loads(found))


def test_an_import_states_what_it_writes_and_no_secret(imported: Imported) -> None:
    first, again = imported.printed[-8:-4], imported.printed[-4:]
    assert first == [
        "connection igdb_default: igdb, http://***@a",
        "connection rawg_default: rawg, http://sandbox:8900/api",
        "connection aws_default: aws, no host",
        "pool igdb_api: 1 slot",
    ]
    assert again[::3] == [f"{first[0]}, in place of http://b", first[3]]
    assert "hush" not in "".join(imported.printed)


def test_the_sandbox_replaces_no_connection_of_the_users_own(imported: Imported) -> None:
    """It did so without a line, and the next load took made-up rows."""
    assert imported.found["rawg_host"] == "https://rawg.example/api"
    assert imported.printed[-3] == (
        "connection rawg_default: kept, it is your own (host https://rawg.example/api). For the sandbox again delete "
        f"it (`{airflow_command()} connections delete rawg_default`, or in the web UI), then run this command again"
    )


def test_an_empty_connection_replaces_none_of_the_users_own(imported: Imported) -> None:
    """It took the keys of the lake away that a person had stored in the web UI."""
    aws = json.loads(imported.found["aws"])
    assert (aws["login"], aws["password"]) == ("my-key", "my-secret")
    assert "https://minio.example" in str(aws["extra"])
    assert imported.printed[-2] == (
        "connection aws_default: kept, it is your own. For the one of airflow_settings.yaml again delete it "
        f"(`{airflow_command()} connections delete aws_default`, or in the web UI), then run this command again"
    )


def test_a_kept_connection_that_the_key_does_not_decrypt_is_an_error(imported: Imported) -> None:
    assert imported.last_error.startswith(
        "connection rawg_default: it is your own, and Airflow's Fernet key (AIRFLOW__"
    )
    assert "`delete from connection where conn_id = 'rawg_default'`" in imported.last_error


def test_what_somebody_changed_is_brought_in_line(imported: Imported) -> None:
    assert imported.found["igdb_default"] == {"host": "http://a:hush@a", "login": None, "password": "hush", "port": 0}
    assert imported.found["slots"] == 1


def test_what_the_file_does_not_name_is_left_alone(imported: Imported) -> None:
    assert imported.found["connections"] == ["aws_default", "igdb_default", "mine", "rawg_default"]


def test_a_password_is_stored_encrypted(imported: Imported) -> None:
    assert imported.found["stored_password"]
    assert "hush" not in imported.found["stored_password"]


def test_the_file_defines_what_the_sources_and_the_lake_use() -> None:
    file = load_settings()
    sources = [source for source in load_sources().values() if source.kind is SourceKind.API]

    assert {each.conn_id for each in file.connections} == {CONNECTION, *(source.connection for source in sources)}
    assert {each.pool_name for each in file.pools} == {source.pool for source in sources}


def write(folder: Path, airflow: object) -> Path:
    """A settings file: JSON is YAML."""
    path = folder / "settings.yaml"
    path.write_text(json.dumps({"airflow": airflow}), encoding="utf-8")
    return path
