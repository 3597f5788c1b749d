"""The chart with our values, rendered by Helm: what Kubernetes would get, object by object.

`AIRFLOW_CHART` names the folder or archive of Airflow's official chart; CI downloads it. Without it nothing here runs.
"""

from __future__ import annotations

import configparser
import os
import re
from importlib.metadata import entry_points
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import kubernetes_validate
import pytest
import yaml

from tests.deploy.test_helm import FOLDER, KIND, KUBERNETES, PODS, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import helm_python

CHART = os.environ.get("AIRFLOW_CHART", "")

pytestmark = pytest.mark.skipif(not CHART, reason="AIRFLOW_CHART names no chart of Airflow")

IN_THE_IMAGE = tuple(
    map(
        PurePosixPath,
        ("/home/airflow/.local", "/opt/dbt", "/opt/duckdb", "/opt/airflow/include", "/opt/airflow/plugins",
         "/opt/airflow/dags", "/opt/airflow/dbt", "/opt/airflow/airflow_settings.yaml", "/usr/local/bin"),
    )
)  # fmt: skip
"""What a mount would hide: Airflow, dbt, the project and its commands."""

WITH_A_TOKEN = {"gamelake-scheduler", "airflow-cleanup"}
"""The accounts that may ask Kubernetes for something: to start pods, and to remove those of failed tasks."""


class Pod(NamedTuple):
    """A pod, with the object that makes it."""

    owner: str
    spec: dict[str, Any]

    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


@pytest.fixture(scope="module")
def chart() -> Iterator[helm_python.Chart]:
    from helm_python import Chart

    with Chart.load(CHART) as loaded:
        yield loaded


def rendered(chart: helm_python.Chart, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of a release, and those that are applied beside it."""
    texts = chart.render(values, name="airflow", namespace="airflow")
    documents = [text for name, text in texts.items() if name.endswith(".yaml")]
    documents += [(FOLDER / name).read_text("utf-8") for name in ("accounts.yaml", "network.yaml")]
    return [document for text in documents for document in yaml.safe_load_all(text) if document]


@pytest.fixture(scope="module")
def objects(chart: helm_python.Chart) -> list[dict[str, Any]]:
    return rendered(chart, VALUES)


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


@pytest.fixture(scope="module")
def tasks(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pods of tasks, as the scheduler reads them from its volumes."""
    maps = of_kind(objects, "ConfigMap")
    texts = {name.removesuffix(".yaml"): text for name, text in maps["gamelake-pods"]["data"].items()}
    texts["wait"] = maps["airflow-config"]["data"]["pod_template_file.yaml"]
    return {name: yaml.safe_load(text) for name, text in texts.items()}


@pytest.fixture(scope="module")
def pods(objects: list[dict[str, Any]], tasks: dict[str, dict[str, Any]]) -> list[Pod]:
    found = [Pod(f"task {name}", pod["spec"]) for name, pod in tasks.items()]
    for each in objects:
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if each["kind"] in {"Deployment", "StatefulSet", "Job", "CronJob"}:
            found.append(Pod(each["metadata"]["name"], spec["template"]["spec"]))
    return found


def test_the_values_are_those_that_the_chart_documents(chart: helm_python.Chart) -> None:
    from helm_python import HelmError

    chart.validate_schema(VALUES)
    with pytest.raises(HelmError):
        chart.validate_schema(VALUES | {"createUserJob": {"enable": False}})


def test_kubernetes_takes_every_object(objects: list[dict[str, Any]], tasks: dict[str, dict[str, Any]]) -> None:
    for each in [*objects, *tasks.values()]:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_the_tests_without_a_chart_see_the_same_pods(tasks: dict[str, dict[str, Any]]) -> None:
    assert tasks == PODS


def test_the_release_has_these_processes_and_jobs(objects: list[dict[str, Any]]) -> None:
    assert set(of_kind(objects, "Deployment")) == {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor"}
    assert set(of_kind(objects, "Job")) == {"airflow-run-airflow-migrations"}
    assert set(of_kind(objects, "CronJob")) == {"airflow-cleanup", "airflow-database-cleanup"}
    assert of_kind(objects, "StatefulSet") == of_kind(objects, "Secret") == {}


def test_a_rollback_takes_everything_back(objects: list[dict[str, Any]]) -> None:
    """Helm does not roll hooks back, and runs those after an installation only when all pods are ready."""
    hooks = [each["metadata"]["name"] for each in objects if "helm.sh/hook" in str(each["metadata"].get("annotations"))]
    assert hooks == []


def test_no_mount_hides_what_the_image_has(pods: list[Pod]) -> None:
    for pod in pods:
        for container in pod.containers():
            mounts = [PurePosixPath(mount["mountPath"]) for mount in container["volumeMounts"]]
            assert len(mounts) == len(set(mounts))
            hidden = [(mount, path) for mount in mounts for path in IN_THE_IMAGE if path.is_relative_to(mount)]
            assert hidden == [], pod.owner
            volumes = {volume["name"] for volume in pod.spec["volumes"]}
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_a_command_is_one_of_the_image(pods: list[Pod]) -> None:
    """Not of an entry point or script that only one of the bases has."""
    ours = {each.name for each in entry_points(group="console_scripts")} & {"airflow", "gamelake"}
    assert ours == {"airflow", "gamelake"}
    probes = 0
    for pod in pods:
        for container in pod.containers():
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                if command := container.get(name, {}).get("exec", {}).get("command"):
                    probes += 1
                    assert command[0] in ours, (pod.owner, name)
            command = [*container.get("command", []), *container.get("args", [])]
            assert command == [] or command[0] in ours | {"bash"}, pod.owner
            assert not [word for word in command if "/entrypoint" in word or "/clean-logs" in word], pod.owner
    assert probes == 3


def test_every_name_is_there(objects: list[dict[str, Any]], pods: list[Pod]) -> None:
    maps, accounts = of_kind(objects, "ConfigMap"), of_kind(objects, "ServiceAccount")
    (logs,) = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods
        for volume in pod.spec["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert logs == VALUES["logs"]["persistence"]["existingClaim"]
    for pod in pods:
        assert pod.spec["serviceAccountName"] in accounts, pod.owner
        used = {volume["configMap"]["name"] for volume in pod.spec["volumes"] if "configMap" in volume}
        for container in pod.containers():
            used |= {each["configMapRef"]["name"] for each in container.get("envFrom", [])}
        assert used <= set(maps), pod.owner
    # No account without a pod.
    assert set(accounts) == {pod.spec["serviceAccountName"] for pod in pods}


def test_few_may_ask_kubernetes_for_anything(objects: list[dict[str, Any]]) -> None:
    accounts = of_kind(objects, "ServiceAccount")
    assert {name for name, each in accounts.items() if each.get("automountServiceAccountToken", True)} == WITH_A_TOKEN
    roles = of_kind(objects, "Role")
    granted: dict[str, list[dict[str, Any]]] = {}
    for binding in of_kind(objects, "RoleBinding").values():
        for subject in binding["subjects"]:
            granted.setdefault(subject["name"], []).extend(roles[binding["roleRef"]["name"]]["rules"])
    assert {name for name, rules in granted.items() if rules} == WITH_A_TOKEN
    assert {resource for rules in granted.values() for rule in rules for resource in rule["resources"]} == {"pods"}
    assert of_kind(objects, "ClusterRole") == of_kind(objects, "ClusterRoleBinding") == {}


def test_a_container_may_do_little_and_has_limits(pods: list[Pod]) -> None:
    secrets = VALUES["imagePullSecrets"]
    for pod in pods:
        assert pod.spec["imagePullSecrets"] == secrets, pod.owner
        assert pod.spec["securityContext"] == VALUES["securityContexts"]["pod"], pod.owner
        for container in pod.containers():
            assert container["securityContext"] == VALUES["securityContexts"]["containers"], pod.owner
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), pod.owner
            assert "memory" in container["resources"]["limits"], pod.owner


def test_only_pods_of_the_release_reach_the_api_server(objects: list[dict[str, Any]]) -> None:
    policies = of_kind(objects, "NetworkPolicy")
    rules = {name: policy["spec"].get("ingress", []) for name, policy in policies.items()}
    (allowed,) = rules.pop("airflow-api-server-policy")
    assert allowed["from"] == [{"podSelector": {"matchLabels": {"tier": "airflow"}}}]
    assert not any(rules.values())
    closed = policies["gamelake-no-ingress"]["spec"]["podSelector"]["matchLabels"]
    labels = [pod["metadata"]["labels"] for pod in PODS.values()]
    labels += [each["spec"]["template"]["metadata"]["labels"] for each in of_kind(objects, "Deployment").values()]
    assert all(closed.items() <= each.items() for each in labels)


def test_prometheus_finds_the_metrics_and_their_token(objects: list[dict[str, Any]], repository: Path) -> None:
    page = (repository / "docs" / "guides" / "deploy" / "kubernetes.md").read_text("utf-8")
    (monitor,) = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    service = of_kind(objects, "Service")["airflow-api-server"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    # Nothing but the API server has the token.
    holders = {}
    for name, each in of_kind(objects, "Deployment").items():
        for container in each["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env", []):
                if variable["name"] == "GAMELAKE_METRICS_TOKEN":
                    holders[name] = variable["valueFrom"]["secretKeyRef"]
    assert holders == {"airflow-api-server": endpoint["authorization"]["credentials"]}


def test_a_task_finds_the_api_server(objects: list[dict[str, Any]]) -> None:
    service = of_kind(objects, "Service")["airflow-api-server"]
    (port,) = service["spec"]["ports"]
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(of_kind(objects, "ConfigMap")["airflow-config"]["data"]["airflow.cfg"])
    address = f"http://airflow-api-server:{port['port']}/execution/"
    assert config["core"]["execution_api_server_url"] == address
    for pod in PODS.values():
        environment = {each["name"]: each["value"] for each in pod["spec"]["containers"][0]["env"]}
        assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == address
    assert config["kubernetes_executor"]["worker_container_tag"] == ""


def test_the_release_of_one_node_is_the_same_with_fewer_pods(chart: helm_python.Chart) -> None:
    own = yaml.safe_load((KIND / "values.yaml").read_text("utf-8"))
    values = chart.merge_values(merged(VALUES, own))
    chart.validate_schema(values)
    objects = rendered(chart, values)
    assert {each["spec"]["replicas"] for each in of_kind(objects, "Deployment").values()} == {1}
    assert of_kind(objects, "ConfigMap")["gamelake-environment"]["metadata"].get("annotations") is None
    (job,) = of_kind(objects, "Job").values()
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert {"IGDB_BASE_URL", "IGDB_TOKEN_URL"} <= {each["name"] for each in container["env"]}


def merged(values: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Two files of values as Helm merges them: maps by key, everything else is replaced."""
    both = {key: merged(values[key], own[key]) for key in values.keys() & own.keys() if isinstance(own[key], dict)}
    return values | own | both
