"""The chart's values: keys that the chart documents, pods that Kubernetes takes, and no secret of ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from gamelake.airflow.pods import executor_config
from gamelake.marts.duckdb_extensions import link_extensions
from tests.support.command import environment_without

FOLDER = Path(__file__).parents[2] / "deploy" / "helm"
WRITABLE = {"/tmp", "/opt/airflow/.local", "/opt/airflow/logs"}  # noqa: S108
"""The folders of the image that a task writes to; in others are Airflow and the project."""
KIND = Path(__file__).parent / "kind"
"""A release on one node, which CI starts every night (.github/workflows/nightly.yaml)."""
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text("utf-8"))
VARIABLE = "GAMELAKE_POD_TEMPLATES"
KINDS: tuple[Literal["load", "transform", "maintain"], ...] = ("load", "transform", "maintain")
KUBERNETES = "1.31"
"""The oldest version that the chart's 1.22.0 is for and that still gets support; a newer one takes the same pods."""


def render(template: str) -> str:
    """A text of the values as Helm renders it: names of values, or their JSON. Raises: KeyError."""

    def value(match: re.Match[str]) -> str:
        found: Any = {"Values": VALUES, "Release": {"Name": "airflow"}}
        for name in match[1].split(".")[1:]:
            found = found[name]
        return json.dumps(found) if match[2] else str(found)

    return re.sub(r"\{\{ ([\w.]+)( \| toJson)? \}\}", value, template)


def pods() -> dict[str, dict[str, Any]]:
    """The pods of tasks by kind, as Airflow reads them."""
    templates = yaml.safe_load(render(VALUES["extraConfigMaps"]["gamelake-pods"]["data"]))
    texts = {name.removesuffix(".yaml"): text for name, text in templates.items()} | {
        "wait": render(VALUES["podTemplate"])
    }
    assert not [name for name, text in texts.items() if "{{" in text]
    return {name: yaml.safe_load(text) for name, text in texts.items()}


PODS = pods()


@pytest.mark.parametrize("kind", [*KINDS, "wait"])
def test_a_pod_is_one_that_kubernetes_takes(kind: Any) -> None:
    kubernetes_validate.validate(PODS[kind], KUBERNETES, strict=True)


def test_the_accounts_are_those_of_the_pods() -> None:
    objects = list(yaml.safe_load_all((FOLDER / "accounts.yaml").read_text("utf-8")))
    accounts = [each for each in objects if each["kind"] == "ServiceAccount"]
    assert {each["metadata"]["name"] for each in accounts} == {f"gamelake-{kind}" for kind in PODS}
    assert {pod["spec"]["serviceAccountName"] for pod in PODS.values()} == {f"gamelake-{kind}" for kind in PODS}
    assert not any(
        each["automountServiceAccountToken"] for each in [*accounts, *(pod["spec"] for pod in PODS.values())]
    )


def test_terraform_gives_roles_to_the_same_accounts(repository: Path) -> None:
    text = (repository / "deploy" / "terraform" / "iam.tf").read_text("utf-8")
    (names,) = re.findall(r"workers = toset\(\[(.*?)\]\)", text)
    assert set(json.loads(f"[{names}]")) == set(KINDS)
    assert 'service_account = "gamelake-${each.key}"' in text
    assert 'kubernetes-service-account = "gamelake-${each.key}"' in text
    assert 'for_each = setunion(local.workers, ["pages", "wait", "collect"])' in text
    assert 'service_account = "gamelake-wait"' in text
    assert f'service_account = "{VALUES["apiServer"]["serviceAccount"]["name"]}"' in text


@pytest.mark.parametrize("kind", PODS)
def test_a_pod_may_do_little(kind: Any) -> None:
    spec = PODS[kind]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"] == VALUES["securityContexts"]["pod"]
    assert container["securityContext"] == VALUES["securityContexts"]["containers"]
    assert container["name"] == "base"
    assert not [each for each in container["env"] if "valueFrom" in each], "no key of Airflow's in a task's pod"
    assert container["envFrom"] == yaml.safe_load(VALUES["extraEnvFrom"])
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == WRITABLE
    assert container["image"] == f"{VALUES['images']['airflow']['repository']}@{VALUES['images']['airflow']['digest']}"


def test_what_the_chart_would_do_by_itself_is_off() -> None:
    """Hooks, which no rollback takes back; a user admin/admin; rights to start pods; the login for development."""
    assert [each["useHelmHooks"] for each in VALUES["extraConfigMaps"].values()] == [False, False]
    assert VALUES["migrateDatabaseJob"]["useHelmHooks"] is False
    assert VALUES["createUserJob"]["enabled"] is False
    assert VALUES["allowPodLaunching"] is False
    assert VALUES["config"]["core"]["auth_manager"].endswith(".FabAuthManager")


def test_the_migration_reads_the_secrets_that_it_has() -> None:
    job = VALUES["migrateDatabaseJob"]
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in job["extraVolumes"]}
    mounts = {secrets[mount["name"]]: mount["mountPath"] for mount in job["extraVolumeMounts"]}
    files = set(re.findall(r"cat (\S+?)(?: \|\| true)?\)", job["args"][-1]))
    igdb, rawg, login = mounts["igdb"], mounts["rawg"], mounts["airflow-login"]
    assert files == {f"{igdb}/client-id", f"{igdb}/client-secret", f"{rawg}/api-key", f"{login}/admin-password"}
    assert [volume["name"] for volume in job["extraVolumes"] if volume["secret"].get("optional")] == ["rawg"]


@pytest.mark.parametrize("rawg", [{}, {"rawg/api-key": "my-own-key"}])
def test_the_migration_imports_the_keys_of_its_secrets(tmp_path: Path, rawg: dict[str, str]) -> None:
    """The job's own script: what `gamelake settings import` would see."""
    secrets = {"igdb/client-id": "id", "igdb/client-secret": "secret", "login/admin-password": "password", **rawg}
    for name, text in secrets.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("airflow", "gamelake"):
        (commands / name).write_text('#!/bin/sh\n[ "$1" = settings ] && env || true\n', encoding="utf-8")
        (commands / name).chmod(0o755)
    shell, flags, script = VALUES["migrateDatabaseJob"]["args"]
    script = script.replace("/run/gamelake", str(tmp_path))
    path = f"{commands}:{os.environ['PATH']}"
    run = subprocess.run([shell, flags, script], env={"PATH": path}, capture_output=True, text=True, check=True)
    found = dict(line.split("=", 1) for line in run.stdout.splitlines() if "=" in line)
    assert (found["IGDB_CLIENT_ID"], found["IGDB_CLIENT_SECRET"]) == ("id", "secret")
    assert found["RAWG_API_KEY"] == rawg.get("rawg/api-key", "")


def test_what_a_user_has_to_name_cannot_be_forgotten() -> None:
    image = VALUES["images"]["airflow"]
    assert image["digest"] == f"sha256:{'0' * 64}"
    assert image["repository"].partition("/")[0].endswith(".invalid")


def test_no_secret_is_made_and_none_is_in_the_values() -> None:
    names = [VALUES["data"]["metadataSecretName"]]
    names += [VALUES[key] for key in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName")]
    names += [volume["secret"]["secretName"] for volume in VALUES["migrateDatabaseJob"]["extraVolumes"]]
    names += [secret["name"] for secret in VALUES["imagePullSecrets"]]
    names += [each["valueFrom"]["secretKeyRef"]["name"] for each in VALUES["apiServer"]["env"]]
    page = (FOLDER.parents[1] / "docs" / "guides" / "deploy" / "kubernetes.md").read_text("utf-8")
    assert set(names) == set(re.findall(r"create secret (?:generic|docker-registry) ([\w-]+)", page))
    assert not re.search(
        r"(?i)(password|secret|key): +[^\s&*{#]*[A-Za-z0-9+/]{16}", (FOLDER / "values.yaml").read_text()
    )


def test_dags_ask_for_the_pods_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert executor_config("load") == {}
    environment = {each["name"]: each["value"] for each in VALUES["env"]}
    monkeypatch.setenv(VARIABLE, environment[VARIABLE])
    (mount,) = VALUES["scheduler"]["extraVolumeMounts"]
    templates = yaml.safe_load(VALUES["extraConfigMaps"]["gamelake-pods"]["data"])
    for kind in KINDS:
        folder, _, name = executor_config(kind)["pod_template_file"].rpartition("/")
        assert (folder, name in templates) == (mount["mountPath"], True)


def test_one_node_has_what_a_cloud_would_have(compose: dict[str, Any]) -> None:
    objects = list(yaml.safe_load_all((KIND / "services.yaml").read_text("utf-8")))
    for each in objects:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    values = yaml.safe_load((KIND / "values.yaml").read_text("utf-8"))
    environment = yaml.safe_load(values["extraConfigMaps"]["gamelake-environment"]["data"])
    addresses = [each["value"] for each in values["migrateDatabaseJob"]["env"]] + [environment["AWS_ENDPOINT_URL"]]
    services = {
        each["metadata"]["name"]: each["spec"]["ports"][0]["port"] for each in objects if each["kind"] == "Service"
    }
    assert {urlsplit(each).hostname: urlsplit(each).port for each in addresses}.items() <= services.items()
    images = {
        each["spec"]["template"]["spec"]["containers"][0]["image"] for each in objects if each["kind"] == "Deployment"
    }
    of_others = {each for each in images if not each.startswith("localhost:5001/gamelake")}
    assert of_others == {compose["services"][name]["image"] for name in ("postgres", "objects")}
    assert f"{values['images']['airflow']['repository']}-sandbox:kind" in images


def test_boto3_and_duckdb_take_the_role_of_their_pod(tmp_path: Path) -> None:
    """EKS Pod Identity: an address and a token file in the environment, no key. A server stands for its agent."""
    seen: dict[str, str] = {}

    class Agent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/v1/credentials":
                seen["token"] = self.headers.get("Authorization", "")
                role = {"AccessKeyId": "ROLEOFTHEPOD", "SecretAccessKey": "s", "Token": "t"}
                body = json.dumps(role | {"Expiration": "2099-01-01T00:00:00Z", "AccountId": "1"}).encode()
            else:
                seen[self.path.rpartition("/")[2]] = self.headers.get("Authorization", "")
                body = b"id\n1\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1"')
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            """Nothing to say."""

    (tmp_path / "token").write_text("token-of-the-pod")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Agent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_address[1]}"
    code = """
from gamelake.lake.querying import connect
from gamelake.lake.factory import open_store
store = open_store("s3://lake")
store.get("boto3")
connect(store).execute("select * from read_csv('s3://lake/duckdb')").fetchall()
"""
    environment = environment_without("AWS_") | {
        "AWS_ENDPOINT_URL": f"http://{host}",
        "GAMELAKE_DUCKDB_EXTENSIONS": str(link_extensions(tmp_path / "extensions")),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{host}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, done.stderr[-2000:]
    assert seen["token"] == "token-of-the-pod"
    assert "Credential=ROLEOFTHEPOD/" in seen["boto3"]
    assert "Credential=ROLEOFTHEPOD/" in seen["duckdb"]


def test_the_dashboard_is_a_pod_of_the_release_that_reads(repository: Path) -> None:
    objects = list(yaml.safe_load_all((FOLDER / "dashboard.yaml").read_text("utf-8")))
    for each in objects:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    found = {each["kind"]: each["spec"] for each in objects}
    pod = found["Deployment"]["template"]
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["serviceAccountName"] == VALUES["apiServer"]["serviceAccount"]["name"]
    assert pod["spec"]["securityContext"] == VALUES["securityContexts"]["pod"]
    assert pod["spec"]["imagePullSecrets"] == VALUES["imagePullSecrets"]
    assert container["securityContext"] == VALUES["securityContexts"]["containers"]
    assert {each["configMapRef"]["name"] for each in container["envFrom"]} <= set(VALUES["extraConfigMaps"])
    assert f"CMD {json.dumps(container['args'])}" in (repository / "Dockerfile").read_text("utf-8")
    chosen = found["Deployment"]["selector"]["matchLabels"]
    assert chosen == pod["metadata"]["labels"] == found["Service"]["selector"]
    assert found["NetworkPolicy"] == {"podSelector": {"matchLabels": chosen}, "policyTypes": ["Ingress"]}
