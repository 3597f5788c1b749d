"""The environment variables: what they default to, what is refused, and that other files know the same ones."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from gamelake.lake.factory import lake_uri, open_store
from gamelake.lake.https import open_cdn
from gamelake.lake.store import StoreError
from gamelake.paths import REPOSITORY
from gamelake.settings import Settings, SettingsError, read_settings


def test_each_call_reads_what_is_set_now_and_blank_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for value, expected in [
        (" mine/gamelake.duckdb ", REPOSITORY / "mine" / "gamelake.duckdb"),
        ("/elsewhere/gamelake.duckdb", Path("/elsewhere/gamelake.duckdb")),
        (" ", REPOSITORY / ".local" / "scratch" / "gamelake.duckdb"),
    ]:
        monkeypatch.setenv("GAMELAKE_DUCKDB", value)
        assert read_settings().gamelake_duckdb == expected


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("GAMELAKE_URL", "s3://bucket", "GAMELAKE_URI"),
        ("GAMELAKE_FULL_REFRESH_DAY", "0", "GAMELAKE_FULL_REFRESH_WEEKDAY"),
        ("GAMELAKE_TRANSFORM", "ducklake", "found 'ducklake', expected 'one_process' or 'spark'"),
        ("GAMELAKE_FULL_REFRESH_WEEKDAY", "7", "found '7', expected '0', '1'"),
        ("GAMELAKE_SANDBOX_GAMES", "many", "found 'many', expected a whole number from 1 to 1,000,000"),
        ("GAMELAKE_SANDBOX_PORT", "65536", "found '65536', expected a whole number from 1 to 65,535"),
        ("AIRFLOW__API__PORT", "0", "found '0', expected a whole number from 1 to 65,535"),
        ("GAMELAKE_APPLY_EVENTS", "maybe", "found 'maybe', expected true or false"),
        ("IGDB_BASE_URL", "api.igdb.com/v4", "found 'api.igdb.com/v4', expected a URL that begins with https://"),
        ("RAWG_BASE_URL", "ftp://rawg.example", "expected a URL that begins with https:// or http:// and a host"),
        ("AWS_ENDPOINT_URL", "objects:8333", "expected a URL that begins with https:// or http:// and a host"),
        ("GAMELAKE_LOCAL", "~no-such-user/x", "expected a folder; ~ stands for"),
        ("GAMELAKE_LOCAL", "/dev/null/x", "expected a folder; /dev/null is none"),
        ("GAMELAKE_DUCKDB_EXTENSIONS", "/dev/null", "expected a folder"),
        ("GAMELAKE_DUCKDB_MEMORY", "8gigs", "found '8gigs', expected a size with its unit"),
        ("GAMELAKE_DUCKDB_MEMORY", "500", "expected a size"),
        ("GAMELAKE_DUCKDB_MEMORY", "-5MB", "expected a size"),  # to DuckDB it is no limit
        ("GAMELAKE_DUCKDB_MEMORY", "0.0GB", "expected a size"),
    ],
)
def test_a_wrong_name_or_value_is_told_with_what_was_expected(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^{variable}: ") as caught:
        read_settings()
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "variable", [*(name.upper() for name in Settings.model_fields if "_url" in name), "GAMELAKE_URI"]
)
@pytest.mark.parametrize(
    "found",
    ["ftp://user:a-password@host/", "user:a-password@host/v4", "ftp:/user:a-/password@host", "ftp://host?a-password"],
)
def test_a_secret_in_a_url_is_not_shown(monkeypatch: pytest.MonkeyPatch, variable: str, found: str) -> None:
    monkeypatch.setenv(variable, found)
    with pytest.raises((SettingsError, StoreError)) as caught:
        open_cdn() or open_store(lake_uri())
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("size", ["500MB", "1 GB", "1.5gib", "0.5GB", "2TiB"])
def test_sizes_that_duckdb_reads(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("GAMELAKE_DUCKDB_MEMORY", f" {size} ")
    duckdb.connect(config={"memory_limit": read_settings().gamelake_duckdb_memory}).close()


def test_variables_of_kubernetes_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GAMELAKE_API_SERVER_SERVICE_HOST", "GAMELAKE_API_SERVER_PORT_8080_TCP_ADDR", "GAMELAKE_WEB_PORT"):
        monkeypatch.setenv(variable, "tcp://10.0.0.1:8080")
    monkeypatch.setenv("GAMELAKE_SANDBOX_PORT", "tcp://10.0.0.1:8900")  # of a service that is called gamelake-sandbox
    assert read_settings().gamelake_sandbox_port is None


def test_the_secret_is_not_shown() -> None:
    assert "hush" not in repr(Settings(igdb_client_secret="hush"))


def test_other_files_name_the_same_variables_and_defaults() -> None:
    files = [REPOSITORY / name for name in ("docker-compose.yaml", "Dockerfile", "Makefile", ".env.example")]
    folders = [REPOSITORY / name for name in ("dbt/macros", "dbt/models", "deploy", ".github")]
    files += [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in [*files, REPOSITORY / "dbt" / "profiles.yml"]:
        text = path.read_text(encoding="utf-8", errors="replace")
        for name in set(re.findall(r"\bGAMELAKE_[A-Z_]+[A-Z]\b", text)):
            assert name.lower() in Settings.model_fields, f"{path}: {name}"
        for name, default in re.findall(r"(?:env_var\(['\"]|\$\{)(\w+)(?:['\"], ['\"]|:-)([^'\"}]+)", text):
            field = Settings.model_fields.get(name.lower())
            assert field is None or str(field.default).endswith(default.removeprefix("../")), f"{path}: {name}"
