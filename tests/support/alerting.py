"""A real Prometheus and Alertmanager, with the rules and routes of deploy/observability, and a webhook for them."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.deploy.observability import FOLDER
from tests.support.airflow import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROGRAMS = {name: shutil.which(name) for name in ("prometheus", "prometheus-alertmanager")}
MISSING = None in PROGRAMS.values()
"""Debian's prometheus or prometheus-alertmanager is not installed."""
TOKEN = "a-token-of-a-test"
QUIET_SECONDS = 20
"""Longer than any interval of these: what would be sent twice would come."""


@contextmanager
def alerting(folder: Path, *, scraped: str, alert: str | None = None) -> Iterator[Receiver]:
    """Watch a page of metrics until the end of the block. Minutes of the rules and routes are seconds.

    scraped: host, port and path, such as `127.0.0.1:8080/gamelake/metrics`, whose token is TOKEN.
    alert: the only alert that is hurried so; by default all.
    """
    with ExitStack() as stack:
        receiver = stack.enter_context(_webhook())
        ports = {name: free_port() for name in PROGRAMS}
        _write_rules(folder / "rules", alert)
        _write_configuration(folder, scraped=scraped, alertmanager=ports["prometheus-alertmanager"], receiver=receiver)
        for name, options in (
            ("prometheus-alertmanager", ["--cluster.listen-address=", f"--storage.path={folder / 'alerts'}"]),
            ("prometheus", [f"--storage.tsdb.path={folder / 'series'}"]),
        ):
            configuration = folder / f"{name.removeprefix('prometheus-')}.yml"
            listen = [f"--config.file={configuration}", f"--web.listen-address=127.0.0.1:{ports[name]}"]
            stack.enter_context(_running([PROGRAMS[name], *listen, *options], folder / f"{name}.log", ports[name]))
        yield receiver


class Receiver:
    """A server that takes Slack's messages, and keeps them."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        kept = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                kept.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/secret"

    def texts(self) -> list[tuple[str, str]]:
        """The title and text of each message."""
        return [(each["title"], each["text"]) for message in self.messages for each in message["attachments"]]


@contextmanager
def _webhook() -> Iterator[Receiver]:
    receiver = Receiver()
    threading.Thread(target=receiver.server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()


@contextmanager
def _running(command: list[Any], log: Path, port: int) -> Iterator[None]:
    """A program until the end of the block, ready when it answers `/-/ready`."""
    with log.open("wb") as output, subprocess.Popen(list(map(str, command)), stdout=output, stderr=output) as process:
        try:
            until(lambda: _answers(port), f"{command[0]} is ready: {log}")
            yield
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def until(holds: Callable[[], bool], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not after {seconds} s: {what}"
        time.sleep(0.2)


def _write_rules(folder: Path, alert: str | None) -> None:
    shutil.copytree(FOLDER / "prometheus" / "rules", folder)
    (folder / "airflow.yml").unlink()
    for path in folder.glob("*.yml"):
        rules = re.split(r"(?m)^(?=      - )", path.read_text())
        path.write_text("".join(_hurried(rule) if _hurries(rule, alert) else rule for rule in rules))


def _hurries(rule: str, alert: str | None) -> bool:
    # A scrape of a busy machine may fail: that is another alert, with a time of its own.
    return f"alert: {alert}\n" in rule if alert else "alert: MetricsAbsent\n" not in rule


def _hurried(rule: str) -> str:
    rule = re.sub(r"(?m)^(\s+for): \w+$", r"\1: 6s", rule)
    return re.sub(r"(?m)^(\s+keep_firing_for): \w+$", r"\1: 15s", rule)


def _write_configuration(folder: Path, *, scraped: str, alertmanager: int, receiver: Receiver) -> None:
    """Copy deploy/observability with other addresses, and with seconds in place of minutes."""
    address, _, page = scraped.partition("/")
    (folder / "token").write_text(TOKEN)
    (folder / "webhook-url").write_text(receiver.url)
    text = (FOLDER / "prometheus" / "prometheus.yml").read_text().partition("storage:")[0]
    replaced = {
        "scrape_interval: 1m": "scrape_interval: 4s",
        "evaluation_interval: 1m": "evaluation_interval: 1s",
        "scrape_timeout: 30s": "scrape_timeout: 4s",
        "/etc/prometheus/metrics-token": str(folder / "token"),
        "/etc/prometheus/rules": str(folder / "rules"),
        "airflow-apiserver:8080": address,
        "/gamelake/metrics": f"/{page}",
        "alertmanager:9093": f"127.0.0.1:{alertmanager}",
    }
    for before, after in replaced.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "prometheus.yml").write_text(text)
    text = (FOLDER / "alertmanager" / "alertmanager.yml").read_text()
    text = text.replace("/etc/alertmanager/webhook-url", str(folder / "webhook-url"))
    text = text.replace("group_wait: 2m", "group_wait: 5s").replace("group_interval: 15m", "group_interval: 3s")
    (folder / "alertmanager.yml").write_text(text)
    shutil.copy(FOLDER / "alertmanager" / "message.tmpl", folder)
