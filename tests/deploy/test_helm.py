"""The chart's values: keys that the chart documents, pods that Kubernetes takes, and no secret of ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from apps.change_capture.capture import END_SECONDS as CAPTURE_END_SECONDS
from apps.event_collector.__main__ import END_SECONDS
from apps.event_collector.collector import UPLOAD_AT_END
from apps.event_collector.spool import MAX_BYTES
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
    for file in ("event-collector.yaml", "change-capture.yaml"):
        names += [key["name"] for key in keys_of(beside(file)["StatefulSet"])]
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
            self.send_header("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT")
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
    found = beside("dashboard.yaml")
    container = beside_the_release(found, found["Deployment"]["spec"])
    pod = found["Deployment"]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == VALUES["apiServer"]["serviceAccount"]["name"]
    assert keys_of(found["Deployment"]) == []
    assert f"CMD {json.dumps(container['args'])}" in (repository / "Dockerfile").read_text("utf-8")


def test_the_event_collector_is_a_pod_that_can_only_add_events(repository: Path, compose: dict[str, Any]) -> None:
    found = beside("event-collector.yaml")
    container = beside_the_release(found, found["StatefulSet"]["spec"])
    service, account = compose["services"]["event-collector"], found["ServiceAccount"]
    assert container["args"] == service["command"]
    # Terraform gives the role `collect` to this account. No pod of Airflow has it.
    name = account["metadata"]["name"]
    assert name == found["StatefulSet"]["spec"]["template"]["spec"]["serviceAccountName"]
    assert name not in {pod["spec"]["serviceAccountName"] for pod in PODS.values()}
    assert f'service_account = "{name}"' in (repository / "deploy" / "terraform" / "iam.tf").read_text("utf-8")
    assert account["automountServiceAccountToken"] is False
    # It has its own secrets, and none of Airflow's.
    keys = {(key["name"], key["key"]) for key in keys_of(found["StatefulSet"])}
    assert keys == {
        ("gamelake-events", "webhook-secret"),
        ("gamelake-events", "senders"),
        ("gamelake-metrics", "token"),
    }
    assert {each["name"] for each in container["env"]} <= set(service["environment"]) | {"GAMELAKE_EVENT_SPOOL"}


def test_what_the_event_collector_has_answered_outlives_its_pod() -> None:
    found = beside("event-collector.yaml")
    spec = found["StatefulSet"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (spool,) = [each["value"] for each in container["env"] if each["name"] == "GAMELAKE_EVENT_SPOOL"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    (claim,) = spec["volumeClaimTemplates"]
    assert mounts[str(PurePosixPath(spool).parent)] == claim["metadata"]["name"]
    size = claim["spec"]["resources"]["requests"]["storage"]
    assert int(size.removesuffix("Gi")) * 1024**3 > MAX_BYTES * 1.5, "and room for what the filesystem needs"
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > END_SECONDS + UPLOAD_AT_END
    # A pod that can store nothing gets no requests. A restart would not help it, and would end what is in memory.
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    assert "tcpSocket" in container["livenessProbe"]
    assert found["PodDisruptionBudget"]["spec"]["selector"] == spec["selector"]


def test_a_deployment_changes_the_image_of_the_event_collector(repository: Path) -> None:
    """The commands of the workflow and of the page, held against a file of the same name and container."""
    workflow = (repository / ".github" / "workflows" / "deploy.yaml").read_text("utf-8")
    page = (repository / "docs" / "guides" / "deploy" / "upgrade.md").read_text("utf-8")
    found = beside("event-collector.yaml")["StatefulSet"]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    command = f'set image statefulset/{found["metadata"]["name"]} "?{container["name"]}='
    assert re.search(command, workflow)
    assert re.search(command, page)
    assert f"get statefulset {found['metadata']['name']} " in workflow


def test_the_schemas_of_other_senders_are_where_the_event_collector_reads_them(repository: Path) -> None:
    spec = beside("event-collector.yaml")["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    (schemas,) = [volume["configMap"] for volume in spec["volumes"] if "configMap" in volume]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert environment["GAMELAKE_EVENT_SCHEMAS"] in {mount["mountPath"] for mount in container["volumeMounts"]}
    page = (repository / "docs" / "guides" / "deploy" / "kubernetes.md").read_text("utf-8")
    files = dict(re.findall(r"--from-file=(\S+)=(\S+)", page))
    folder = repository / "deploy" / "event-schemas"
    assert {item["key"]: str(repository / files[item["key"]]) for item in schemas["items"]} == {
        item["key"]: str(folder / item["path"]) for item in schemas["items"]
    }
    assert all((folder / item["path"]).is_file() for item in schemas["items"])


def test_the_capture_is_one_pod_that_can_only_add_events(repository: Path, compose: dict[str, Any]) -> None:
    found = beside("change-capture.yaml")
    stateful = found["StatefulSet"]["spec"]
    container = beside_the_release(found, stateful)
    service, pod = compose["services"]["change-capture"], stateful["template"]["spec"]
    assert container["args"] == service["command"]
    assert f"CMD {json.dumps(container['args'])}" in (repository / "Dockerfile").read_text("utf-8")
    # The account of the event collector, which Terraform gives the role `collect`.
    collector = beside("event-collector.yaml")["ServiceAccount"]
    assert pod["serviceAccountName"] == found["ServiceAccount"]["metadata"]["name"] == collector["metadata"]["name"]
    assert found["ServiceAccount"]["automountServiceAccountToken"] is False
    keys = {(key["name"], key["key"]) for key in keys_of(found["StatefulSet"])}
    assert keys == {("gamelake-capture", "uri"), ("gamelake-capture", "password"), ("gamelake-metrics", "token")}
    assert {each["name"] for each in container["env"]} == {
        "GAMELAKE_CAPTURE_FOLDER", "GAMELAKE_CAPTURE_URI", "PGPASSWORD", "GAMELAKE_METRICS_TOKEN"
    }  # fmt: skip
    # A slot has one reader, and the position outlives the pod.
    assert stateful["replicas"] == 1
    (claim,) = stateful["volumeClaimTemplates"]
    (folder,) = [each["value"] for each in container["env"] if each["name"] == "GAMELAKE_CAPTURE_FOLDER"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts[str(PurePosixPath(folder).parent)] == claim["metadata"]["name"]
    assert pod["terminationGracePeriodSeconds"] > 2 * CAPTURE_END_SECONDS
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    assert "tcpSocket" in container["livenessProbe"]


@pytest.mark.parametrize(
    ("name", "file", "rules"),
    [
        ("gamelake-events", "event-collector.yaml", ("events.yml", 'up{job="gamelake-events"}')),
        ("gamelake-capture", "change-capture.yaml", ("capture.yml", 'engine_works{job="gamelake-capture"}')),
    ],
)
def test_prometheus_finds_the_figures_of_what_runs_beside(
    name: str, file: str, rules: tuple[str, str], repository: Path
) -> None:
    monitors = list(yaml.safe_load_all((FOLDER / "service-monitor.yaml").read_text("utf-8")))
    (monitor,) = [each["spec"] for each in monitors if each["metadata"]["name"] == name]
    found = beside(file)
    assert monitor["selector"]["matchLabels"].items() <= found["Service"]["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in found["Service"]["spec"]["ports"]}
    assert endpoint["authorization"]["credentials"] in keys_of(found["StatefulSet"])
    # The alerts know it by the job's name, which the compose stack's Prometheus has too.
    folder = repository / "deploy" / "observability" / "prometheus"
    jobs = {
        each["job_name"] for each in yaml.safe_load((folder / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    }
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": name}]
    assert jobs == {each["spec"]["endpoints"][0]["relabelings"][0]["replacement"] for each in monitors}
    assert rules[1] in (folder / "rules" / rules[0]).read_text("utf-8")


def test_the_ingress_of_the_docs_x(repository: Path) -> None:
    page = (repository / "docs" / "guides" / "deploy" / "kubernetes.md").read_text("utf-8")
    (text,) = re.findall(r"^    apiVersion: networking.k8s.io/v1\n    kind: Ingress\n(?:    .*\n)+", page, re.MULTILINE)
    ingress = yaml.safe_load(textwrap.dedent(text))
    kubernetes_validate.validate(ingress, KUBERNETES, strict=True)
    found = beside("event-collector.yaml")
    (rule,) = ingress["spec"]["rules"]
    assert {path["path"] for path in rule["http"]["paths"]} == {"/igdb/", "/v1/"}
    for path in rule["http"]["paths"]:
        service = path["backend"]["service"]
        assert service["name"] == found["Service"]["metadata"]["name"]
        assert service["port"]["name"] in {port["name"] for port in found["Service"]["spec"]["ports"]}
    assert [host for each in ingress["spec"]["tls"] for host in each["hosts"]] == [rule["host"]]


def beside(name: str) -> dict[str, dict[str, Any]]:
    """The objects of a file that is applied beside the release, by their kind."""
    objects = list(yaml.safe_load_all((FOLDER / name).read_text("utf-8")))
    for each in objects:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    found = {each["kind"]: each for each in objects}
    assert len(found) == len(objects)
    return found


def beside_the_release(found: dict[str, dict[str, Any]], workload: dict[str, Any]) -> dict[str, Any]:
    """The container of a pod that may do as little as those of the release, and that no other pod reaches."""
    pod, chosen = workload["template"], workload["selector"]["matchLabels"]
    spec = pod["spec"]
    container: dict[str, Any]
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == VALUES["securityContexts"]["pod"]
    assert spec["imagePullSecrets"] == VALUES["imagePullSecrets"]
    assert container["securityContext"] == VALUES["securityContexts"]["containers"]
    assert container["image"].endswith(f"@sha256:{'0' * 64}")
    assert container["image"].partition("/")[0].endswith(".invalid")
    assert {each["configMapRef"]["name"] for each in container["envFrom"]} <= set(VALUES["extraConfigMaps"])
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]
    claims = {claim["metadata"]["name"] for claim in workload.get("volumeClaimTemplates", [])}
    volumes = {volume["name"] for volume in spec["volumes"]} | claims
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert not [mount for mount in container["volumeMounts"] if mount["mountPath"].startswith(("/home", "/opt"))]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert chosen == pod["metadata"]["labels"] == found["Service"]["spec"]["selector"]
    assert {port["targetPort"] for port in found["Service"]["spec"]["ports"]} == {
        port["name"] for port in container["ports"]
    }
    assert found["NetworkPolicy"]["spec"] == {"podSelector": {"matchLabels": chosen}, "policyTypes": ["Ingress"]}
    return container


def keys_of(workload: dict[str, Any]) -> list[dict[str, Any]]:
    """The keys of secrets in the environment of a workload."""
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    return [each["valueFrom"]["secretKeyRef"] for each in container["env"] if "valueFrom" in each]
