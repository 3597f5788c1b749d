"""Ask a deployed Airflow, through its API, whether the next night can run and readers can read.

with Deployment("https://airflow.example.com", password="…") as deployment:
    findings = deployment.check()

Nothing is changed there, and no DAG is started. The marts are read through the pages of `plugins/gamelake_ui`, with the
rights of the API server.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx

from gamelake.registry import loaded_sources
from gamelake.urls import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

WITHOUT_SOURCE = ("transform", "lake_audit", "data_quality", "data_quality_of_marts", "daily_brief", "apply_events")
"""The DAGs beside those of the loads."""
REQUEST_SECONDS = 30
_POLL_SECONDS = 3
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PARQUET = b"PAR1"
"""The first bytes of a Parquet file, and its last."""
_IMPORT = "run `gamelake settings import` where Airflow runs (on a laptop `make settings`)"
_PAGE = 100


class SmokeError(Exception):
    """The deployment cannot be asked; the message has the address, what was found and what was expected."""


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    LOOK = "look"
    """It works, and a person should look at it."""
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, for people."""

    status: Status
    subject: str
    text: str


class Deployment:
    """An Airflow at an address, logged in."""

    def __init__(self, address: str, *, user: str = "admin", password: str | None = None, token: str | None = None):
        """Log in.

        Args:
            address: Airflow's web UI, with its base path.
            user: The user, if there is no token.
            password: The user's password.
            token: A token of Airflow's API, in place of user and password.

        Raises:
            SmokeError: The address does not answer, is not safe for a password, or refuses the login.
        """
        host = check_address(address)
        # A proxy of the environment is not for an address of this machine.
        self._http = httpx.Client(
            base_url=address.rstrip("/"), timeout=REQUEST_SECONDS, trust_env=host not in _LOOPBACK
        )
        if token is None:
            if password is None:
                raise SmokeError("AIRFLOW_PASSWORD: not set, expected the password of the user, or AIRFLOW_TOKEN")
            token = self._token(user, password)
        if not (token.isascii() and token.isprintable()):
            raise SmokeError("AIRFLOW_TOKEN: found a line break or another character that no header may have")
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _token(self, user: str, password: str) -> str:
        reply = self._send("POST", "/auth/token", json={"username": user, "password": password})
        if not reply.is_success:
            raise SmokeError(f"{reply.url}: found status {reply.status_code}, expected a token for the user {user!r}")
        return str(_document(reply)["access_token"])

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise SmokeError(f"{self._http.base_url}{path}: {error}, expected an answer of Airflow") from None

    def _get(self, path: str, **options: Any) -> Any:
        """Return the JSON of a reply. Raises: SmokeError."""
        reply = self._send("GET", path, **options)
        if not reply.is_success:
            raise SmokeError(f"{reply.url}: found status {reply.status_code}: {_detail(reply)}")
        return _document(reply)

    def _list(self, path: str, key: str) -> list[dict[str, Any]]:
        """Return everything of a list: Airflow returns 100 at a time, and others may use it too. Raises: SmokeError."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._get(path, params={"limit": _PAGE, "offset": len(found)})
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def check(self, *, wait_seconds: float, secrets_backend: bool) -> list[Finding]:
        """Make every check. A check that cannot be made has failed.

        Args:
            wait_seconds: How long the DAG processor may take to parse every DAG again.
            secrets_backend: Connections may be outside of Airflow's database, where its API does not show them.
        """
        checks: dict[str, Callable[[], list[Finding]]] = {
            "health": self._health,
            "DAGs": lambda: self._dags(wait_seconds),
            "connections": lambda: self._connections(secrets_backend=secrets_backend),
            "pools": self._pools,
            "night": self._night,
            "marts": self._marts,
        }
        findings = []
        for subject, check in checks.items():
            try:
                findings += check()
            except SmokeError as error:
                findings.append(Finding(Status.FAILED, subject, str(error)))
        return findings

    def _health(self) -> list[Finding]:
        health = self._get("/api/v2/monitor/health")
        parts = {name: health[name]["status"] for name in ("metadatabase", "scheduler", "dag_processor")}
        ill = [f"{name} is {state or 'not running'}" for name, state in parts.items() if state != "healthy"]
        if ill:
            return [Finding(Status.FAILED, "health", f"{', '.join(ill)}; expected healthy. Look at its log")]
        return [Finding(Status.OK, "health", f"{', '.join(parts)} are healthy")]

    def _dags(self, wait_seconds: float) -> list[Finding]:
        reply = self._send("GET", "/api/v2/version")
        # By the server's clock, as the times of the DAGs are.
        now = parsedate_to_datetime(reply.headers["Date"])
        deadline = time.monotonic() + wait_seconds
        while True:
            found = self._dags_since(now)
            if not any(each.status is Status.FAILED for each in found) or time.monotonic() > deadline:
                return found
            time.sleep(_POLL_SECONDS)

    def _dags_since(self, now: datetime) -> list[Finding]:
        """Look at the DAGs, which the DAG processor has to have parsed since `now`."""
        errors = self._list("/api/v2/importErrors", "import_errors")
        if errors:
            lines = [f"{each['filename']}: {each['stack_trace'].strip().splitlines()[-1]}" for each in errors]
            return [Finding(Status.FAILED, "DAGs", f"cannot be imported: {'; '.join(lines)}")]
        dags = {each["dag_id"]: each for each in self._list("/api/v2/dags", "dags")}
        expected = sorted(expected_dags())
        if missing := [name for name in expected if name not in dags]:
            return [Finding(Status.FAILED, "DAGs", f"missing: {', '.join(missing)}; expected {len(expected)} DAGs")]
        old = [name for name in expected if _parsed(dags[name]) < now]
        if old:
            text = f"not parsed since this check began: {', '.join(old)}. Look at the log of the DAG processor"
            return [Finding(Status.FAILED, "DAGs", text)]
        findings = [Finding(Status.OK, "DAGs", f"{len(expected)} are parsed, without an error")]
        if paused := [name for name in expected if dags[name]["is_paused"]]:
            findings.append(Finding(Status.LOOK, "DAGs", f"paused: {', '.join(paused)}"))
        return findings

    def _connections(self, *, secrets_backend: bool) -> list[Finding]:
        stored = {each["connection_id"]: each for each in self._list("/api/v2/connections", "connections")}
        findings = []
        for name in [*sorted({source.connection for source in loaded_sources().values()}), "aws_default"]:
            if name in stored:
                findings.append(Finding(Status.OK, "connections", f"{name}: {stored[name]['host'] or 'no host'}"))
            elif secrets_backend:
                findings.append(
                    Finding(Status.OK, "connections", f"{name}: not in the database, expected in the backend")
                )
            else:
                text = f"{name} is missing: {_IMPORT}, or give --secrets-backend if one has it"
                findings.append(Finding(Status.FAILED, "connections", text))
        return findings

    def _pools(self) -> list[Finding]:
        slots = {each["name"]: each["slots"] for each in self._list("/api/v2/pools", "pools")}
        wanted = sorted({source.pool for source in loaded_sources().values()})
        if missing := [name for name in wanted if not slots.get(name)]:
            text = f"{', '.join(missing)}: missing or without a slot: {_IMPORT}"
            return [Finding(Status.FAILED, "pools", text)]
        return [Finding(Status.OK, "pools", ", ".join(f"{name}: {slots[name]}" for name in wanted))]

    def _night(self) -> list[Finding]:
        nights = self._get("/gamelake/api/nights")
        night, reason = nights["night"], nights["marks"][-1]["reason"]
        text = f"{night['day']} is {night['status']} in {nights['lake']}" + (f": {reason}" if reason else "")
        status = Status.OK if night["status"] in {"complete", "running", "before"} else Status.LOOK
        findings = [Finding(status, "night", text)]
        return findings + [Finding(Status.LOOK, "night", problem) for problem in nights["problems"]]

    def _marts(self) -> list[Finding]:
        reply = self._send("GET", "/gamelake/api/marts")
        if reply.status_code == httpx.codes.NOT_FOUND:
            return [Finding(Status.LOOK, "marts", _detail(reply))]
        published = self._get("/gamelake/api/marts")
        damaged = []
        for mart in published["marts"]:
            path, query = f"/gamelake/marts/{mart['name']}", {"sha256": mart["sha256"]}
            ends = [
                self._send("GET", path, params=query, headers={"Range": f"bytes={part}"})
                for part in (f"0-{len(_PARQUET) - 1}", f"-{len(_PARQUET)}")
            ]
            if not all(end.is_success and end.content == _PARQUET for end in ends):
                damaged.append(mart["name"])
        if damaged:
            return [Finding(Status.FAILED, "marts", f"cannot be read as Parquet: {', '.join(damaged)}")]
        return [Finding(Status.OK, "marts", f"{len(published['marts'])} of {published['day']} can be read")]


def check_address(address: str) -> str:
    """Return the host of an address, to which a login may be sent. Raises: SmokeError."""
    shown = without_secrets(address)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise SmokeError(f"found {shown!r}, expected the address of Airflow, such as https://airflow.example.com")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise SmokeError(f"found {shown!r}, expected https://: anyone on the way could read the login")
    return host


def expected_dags() -> set[str]:
    """Return the ids of the DAGs that every deployment has."""
    loads = {entity.dag_id for source in loaded_sources().values() for entity in source.entities.values()}
    return loads | set(WITHOUT_SOURCE)


def _parsed(dag: dict[str, Any]) -> datetime:
    """Return when the DAG processor parsed a DAG, the last time."""
    return datetime.fromisoformat(dag["last_parsed_time"])


def _document(reply: httpx.Response) -> Any:
    """Return the JSON object of a reply. Raises: SmokeError, as where a login page of a proxy answers."""
    try:
        found = reply.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SmokeError(
            f"{reply.url}: found {reply.text[:80]!r}, expected a JSON object of Airflow. Does another server answer at "
            "this address, such as the login page of a proxy?"
        )
    return found


def _detail(reply: httpx.Response) -> str:
    """Return what a reply states, in short."""
    try:
        return str(reply.json()["detail"])[:300]
    except (ValueError, KeyError, TypeError):
        return reply.text[:300]
