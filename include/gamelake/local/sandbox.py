"""The laptop's sandbox: which day it shows next, and its process."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from gamelake.airflow.settings_file import IGDB_CONNECTION, connections, load_settings
from gamelake.days import PartitionError, day_of, format_day, parse_day
from gamelake.local.environment import LOCAL, LOGS
from gamelake.local.state import read_state, write_state
from gamelake.paths import REPOSITORY
from gamelake.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATE = LOCAL / "sandbox.json"
START_SECONDS = 60


class SandboxStartError(RuntimeError):
    """The sandbox did not start; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a sandbox: rows of `first_day` with the changes up to `today`, Korean days as YYYY-MM-DD."""

    first_day: str
    today: str

    @classmethod
    def last(cls) -> Days | None:
        """Return the days of the last run, or None before the first one. Raises: SandboxStartError."""
        if not STATE.exists():
            return None
        try:
            found = cls(**(read_state(STATE) or {}))
            parse_day(found.first_day)
            parse_day(found.today)
        except (TypeError, PartitionError) as error:
            raise SandboxStartError(
                f"{STATE}: found no days, expected what the last `make run` wrote; remove the file, and the lake "
                "with it (`make clean LAKE=yes`) if that has later days: the sandbox begins at the real day"
            ) from error
        return found

    @classmethod
    def next(cls) -> Days:
        """Return today for the first run; then the next day, or the real day if that is later."""
        real = real_today()
        if (last := cls.last()) is None:
            return cls(format_day(real), format_day(real))
        return cls(last.first_day, format_day(max(real, parse_day(last.today) + timedelta(days=1))))

    @classmethod
    def now(cls) -> Days:
        """Return the real day, on the rows that an earlier run or start began with.

        The first start is remembered, as a run of the day before: a sandbox of the next day has the same rows then.
        """
        real = real_today()
        today = format_day(real)
        last = cls.last()
        if last is None:
            cls(today, format_day(real - timedelta(days=1))).save()
        return cls(min(last.first_day, today) if last else today, today)

    def save(self) -> None:
        """Remember the days for the next run."""
        write_state(STATE, asdict(self))


def real_today() -> date:
    """Return the Korean day on this machine's clock."""
    return day_of(datetime.now(UTC))


def connection(url: str, conn_id: str = IGDB_CONNECTION) -> str:
    """Return a connection to a sandbox at a URL, as the JSON of an `AIRFLOW_CONN_…` variable."""
    settings = Settings(
        igdb_client_id=None,
        igdb_client_secret=None,
        igdb_base_url=None,
        igdb_token_url=None,
        rawg_api_key=None,
        rawg_base_url=None,
    )
    return json.dumps(connections(load_settings(), settings, sandbox=url)[conn_id])


def command(days: Days, port: int) -> list[str]:
    """Return the command that starts the sandbox. Raises: SettingsError; SandboxStartError."""
    folder = read_settings().igdb_recorded
    if folder and not any(folder.glob("*.jsonl")):
        raise SandboxStartError(
            f"IGDB_RECORDED: found {str(folder)!r}, expected a folder with a file for each endpoint, such as "
            "games.jsonl; name another folder, or unset the variable for made-up games"
        )
    games = str(read_settings().gamelake_sandbox_games)
    # Without a delay: RAWG's first load waits for some 700 replies, one after another.
    return [sys.executable, "-m", "gamelake.cli", "sandbox", "--port", str(port), "--games", games,
            "--first-day", days.first_day, "--today", days.today, "--latency", "0"]  # fmt: skip


@contextlib.contextmanager
def running(days: Days) -> Iterator[str]:
    """Run a sandbox on a free port for as long as the block lasts, and yield its URL. Raises: SandboxStartError."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "sandbox.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module and the user's own settings
            [*command(days, port=0), "--end-with-input"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,  # it ends with this process, also when that is killed
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the run, which needs the sandbox until its end
        )
    with process:
        try:
            yield wait_for_url(process, log)
        finally:
            process.terminate()


def wait_for_url(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the URL in the line that a sandbox prints when it is ready. Raises: SandboxStartError."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"http://[\w.:]+\d", log.read_text(encoding="utf-8")):
            return found.group()
        time.sleep(0.05)
    process.terminate()
    raise SandboxStartError(
        f"the sandbox did not start; its log {log} ends:\n{log.read_text(encoding='utf-8')[-2000:]}"
    )
