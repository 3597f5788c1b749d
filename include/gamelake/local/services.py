"""The background processes of `make up`: each has its own log, session and file with its process id."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil  # Airflow requires it

from gamelake.local.environment import LOCAL, LOGS
from gamelake.local.state import read_state, write_state
from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

PIDS = LOCAL / "pids"
STOP_SECONDS = 30
SAME_START_SECONDS = 2
"""A process whose start differs more from the recorded one is another with the same id, after a reboot."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"\b\w*(Error|Exception)\b *[:(]|\[Errno|\berror\b|\bCRITICAL\b|\bFATAL\b", re.IGNORECASE)
_FRAME = re.compile(r"^\s*(File \"|Traceback|raise |\^)|│|╭|╰")


@dataclass(frozen=True, slots=True)
class Service:
    """A background process, by name."""

    name: str

    @property
    def log(self) -> Path:
        """The file that the process writes to; each start replaces it."""
        return LOGS / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return PIDS / f"{self.name}.json"

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start it in its own session, so that it outlives the terminal."""
        for folder in (LOGS, PIDS):
            folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own modules and the user's own settings
                command,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            write_state(self._pid_file, {"pid": process.pid, "started": _start(process.pid)})
        except BaseException:  # a full disk, or a signal: no one else would know this process
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process

    def processes(self) -> list[psutil.Process]:
        """Return its running processes, those of its session's group; zombies do not count."""
        group = self._group()
        found = []
        for process in psutil.process_iter() if group else ():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def running(self) -> bool:
        """Return whether any of its processes runs."""
        return bool(self.processes())

    def is_alive(self) -> bool:
        """Return whether the process itself runs: those that a killed scheduler leaves do not count."""
        return any(process.pid == self._group() for process in self.processes())

    def _group(self) -> int | None:
        """Return the process group; None if nothing was started, or another process has the id now."""
        if (recorded := read_state(self._pid_file)) is None:
            return None
        pid = int(recorded["pid"])
        with contextlib.suppress(psutil.Error):
            if abs(_start(pid) - recorded["started"]) > SAME_START_SECONDS:
                return None
        return pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes."""
        if (group := self._group()) is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def forget(self) -> None:
        """Remove the file with its process id."""
        self._pid_file.unlink(missing_ok=True)

    def cause(self) -> str:
        """Return why it ended."""
        return cause_in(self.log)


def cause_in(log: Path) -> str:
    """Return the lines of a log that have an error, the last three of them; else its last lines."""
    lines = [_COLOUR.sub("", line).rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [line for line in lines if line.strip()]
    errors = [line for line in lines if _ERROR.search(line) and not _FRAME.search(line)]
    return "\n".join(f"  {line.strip()[:500]}" for line in list(dict.fromkeys(errors))[-3:] or lines[-10:])


def _start(pid: int) -> float:
    """Return when a process started, in seconds after the boot: they stay the same when the clock is set."""
    return float(psutil.Process(pid).create_time() - psutil.boot_time())


def stop(services: Collection[Service]) -> list[str]:
    """Stop all of them at once, first by request, after STOP_SECONDS or Ctrl-C by force.

    Returns: the names of those that ran.
    """
    ran = [service for service in services if service.running()]
    try:
        for service in ran:
            service.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(service.running() for service in ran) and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        for service in ran:
            service.signal(signal.SIGKILL)
        for service in services:
            service.forget()
    return [service.name for service in ran]
