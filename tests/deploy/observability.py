"""The rules, their cases and the dashboards of deploy/observability as data, and the metrics that exist."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import promql_parser
import yaml
from prometheus_client.parser import text_string_to_metric_families

from apps.change_capture.metrics import Metrics as CaptureMetrics
from apps.event_collector.collector import Collector
from apps.event_collector.metrics import Metrics
from apps.event_collector.spool import Batching, Spool
from gamelake.lake.factory import open_store
from gamelake.nights.metrics import METRICS
from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = REPOSITORY / "deploy" / "observability"
RULES = sorted((FOLDER / "prometheus" / "rules").glob("*.yml"))
CASES = sorted((FOLDER / "tests").glob("*.yml"))
BOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
AIRFLOW_METRICS = Path(airflow.__path__[0]) / "_shared/observability/metrics/metrics_template.yaml"


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def rules() -> list[dict[str, Any]]:
    return [rule for path in RULES for group in load(path)["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def cases() -> Iterator[tuple[str, bool]]:
    """The alert and whether it is expected to fire, for each expectation of the cases, in their order."""
    for path in CASES:
        for case in load(path)["tests"]:
            for expectation in case["promql_expr_test"]:
                (name,) = re.findall(r'alertname="(\w+)"', expectation["expr"])
                yield name, bool(expectation["exp_samples"])


def expressions() -> list[str]:
    """Every expression of the rules and dashboards, with Grafana's variables filled in."""
    found = [rule["expr"] for rule in rules()]
    for path in BOARDS:
        found += [target["expr"] for target in targets(json.loads(path.read_text(encoding="utf-8")))]
    return [each.replace("$__rate_interval", "5m").replace("$__range", "1h") for each in found]


def targets(value: Any) -> Iterator[dict[str, Any]]:
    """The queries of a dashboard, at any depth."""
    if isinstance(value, dict):
        if "expr" in value:
            yield value
        for each in value.values():
            yield from targets(each)
    elif isinstance(value, list):
        for each in value:
            yield from targets(each)


def selected(expression: str) -> set[str]:
    """The names of the metrics that an expression reads. Raises: ValueError, if it is not PromQL."""
    names: set[str] = set()

    def visit(part: Any) -> None:
        if isinstance(part, promql_parser.MatrixSelector):
            part = part.vector_selector
        if isinstance(part, promql_parser.VectorSelector):
            names.add(str(part.name))

    promql_parser.walk(promql_parser.parse(expression), visit)
    return names


def exported() -> set[str]:
    """The metrics that exist: ours, Airflow's as Prometheus names them, and those that rules record."""
    names = (
        of_the_event_collector()
        | of_the_capture()
        | {metric.name for metric in METRICS}
        | {"up"}
        | {rule["record"] for rule in rules() if "record" in rule}
    )
    for metric in load(AIRFLOW_METRICS)["metrics"]:
        name = f"airflow_{re.sub(r'[^a-zA-Z0-9_]', '_', metric['name'])}"
        kind = metric["type"]
        # Times are histograms in milliseconds, of which Prometheus keeps a native histogram of that name.
        names.add({"counter": f"{name}_total", "gauge": name}.get(kind, f"{name}_milliseconds"))
    return names


def of_the_capture() -> set[str]:
    """The metrics of a capture that was not started."""
    families = text_string_to_metric_families(CaptureMetrics().page().decode())
    names = {sample.name for family in families for sample in family.samples}
    return names | {f"gamelake_capture_{name}_total" for name in ("events", "parts")}


def of_the_event_collector() -> set[str]:
    """The metrics of a collector that was not started."""
    metrics = Metrics()
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool", Batching())
        Collector(open_store(f"file://{folder}/lake"), spool, metrics)
        families = text_string_to_metric_families(metrics.page().decode())
        names = {sample.name for family in families for sample in family.samples}
        spool.close()
    # Counters with labels, before their first event.
    return names | {f"gamelake_events_{name}_total" for name in ("accepted", "refused", "parts")}
