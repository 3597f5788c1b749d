"""The alert rules, their routes and the dashboards, by the tools of Prometheus and Alertmanager."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.paths import REPOSITORY
from tests.deploy import observability as parts
from tests.docs.test_links import anchors

if TYPE_CHECKING:
    from pathlib import Path

RUNBOOKS = "{{ $externalLabels.runbooks }}/"
ALERTS = parts.alerts()
ALERTMANAGER = parts.FOLDER / "alertmanager" / "alertmanager.yml"

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus' promtool is not installed")
needs_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="Alertmanager's amtool is not installed")


def run(*command: str | Path) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@needs_promtool
def test_the_rules_are_those_of_prometheus() -> None:
    run("promtool", "check", "rules", *parts.RULES)


@pytest.mark.slow
@needs_promtool
def test_each_rule_fires_and_ends_when_it_should() -> None:
    run("promtool", "test", "rules", *parts.CASES)


@needs_promtool
def test_the_configuration_is_one_of_prometheus(tmp_path: Path) -> None:
    text = (parts.FOLDER / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    # The paths are those of the container.
    (tmp_path / "token").write_text("token")
    text = text.replace("/etc/prometheus/metrics-token", str(tmp_path / "token"))
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus", str(parts.FOLDER / "prometheus")))
    run("promtool", "check", "config", tmp_path / "prometheus.yml")


def test_each_alert_has_cases_before_during_and_after() -> None:
    expected = defaultdict(list)
    for name, fires in parts.cases():
        expected[name].append(fires)
    assert expected.keys() == ALERTS.keys()
    for name, found in expected.items():
        assert re.search("0+1+0+", "".join(str(int(each)) for each in found)), name


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_states_how_urgent_it_is_and_what_to_do(name: str) -> None:
    alert: dict[str, Any] = ALERTS[name]
    by_finding = "by (severity" in alert["expr"]
    assert by_finding or alert["labels"]["severity"] in {"P0", "P1", "P2"}
    assert alert["labels"]["scope"]
    assert alert["for"]
    annotations = alert["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert len(annotations["summary"]) < 120, "it is the title of a message"
    page, _, anchor = annotations["runbook_url"].removeprefix(RUNBOOKS).partition("#")
    text = (REPOSITORY / "docs/guides/runbooks" / page).read_text(encoding="utf-8")
    assert not anchor or anchor in anchors(text)
    assert f"`{name}`" in text or page in {"held-load.md", "rejected-rows.md", "marts-are-wrong.md", "on-call.md"}


def test_the_page_loads_every_rule_file_on_kubernetes() -> None:
    """Those of Airflow's own metrics are only for who has switched them on."""
    page = (REPOSITORY / "docs/guides/observe.md").read_text(encoding="utf-8")
    (loaded,) = re.findall(r"for each in (.+); do", page)
    files = {path.stem for path in (REPOSITORY / "deploy/observability/prometheus/rules").glob("*.yml")}
    assert set(loaded.split()) == files - {"airflow"}


def test_no_consequence_outlasts_its_cause() -> None:
    """When a cause ends, it no longer silences what still lasts: the rest of a night would be told as a fault."""
    minutes = {name: int(alert["keep_firing_for"].removesuffix("m")) for name, alert in ALERTS.items()}
    of_night = {name: minutes[name] for name, alert in ALERTS.items() if alert["labels"].get("scope") == "night"}
    no_load = of_night.pop("NoLoadAtAll")
    assert no_load >= max(of_night.values()) + 20, "20 minutes: from the first load of a night to its publication"
    assert minutes["AirflowSchedulerSilent"] >= no_load + 10, "10 minutes: from the first heartbeat to the first load"


def test_every_expression_reads_metrics_that_exist() -> None:
    exported = parts.exported()
    read = {name for expression in parts.expressions() for name in parts.selected(expression)}
    assert {"gamelake_lake_readable", "airflow_scheduler_heartbeat_total"} <= read
    assert read - exported == set()


def test_a_wrong_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="parenthesis"):
        parts.selected("sum(gamelake_lake_readable")
    assert parts.selected("rate(a_total[5m]) + sum by (x) (b) and on () vector(time())") == {"a_total", "b"}


@needs_amtool
@pytest.mark.parametrize(
    ("severity", "receiver"), [("P0", "person"), ("P1", "person"), ("P2", "brief"), ("unheard of", "person")]
)
def test_each_severity_has_its_receiver(severity: str, receiver: str) -> None:
    route = ["amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"--verify.receivers={receiver}"]
    run(*route, f"severity={severity}", "scope=night", "alertname=LoadLate")


@needs_amtool
def test_the_configuration_is_one_of_alertmanager() -> None:
    assert "SUCCESS" in run("amtool", "check-config", ALERTMANAGER)
    text = ALERTMANAGER.read_text(encoding="utf-8")
    for receiver in parts.load(ALERTMANAGER)["receivers"]:
        (channel,) = receiver["slack_configs"]
        assert channel["send_resolved"] is True
        assert channel["api_url_file"].startswith("/"), "a file holds the secret"
    named = set(re.findall(r"\b[A-Z][a-z]+[A-Z]\w+", " ".join(re.findall(r"alertname\s*!?=~?\s*\"([^\"]+)\"", text))))
    assert named <= set(ALERTS), "a rule that another name inhibits nothing"
