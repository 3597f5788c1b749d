"""The store as an Airflow connection reaches it, and how dbt's process gets to know."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.airflow import stores
from gamelake.airflow.stores import EXPORTED, connected_store, connection_exported
from gamelake.lake.factory import lake_uri, open_store
from gamelake.lake.querying import connect, literal
from gamelake.lake.s3 import S3Store
from gamelake.lake.store import StoreError
from tests.support.aws import isolate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Sets `aws_default`, of a lake in a bucket, in an environment without other settings."""
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("GAMELAKE_URI", "s3://lake/prefix")

    def define(login: str = "key", **extra: Any) -> None:
        fields = {"conn_type": "aws", "login": login, "password": "secret", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(fields))

    return define


def test_a_lake_on_s3_is_reached_by_the_connection(connection: Callable[..., None]) -> None:
    connection(region_name="ap-northeast-2", endpoint_url="http://objects:8333")
    store = connected_store()
    assert isinstance(store, S3Store)
    assert (store.client.meta.region_name, store.client.meta.endpoint_url) == ("ap-northeast-2", "http://objects:8333")


@pytest.mark.parametrize("is_connected", [True, False], ids=["by the connection", "by the environment"])
def test_a_store_that_never_answers_fails_a_request_within_two_minutes(
    is_connected: bool, connection: Callable[..., None]
) -> None:
    connection(region_name="ap-northeast-2")
    store = connected_store() if is_connected else open_store(lake_uri())
    assert isinstance(store, S3Store)
    config: Any = store.client.meta.config
    tries = (config.retries or {}).get("total_max_attempts", 5)  # boto3's own, at most
    waits = sum(min(2**n, 20) for n in range(tries - 1)) / 2  # botocore's: half of these on average
    assert tries * max(config.connect_timeout, config.read_timeout) + waits < 120


def test_the_timeouts_of_a_connection_win(connection: Callable[..., None]) -> None:
    connection(region_name="ap-northeast-2", config_kwargs={"read_timeout": 300})
    store = connected_store()
    assert isinstance(store, S3Store)
    config: Any = store.client.meta.config
    assert (config.read_timeout, config.connect_timeout) == (300, 10)


def test_a_task_and_its_callback_share_a_client_until_the_connection_changes(
    connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "KEPT_SECONDS", 3600)

    def client() -> Any:
        store = connected_store()
        assert isinstance(store, S3Store)
        return store.client

    connection(region_name="ap-northeast-2")
    first = client()
    assert client() is first
    connection(region_name="ap-northeast-1")
    assert client().meta.region_name == "ap-northeast-1"


def test_a_lake_on_disk_asks_for_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMELAKE_URI", f" {tmp_path.as_uri()} ")
    assert connected_store().uri == tmp_path.as_uri()
    with connection_exported():
        assert lake_uri() == tmp_path.as_uri()


def test_only_the_process_of_dbt_gets_the_variables_of_the_connection(connection: Callable[..., None]) -> None:
    connection(region_name="ap-northeast-2", endpoint_url="http://objects:8333", aws_session_token="token")
    with connection_exported():
        assert {name: os.environ.get(name) for name in EXPORTED} == {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "AWS_DEFAULT_REGION": "ap-northeast-2",
            "AWS_ENDPOINT_URL_S3": "http://objects:8333",
            "AWS_CA_BUNDLE": None,
        }
    assert not [name for name in EXPORTED if name in os.environ]


MINT = """
import datetime, json, uuid
expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
keys = {"AccessKeyId": uuid.uuid4().hex, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expires.isoformat()}
print(json.dumps({"Version": 1, **keys}))
"""


@pytest.mark.parametrize(("extra", "is_frozen"), [({}, False), ({"profile_name": "other"}, True)], ids=["chain", "own"])
def test_credentials_that_expire_are_left_to_dbt_to_renew(
    extra: dict[str, str],
    is_frozen: bool,
    connection: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A role, as `credential_process` does, gives each session new ones: a copy in the environment would expire."""
    (tmp_path / "mint.py").write_text(MINT)
    process = f"region = us-east-1\ncredential_process = {sys.executable} {tmp_path / 'mint.py'}\n"
    (tmp_path / "aws-config").write_text(f"[default]\n{process}[profile other]\n{process}")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))
    with connection_exported():
        assert ("AWS_SESSION_TOKEN" in os.environ) is is_frozen


def test_the_environment_is_as_before_when_dbt_fails(
    connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection(region_name="ap-northeast-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")

    def failing_build() -> None:
        with connection_exported():
            assert os.environ["AWS_ACCESS_KEY_ID"] == "key"
            os.environ["AWS_SESSION_TOKEN"] = "left by Cosmos"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing_build()
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"
    assert "AWS_SESSION_TOKEN" not in os.environ


def test_a_connection_that_dbt_cannot_follow_is_refused_by_its_setting(connection: Callable[..., None]) -> None:
    connection(
        region_name="ap-northeast-2",
        endpoint_url="http://objects:8333",
        config_kwargs={"s3": {"addressing_style": "virtual"}},
    )
    with pytest.raises(StoreError, match=r"as the connection aws_default does: url_style: found 'path', expected"):
        connected_store()


@pytest.mark.parametrize(
    "extra",
    [
        {"endpoint_url": "objects:8333"},
        {"region_name": "no_region"},
        {"profile_name": "missing"},
        {"role_arn": "reader"},
        {"config_kwargs": {"no_option": 1}},
    ],
)
def test_a_value_of_the_connection_that_boto3_refuses_names_what_to_do(
    connection: Callable[..., None], extra: dict[str, Any]
) -> None:
    connection(**extra)
    with pytest.raises(StoreError, match=r"(?s)open 's3://lake/prefix': .*in Airflow the connection aws_default"):
        connected_store()


@pytest.mark.parametrize(("variable", "value"), [("AWS_MAX_ATTEMPTS", "many"), ("AWS_RETRY_MODE", "often")])
def test_a_variable_that_boto3_refuses_names_what_to_do(
    connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    connection()
    monkeypatch.setenv(variable, value)
    with pytest.raises(StoreError, match=r"open 's3://lake/prefix': .*a variable such as AWS_ENDPOINT_URL"):
        connected_store()


def test_aws_region_counts_where_the_connection_names_none(
    connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection()
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    store = connected_store()
    assert isinstance(store, S3Store)
    assert store.client.meta.region_name == "eu-west-1"


def test_without_credentials_the_hint_names_both_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("GAMELAKE_URI", "s3://lake/prefix")
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT", raising=False)
    with pytest.raises(StoreError, match=r"open 's3://lake/prefix'.*AWS_ACCESS_KEY_ID.*aws_default"):
        connected_store()


def test_duckdb_reads_what_the_connection_reaches_and_shows_no_secret(
    connection: Callable[..., None], moto_endpoint: str, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", f"s3://{bucket}/한글 lake#1")
    connection(region_name="us-east-1", endpoint_url=moto_endpoint)
    store = connected_store()
    store.put("marts/dim_games.csv", b"game_id\n7\n")
    with connect(store) as reader:
        query = f"select game_id from read_csv({literal(store.url('marts/dim_games.csv'))})"
        assert reader.execute(query).fetchall() == [(7,)]
        (shown,) = reader.execute("select secret_string from duckdb_secrets()").fetchone() or ("",)
        assert "secret=redacted" in shown


def test_duckdb_gets_the_credentials_that_boto3_renewed(bucket: str, s3: Any) -> None:
    from gamelake.lake.querying import renew
    from gamelake.lake.reach import Credentials

    store = open_store(f"s3://{bucket}/lake", s3=s3)
    with connect(store) as reader:
        before = Credentials("old", "secret", "token")
        assert renew(reader, store, before) == Credentials("test", "test", "")
        (shown,) = reader.execute("select secret_string from duckdb_secrets()").fetchone() or ("",)
        assert "key_id=test" in shown


def test_duckdb_takes_no_token_of_another_key_from_the_environment(
    connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection(region_name="ap-northeast-2")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "other")
    with connect(connected_store()) as reader:
        (shown,) = reader.execute("select secret_string from duckdb_secrets()").fetchone() or ("",)
        assert "key_id=key;" in shown
        assert "session_token=" in shown
