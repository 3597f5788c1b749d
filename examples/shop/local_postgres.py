"""A PostgreSQL of this machine in a folder of its own, for the example and for tests.

PostgresMissingError     this machine has no PostgreSQL; the message states how to install it
PostgresStartError       it did not start; the message has the end of its log
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPERUSER = "postgres"
_SECONDS = 60
_GUARD = """
cat
"$1/pg_ctl" --pgdata "$2" --mode fast --wait stop
[ -z "$3" ] || rm -rf "$3"
"""
"""Waits for the end of the process that started the server, also of one that is killed: it then closes the pipe."""


class PostgresMissingError(Exception):
    """This machine has no PostgreSQL."""


class PostgresStartError(Exception):
    """The server did not start."""


@dataclass
class LocalPostgres:
    """A server on a free port of the loopback.

    Attributes:
        folder: Its data. PostgreSQL refuses to run as root: then the user `postgres` has to be able to reach it.
        settings: Of postgresql.conf.
        port: Where it listens.
        temporary: Whether the folder is removed if this process is killed.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    temporary: bool = False
    _guard: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def password(self) -> str:
        """The password of the superuser."""
        return (self.folder / "password").read_text(encoding="ascii").strip()

    def uri(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Return the address of a database, without a password."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it; the first time its data is made. Raises: PostgresMissingError, PostgresStartError."""
        bin_folder = binaries()
        data = self.folder / "data"
        if not data.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            _give_away(self.folder)
            password = self.folder / "password"
            password.touch(0o600)
            password.write_text(secrets.token_hex(16), encoding="ascii")
            _give_away(password)
            _run(bin_folder / "initdb", "--pgdata", data, "--username", SUPERUSER, "--pwfile", password,
                 "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync")  # fmt: skip
        self.port = self.port or free_port()
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "wal_level": "logical",
            **self.settings,
        }
        arguments = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        log = self.folder / "log"
        try:
            _run(bin_folder / "pg_ctl", "--pgdata", data, "--log", log, "--options", arguments, "--wait", "start")
        except PostgresStartError:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
            raise PostgresStartError("\n".join(lines[-5:])) from None
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", bin_folder, data, *([self.folder] if self.temporary else [])],
            **_account(),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C and a closed terminal end this process, and not the guard
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `fast` in order, `immediate` as after a crash. It may be stopped already."""
        if (self.folder / "data" / "postmaster.pid").exists():
            _run(binaries() / "pg_ctl", "--pgdata", self.folder / "data", "--mode", mode, "--wait", "stop")
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None


@contextmanager
def running_postgres(**settings: str) -> Iterator[LocalPostgres]:
    """Run a server in a temporary folder for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="gamelake-postgres-"))
    server = LocalPostgres(folder, settings, temporary=True)
    try:
        server.start()
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def binaries() -> Path:
    """Return the folder of the newest server's binaries. Raises: PostgresMissingError."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).parent)
    if not found:
        raise PostgresMissingError("PostgreSQL is missing on this machine: apt-get install postgresql")
    return max(found, key=lambda path: int(next(iter(re.findall(r"/(\d+)/bin$", str(path))), 0)))


def _run(*command: object) -> None:
    result = subprocess.run(
        [str(each) for each in command],
        **_account(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a pipe would stay open as long as the server
        stderr=subprocess.STDOUT,
        timeout=_SECONDS,
        check=False,
    )
    if result.returncode:
        raise PostgresStartError(f"{' '.join(map(str, command))}: status {result.returncode}")


def _account() -> dict[str, Any]:
    """Return the arguments with which a process is PostgreSQL's: it refuses to run as root."""
    if os.geteuid():
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(path, account.pw_uid, account.pw_gid)


def free_port() -> int:
    """Return a port of the loopback that no process uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
