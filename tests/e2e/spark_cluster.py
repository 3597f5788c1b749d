"""A Spark cluster of this machine: a standalone master and two workers of one core, each a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = Path(os.environ.get("GAMELAKE_SPARK_PYTHON") or REPOSITORY / ".venv-spark" / "bin" / "python")
WORKERS = ("first", "second")
STARTS_WITHIN = 60

# What a cluster's own configuration would say. Of few rows, 200 tasks a stage, compiled code and
# plans that are made again after each stage only cost time.
DEFAULTS = """\
spark.driver.host 127.0.0.1
spark.sql.shuffle.partitions 4
spark.sql.adaptive.enabled false
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.ui.enabled false
spark.eventLog.enabled true
spark.eventLog.compress false
spark.eventLog.rolling.enabled false
spark.eventLog.dir {events}
"""


@dataclass(frozen=True)
class SparkCluster:
    """Where it is, and its folders: events of each application, and of each worker the executors that it started."""

    master: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """For the driver."""
        return {
            "GAMELAKE_SPARK_MASTER": self.master,
            "SPARK_CONF_DIR": str(self.folder / "conf"),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }

    def tasks(self) -> list[Counter[str]]:
        """Of each application, by age, how many tasks succeeded on each worker."""
        return [self._tasks_of(log) for log in sorted((self.folder / "events").iterdir())]

    def _tasks_of(self, log: Path) -> Counter[str]:
        application = log.name.removesuffix(".inprogress")
        executors = {
            executor.name: worker
            for worker in WORKERS
            for executor in (self.folder / worker / application).glob("*")
            if executor.is_dir()
        }
        tasks: Counter[str] = Counter()
        for line in log.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["Event"] == "SparkListenerTaskEnd" and event["Task End Reason"]["Reason"] == "Success":
                tasks[executors[event["Task Info"]["Executor ID"]]] += 1
        return tasks


@contextmanager
def running_spark(folder: Path) -> Iterator[SparkCluster]:
    """Start it, wait until both workers are there, and stop it in the end."""
    for name in ("conf", "events", *WORKERS):
        (folder / name).mkdir(parents=True)
    (folder / "conf" / "spark-defaults.conf").write_text(DEFAULTS.format(events=folder / "events"), encoding="utf-8")
    processes = []
    try:
        log, process = _start("master.Master", folder / "master.log")
        processes.append(process)
        master = _printed(log, r"Starting Spark master at (spark://\S+)")
        page = _printed(log, r"'MasterUI' on port (\d+)")
        for worker in WORKERS:
            options = ["--cores", "1", "--memory", "1g", "--work-dir", str(folder / worker), master]
            processes.append(_start("worker.Worker", folder / f"{worker}.log", *options)[1])
        _wait_for_workers(f"http://127.0.0.1:{page}/json/")
        yield SparkCluster(master, folder)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(30)


def _start(what: str, log: Path, *options: str) -> tuple[Path, subprocess.Popen[bytes]]:
    home = subprocess.check_output([PYTHON, "-c", "import pyspark; print(pyspark.__path__[0])"], text=True).strip()
    command = [f"{home}/bin/spark-class", f"org.apache.spark.deploy.{what}", "--host", "127.0.0.1", "--port", "0"]
    with log.open("wb") as output:
        environment = {**os.environ, "SPARK_HOME": home, "SPARK_LOCAL_IP": "127.0.0.1"}
        process = subprocess.Popen(
            [*command, "--webui-port", "0", *options], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    return log, process


def _printed(log: Path, pattern: str) -> str:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        if found := re.search(pattern, log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.2)
    raise TimeoutError(
        f"{log}: printed nothing like {pattern!r} within {STARTS_WITHIN} s:\n{log.read_text('utf-8')[-3000:]}"
    )


def _wait_for_workers(url: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    alive = 0
    while time.monotonic() < deadline:
        with urlopen(url, timeout=10) as reply:  # noqa: S310 - of this machine
            alive = json.load(reply)["aliveworkers"]
        if alive == len(WORKERS):
            return
        time.sleep(0.2)
    raise TimeoutError(f"{url}: {alive} workers within {STARTS_WITHIN} s, expected {len(WORKERS)}")
