"""The compose stack's profile `celery`, as processes of this machine: same commands, same environment, other addresses.

docker-compose.yaml is read, not repeated: what a service starts and with which settings is in that file. Two
things differ. Containers find each other by name, processes by port; and a worker here has a scratch folder that no
other worker sees, as on machines of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import psutil
import pytest
import yaml
from moto.server import ThreadedMotoServer

from deploy import compose_env
from gamelake.lake.factory import open_store
from gamelake.paths import REPOSITORY
from tests.support.airflow import Airflow, free_port, wait_until_healthy
from tests.support.command import environment_without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gamelake.lake.store import Store

TOOLS = ("initdb", "postgres", "pg_ctl", "pg_isready", "psql", "redis-server")


class Compose:
    """Services of the compose file with their variables filled in, and what is containers' replaced by ours."""

    def __init__(self, variables: Mapping[str, str], ours: Mapping[str, str]) -> None:
        self._services = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))["services"]
        self._variables = variables
        self._ours = ours

    def command(self, service: str) -> list[str]:
        return [self._filled(word) for word in self._services[service]["command"]]

    def environment(self, service: str) -> dict[str, str]:
        return {name: self._filled(value) for name, value in self._services[service].get("environment", {}).items()}

    def replicas(self, service: str) -> int:
        return int(self._services[service]["deploy"]["replicas"])

    def _filled(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            name, _, default = match[1].partition(":")
            return self._variables.get(name) or default.removeprefix("-")

        # `$$` is how compose writes a `$` that is the shell's.
        text = re.sub(r"(?<!\$)\$\{([^}]+)\}", value, text).replace("$$", "$")
        for theirs, here in self._ours.items():
            text = text.replace(theirs, here)
        return text


class Process:
    """A service that runs: a process in a session of its own, with its output in a file."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def popen(self) -> subprocess.Popen[bytes]:
        return self._process

    def descendants(self) -> list[psutil.Process]:
        """The process and all that it has started: a task is a process group of its own."""
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self._process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def kill(self) -> None:
        """SIGKILL to all of it at once, as when a machine fails."""
        everything = self.descendants()
        for process in everything:  # first stopped, so that none of them sees another one die
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        for process in {*everything, *self.descendants()}:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(timeout=30)

    def stop(self) -> None:
        """SIGTERM, and after some seconds SIGKILL to what is left."""
        everything = self.descendants()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        psutil.wait_procs(everything, timeout=10)
        for process in everything:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)


class Cluster:
    """The running stack: Airflow's API, the lake, and the workers by name."""

    def __init__(self, folder: Path, compose: Compose, base: Mapping[str, str], airflow: Airflow, store: Store) -> None:
        self.airflow = airflow
        self.store = store
        self.workers: dict[str, Process] = {}
        self._folder = folder
        self._compose = compose
        self._base = base

    def start_worker(self, name: str) -> None:
        """Start a worker that has nothing on its disk."""
        scratch = self._folder / f"{name}-scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        (scratch / "tmp").mkdir(parents=True)
        own = {
            "GAMELAKE_DUCKDB": str(scratch / "gamelake.duckdb"),
            "TMPDIR": str(scratch / "tmp"),
            "XDG_CACHE_HOME": str(scratch / "cache"),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        }
        environment = {**self._base, **self._compose.environment("airflow-worker"), **own}
        command = [*self._compose.command("airflow-worker"), "--celery-hostname", f"{name}@%h"]
        self.workers[name] = Process(name, command, environment, self._folder)

    def stop_workers(self) -> None:
        for worker in self.workers.values():
            worker.stop()

    def worker_of(self, pid: int) -> str:
        """The worker that a process belongs to."""
        for name, worker in self.workers.items():
            if pid in {process.pid for process in worker.descendants()}:
                return name
        pytest.fail(f"no worker has a process {pid}")


def missing_tools() -> list[str]:
    """What the cluster needs and this machine does not have."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


@contextmanager
def running_cluster(folder: Path, *, igdb: str, settings: Mapping[str, str]) -> Iterator[Cluster]:
    """The stack for as long as the block lasts; `igdb` is the sandbox's address, `settings` win over the file's."""
    variables = dict(re.findall(r"^([A-Z_]+)=(.*)$", compose_env.filled(compose_env.EXAMPLE.read_text()), re.MULTILINE))
    postgres, redis, api = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        objects = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        objects.start()
        stack.callback(objects.stop)
        s3 = "http://{}:{}".format(*objects.get_host_and_port())
        ours = {
            "@postgres/": f"@127.0.0.1:{postgres}/",
            "@redis:6379": f"@127.0.0.1:{redis}",
            "http://objects:8333": s3,
            "http://airflow-apiserver:8080": f"http://127.0.0.1:{api}",
            "http://sandbox:8900": igdb,
            "/tmp/passwords.json": str(folder / "passwords.json"),  # noqa: S108 - the container's
            "/opt/airflow/dbt": str(REPOSITORY / "dbt"),
            "valkey-server -": f"redis-server - --bind 127.0.0.1 --port {redis}",
        }
        compose = Compose(variables, ours)
        base = {**_image_environment(folder, api), **settings}

        def start(service: str, name: str | None = None, **own: str) -> Process:
            environment = {**base, **compose.environment(service), **own, **settings}
            process = Process(name or service, compose.command(service), environment, folder)
            stack.callback(process.stop)
            return process

        def run(service: str) -> None:
            process = start(service)
            assert process.popen.wait(timeout=240) == 0, process.log.read_text(encoding="utf-8")[-6000:]

        stack.enter_context(_running_postgres(postgres, variables["POSTGRES_PASSWORD"]))
        start("redis")
        run("lake-init")
        run("airflow-init")
        server = start("airflow-apiserver")
        for service in ("airflow-scheduler-celery", "airflow-dag-processor", "airflow-triggerer"):
            start(service)
        address = f"http://127.0.0.1:{api}"
        wait_until_healthy(address, server.popen, server.log)
        login = {"username": "admin", "password": variables["AIRFLOW_ADMIN_PASSWORD"]}
        log = folder / "airflow-scheduler-celery.log"
        airflow = Airflow(address, log, base, login)
        cluster = Cluster(folder, compose, base, airflow, _lake(compose.environment("lake-init")))
        stack.callback(cluster.stop_workers)
        for number in range(compose.replicas("airflow-worker")):
            cluster.start_worker(f"worker-{number + 1}")
        yield cluster


def _lake(environment: Mapping[str, str]) -> Store:
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    return open_store(environment["GAMELAKE_URI"], s3=client)


def _image_environment(folder: Path, api_port: int) -> dict[str, str]:
    """What the image gives each of its processes, for this repository's folder in place of /opt/airflow."""
    bin_ = folder / "bin"
    bin_.mkdir()
    for name, arguments in {"python": "", "airflow": " -m airflow", "gamelake": " -m gamelake.cli"}.items():
        (bin_ / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n', encoding="utf-8")
        (bin_ / name).chmod(0o755)
    home = folder / "airflow"
    home.mkdir()
    (home / "airflow.cfg").touch()  # else Airflow writes one, with a Fernet key of its own
    kept = environment_without("AIRFLOW", "GAMELAKE", "AWS_")
    image = dict(re.findall(r"\b(AIRFLOW__\w+|DO_NOT_TRACK)=(\S+)", (REPOSITORY / "Dockerfile").read_text()))
    extensions = os.environ.get("GAMELAKE_DUCKDB_EXTENSIONS", str(REPOSITORY / ".local" / "extensions"))
    return {
        **kept,
        **image,
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "plugins"))),
        "GAMELAKE_DUCKDB_EXTENSIONS": extensions,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__API__PORT": str(api_port),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
    }


@contextmanager
def _running_postgres(port: int, password: str) -> Iterator[None]:
    """A PostgreSQL of its own; it refuses to run as root, and pytest's folders are closed to everybody else."""
    with tempfile.TemporaryDirectory(prefix="gamelake-postgres-") as name:
        folder = Path(name)
        as_user: list[str] = []
        if os.getuid() == 0:
            shutil.chown(folder, "nobody")  # codespell:ignore nobody
            as_user = ["runuser", "-u", "nobody", "--"]  # codespell:ignore nobody
        secret = folder / "password"
        secret.write_text(password, encoding="ascii")
        data = str(folder / "data")
        make = ["initdb", "--pgdata", data, "--username", "airflow", "--auth", "scram-sha-256", "--pwfile", str(secret),
                "--no-sync", "--no-locale", "--encoding", "UTF8"]  # fmt: skip
        subprocess.run([*as_user, *make], check=True, capture_output=True, cwd=folder)
        # Not fsync: this cluster need not survive its machine.
        serve = ["postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
        process = subprocess.Popen([*as_user, *serve], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            ready = ["pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(port)]
            deadline = time.monotonic() + 60
            while subprocess.run(ready, check=False).returncode:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail("PostgreSQL did not start")
                time.sleep(0.2)
            create = ["psql", "--quiet", "--host", "127.0.0.1", "--port", str(port), "--username", "airflow",
                      "--dbname", "postgres", "--command", "create database airflow"]  # fmt: skip
            subprocess.run(create, check=True, env={**os.environ, "PGPASSWORD": password}, capture_output=True)
            yield
        finally:
            stop = ["pg_ctl", "stop", "--mode", "immediate", "--silent", "--pgdata", data]
            subprocess.run([*as_user, *stop], check=False, cwd=folder)
            process.wait(timeout=30)
