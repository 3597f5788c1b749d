"""What boto3 decides of a bucket, read from its client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from gamelake.lake.reach import (
    Credentials,
    ReachError,
    credentials_of,
    default_client,
    endpoint_source,
    exports,
    reach_of,
)
from tests.support.aws import isolate

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
PROFILE = """\
[default]
region = ap-northeast-2
aws_access_key_id = of-profile
aws_secret_access_key = secret
{more}
"""


def profile(folder: Path, more: str = "") -> None:
    (folder / "aws-config").write_text(PROFILE.format(more=more), encoding="utf-8")


def client(**given: Any) -> S3Client:
    keys: dict[str, Any] = {"aws_access_key_id": "other", "aws_secret_access_key": "secret"}
    made: S3Client = boto3.client("s3", **keys | {"region_name": "ap-northeast-2"} | given)
    return made


def test_aws_is_asked_in_the_region_of_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    profile(tmp_path)
    reach = reach_of(default_client(), "lake")
    assert (reach.endpoint, reach.region, reach.url_style, reach.use_ssl) == ("", "ap-northeast-2", "vhost", True)
    assert credentials_of(default_client()) == Credentials("of-profile", "secret", "")


def test_a_bucket_with_dots_is_asked_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, **KEYS, AWS_DEFAULT_REGION="ap-northeast-2")
    reach = reach_of(default_client(), "my.lake.example")
    assert (reach.endpoint, reach.url_style) == ("s3.ap-northeast-2.amazonaws.com", "path")


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_either_variable_names_the_region(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, **KEYS, **{variable: "eu-west-1"})
    assert reach_of(default_client(), "lake").region == "eu-west-1"


def test_without_a_region_it_is_awss_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, **KEYS)
    assert reach_of(default_client(), "lake").region == "us-east-1"


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_of_a_variable(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, **KEYS, **{variable: "http://objects:8333/s3"})
    reach = reach_of(default_client(), "lake")
    assert (reach.endpoint, reach.use_ssl, reach.url_style) == ("objects:8333/s3", False, "path")


def test_an_endpoint_of_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    profile(tmp_path, "services = mine\n[services mine]\ns3 =\n  endpoint_url = https://objects:8333")
    assert reach_of(default_client(), "lake").endpoint == "objects:8333"


def test_a_ca_and_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, **KEYS, AWS_CA_BUNDLE="/my/ca.pem", HTTPS_PROXY="http://me:secret@proxy:3128")
    reach = reach_of(default_client(), "lake")
    assert (reach.verify, reach.proxy) == ("/my/ca.pem", "http://me:secret@proxy:3128")
    monkeypatch.setenv("NO_PROXY", ".amazonaws.com")
    assert reach_of(default_client(), "lake").proxy is None


def test_a_complete_environment_needs_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, **KEYS, AWS_DEFAULT_REGION="eu-west-1", AWS_ENDPOINT_URL="http://objects:8333")
    assert exports(default_client(), "lake") == {}


def test_what_a_client_has_of_its_own_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    own = client(endpoint_url="https://objects:8333", aws_session_token="token", verify="/my/ca.pem")
    assert exports(own, "lake") == {
        "AWS_ACCESS_KEY_ID": "other",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_DEFAULT_REGION": "ap-northeast-2",
        "AWS_ENDPOINT_URL_S3": "https://objects:8333",
        "AWS_CA_BUNDLE": "/my/ca.pem",
    }


def test_a_client_that_asks_aws_by_path_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    added = exports(client(config=Config(s3={"addressing_style": "path"})), "lake")
    assert added["AWS_ENDPOINT_URL_S3"] == "https://s3.ap-northeast-2.amazonaws.com"


def test_a_key_without_a_token_takes_the_environments_token_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(monkeypatch, tmp_path, **KEYS, AWS_SESSION_TOKEN="of another key", AWS_DEFAULT_REGION="ap-northeast-2")
    added = exports(client(), "lake")
    assert added["AWS_SESSION_TOKEN"] == ""
    for name, value in added.items():
        monkeypatch.setenv(name, value)
    assert credentials_of(default_client()) == Credentials("other", "secret", "")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (
            {"endpoint_url": "https://objects.example", "config": Config(s3={"addressing_style": "virtual"})},
            "url_style: found 'path', expected 'vhost'",
        ),
        ({"verify": False}, "verify: found True, expected False"),
        ({"config": Config(proxies={"https": "http://me:secret@proxy:1"})}, r"expected 'http://\*\*\*@proxy:1'"),
    ],
)
def test_what_no_variable_can_state_is_refused_by_name(
    given: dict[str, object], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(monkeypatch, tmp_path)
    with pytest.raises(ReachError, match=what) as caught:
        exports(client(**given), "lake")
    assert "secret" not in str(caught.value)


def test_a_hint_names_where_the_endpoint_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    url = "http://objects:8333/lake/key"
    assert "aws_default" in str(endpoint_source(url))
    assert endpoint_source("https://lake.s3.eu-west-1.amazonaws.com/key") is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://objects:8333/")
    assert endpoint_source(url) == "AWS_ENDPOINT_URL"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://objects:8333")
    assert endpoint_source(url) == "AWS_ENDPOINT_URL_S3"
