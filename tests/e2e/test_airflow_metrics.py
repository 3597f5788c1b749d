"""Airflow's own metrics: `airflow dags test` sends them to a receiver of OTLP over HTTP."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from gamelake.paths import REPOSITORY
from tests.deploy import observability
from tests.support.airflow import airflow_environment
from tests.support.command import GAMELAKE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.long]


class Receiver(ThreadingHTTPServer):
    """Keeps what it receives: the path of each request, and the names of the metrics in it."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.metrics: set[str] = set()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        sent = ExportMetricsServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.add(self.path)
        scopes = [scope for resource in sent.resource_metrics for scope in resource.scope_metrics]
        self.server.metrics |= {metric.name for scope in scopes for metric in scope.metrics}
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def test_one_variable_lets_airflow_send_its_metrics(tmp_path: Path) -> None:
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    try:
        environment = airflow_environment(tmp_path, lake=(tmp_path / "lake").as_uri(), igdb={})
        environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.server_port}/api/v1/otlp"}
        for arguments in (["prepare"], ["airflow", "dags", "test", "lake_audit"]):
            ran = subprocess.run(
                [GAMELAKE, "laptop", *arguments],
                env=environment,
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    finally:
        receiver.shutdown()
        receiver.server_close()
    assert receiver.paths == {"/api/v1/otlp/v1/metrics"}, "where Prometheus 3 receives them"
    listed = {metric["name"] for metric in observability.load(observability.AIRFLOW_METRICS)["metrics"]}
    sent = {name.removeprefix("airflow.") for name in receiver.metrics}
    assert {"ti.start", "ti.finish"} <= sent
    assert len(sent & listed) >= 4, sorted(sent)
