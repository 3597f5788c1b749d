"""Terraform's bucket follows the same rules as the code, and its files hang together."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.keys import LoadRun
from gamelake.lake.lifecycle import check_rules, expected_rules
from gamelake.lake.s3 import S3Store
from gamelake.marts.documents import POINTER
from gamelake.marts.findings import COPY, CURRENT, TABLES, report_key
from gamelake.marts.pointer import publication_key
from tests.deploy.iam import matches
from tests.deploy.recorded_s3 import recording_server
from tests.deploy.terraform import FOLDER, terraform
from tests.support.stores import new_client
from tests.support.tables import IGDB_GAMES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def s3_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule of Terraform's as S3 holds it."""
    common = {"ID": rule["id"], "Status": "Enabled"}
    if rule["status"] is None:
        upload = {"DaysAfterInitiation": rule["abort_days"]}
        return common | {"Filter": {"Prefix": rule["prefix"]}, "AbortIncompleteMultipartUpload": upload}
    tags = [{"Key": "status", "Value": rule["status"]}]
    days = {"Days": rule["expire_days"]}
    return common | {"Filter": {"And": {"Prefix": rule["prefix"], "Tags": tags}}, "Expiration": days}


def s3_store(client: S3Client) -> S3Store:
    store = open_store("s3://lake/deep/lake", s3=client)
    assert isinstance(store, S3Store)
    return store


def test_the_lifecycle_rules_are_the_codes(access: dict[str, Any]) -> None:
    store = s3_store(new_client("http://127.0.0.1:9"))
    assert [s3_rule(rule) for rule in access["lifecycle_rules"]] == [rule.to_s3() for rule in expected_rules(store)]


def test_the_code_finds_its_rules_beside_those_for_versions(access: dict[str, Any]) -> None:
    with recording_server() as recordings:
        client = new_client(recordings[0].endpoint)
        rules: list[Any] = [s3_rule(rule) for rule in access["lifecycle_rules"]]
        versions: Any = {
            "ID": "noncurrent-versions",
            "Status": "Enabled",
            "Filter": {"Prefix": "deep/lake/"},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        }
        client.put_bucket_lifecycle_configuration(Bucket="lake", LifecycleConfiguration={"Rules": [*rules, versions]})
        check_rules(s3_store(client))


@pytest.mark.parametrize(
    ("key", "immutable"),
    [
        (LoadRun(IGDB_GAMES, "2026-11-21", "run").part_key(0), True),
        (IGDB_GAMES.manifest_key(42), True),
        ("marts/dt=2026-11-21/run/dim_games.parquet", True),
        (publication_key(42), True),
        ("marts/history/fct_game_popularity_daily/day=2026-11-21/1.parquet", True),
        (report_key(42), True),
        (f"{TABLES}00000042-1.parquet", True),
        (IGDB_GAMES.pointer_key, False),
        (POINTER, False),
        (CURRENT, False),
        (COPY, False),
        ("marts/dim_games.parquet", False),
        ("marts/marketing/mart_top_rated.parquet", False),
    ],
)
def test_caches_keep_what_never_changes(access: dict[str, Any], key: Any, immutable: bool) -> None:
    kinds = [(path, True) for path in access["immutable_paths"]] + [(path, False) for path in access["mutable_paths"]]
    assert next(kind for path, kind in kinds if matches(path, f"/{key}")) is immutable


def test_the_files_are_formatted() -> None:
    done = terraform("fmt", "-check", "-recursive", str(FOLDER), check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_name_that_is_used_is_declared() -> None:
    """What `terraform validate` would tell, if the provider were here."""
    for folder in (FOLDER, FOLDER / "access"):
        text = "\n".join(re.sub(r"(?m)#.*$", "", path.read_text("utf-8")) for path in folder.glob("*.tf"))
        declared = {f"var.{name}" for name in re.findall(r'^variable "(\w+)"', text, re.MULTILINE)}
        declared |= {f"{kind}.{name}" for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', text, re.MULTILINE)}
        declared |= {f"data.{kind}.{name}" for kind, name in re.findall(r'^data "(\w+)" "(\w+)"', text, re.MULTILINE)}
        for block in re.findall(r"^locals \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
            declared |= {f"local.{name}" for name in re.findall(r"^  (\w+) +=", block, re.MULTILINE)}
        used = set(re.findall(r"(?<![\w.])(?:var\.\w+|local\.\w+|data\.\w+\.\w+|aws_\w+\.\w+)", text))
        assert used <= declared, folder
        assert {name for name in declared - used if name.startswith(("var.", "local."))} == set(), folder
        if folder == FOLDER:
            outputs = set(re.findall(r'^output "(\w+)"', (FOLDER / "access" / "outputs.tf").read_text(), re.MULTILINE))
            assert set(re.findall(r"module\.access\.(\w+)", text)) == outputs


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("bucket", ["my-lake"], ["My-lake", "a.b", "x", "-lake"]),
        ("prefix", ["", "lake", "team/lake"], ["/lake", "lake/", "a//b", "a b"]),
        ("region", ["ap-northeast-2", "us-gov-west-1"], ["cn-north-1", "seoul"]),
        ("readers", [["arn:aws:iam::111122223333:root"], []], [["*"], ["arn:aws:iam::1:root"]]),
        ("github_environment", ["production"], ["*", "a:b"]),
        ("noncurrent_days", [14, 30], [7, 14.5]),
        (
            "github_oidc_provider_arn",
            ["arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com", None],
            ["arn:aws:iam::111122223333:oidc-provider/example.org", "*"],
        ),
        ("pointer_seconds", [0, 60], [-1, 86400]),
        ("trusted_service", ["ecs-tasks.amazonaws.com"], ["s3.amazonaws.com", "ec2.amazonaws.com"]),
    ],
)
def test_a_variable_refuses_nonsense(name: str, good: Any, bad: Any, tmp_path: Path) -> None:
    """Each variable by itself, with its own validation, as Terraform checks it."""
    text = (FOLDER / "variables.tf").read_text("utf-8")
    (block,) = re.findall(rf'^variable "{name}" \{{.*?^\}}', text, re.MULTILINE | re.DOTALL)
    (tmp_path / "main.tf").write_text(block, encoding="utf-8")

    def takes(value: Any) -> bool:
        (tmp_path / "terraform.tfvars.json").write_text(json.dumps({name: value}), encoding="utf-8")
        done = terraform(f"-chdir={tmp_path}", "plan", "-input=false", check=False)
        assert done.returncode == 0 or "Invalid value for variable" in done.stderr, done.stderr
        return done.returncode == 0

    assert [takes(value) for value in [*good, *bad]] == [True] * len(good) + [False] * len(bad)
