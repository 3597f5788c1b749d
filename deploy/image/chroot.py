"""A root file system to run commands in: what an engine does for one container, by mount, chroot and unshare.

The process that uses this has to be root, in a mount namespace of its own: what is mounted goes with the process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType


class StepFailed(RuntimeError):
    """A command inside the root failed; the message names it and its exit status."""


@dataclass(frozen=True)
class Outside:
    """What a machine may need to reach the package registries; an engine takes it from its own configuration."""

    env: Mapping[str, str]
    paths: tuple[Path, ...]

    @classmethod
    def of_this_machine(cls, more: Sequence[Path] = ()) -> Outside:
        """The trust store, pip's settings and a proxy, as far as there are any, and `more` files."""
        names = ("SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
        paths = (Path("/etc/ssl/certs"), Path("/etc/pip.conf"), *more)
        env = {name: os.environ[name] for name in names if name in os.environ}
        return cls(env, tuple(path for path in paths if path.exists()))


class Root:
    """A root file system in use: /proc, /dev and a name service are there until it is left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mounted: list[Path] = []

    def __enter__(self) -> Root:
        self._mount(["-t", "proc", "proc"], "/proc", folder=True)
        self._mount(["--rbind", "/dev"], "/dev", folder=True)
        for file in ("/etc/resolv.conf", "/etc/hosts"):
            self.bind(Path(file), file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unbind(len(self._mounted))

    def bind(self, source: Path, target: str) -> None:
        """Show a file or folder of the outside, or of another root, at a place of this one."""
        self._mount(["--bind", str(source)], target, folder=source.is_dir())

    def show(self, outside: Outside) -> None:
        """Bind what is needed to reach the registries."""
        for path in outside.paths:
            self.bind(path, str(path))

    def tmpfs(self, target: str, options: str = "mode=1777") -> None:
        """Lay an empty folder in memory over a place."""
        self._mount(["-t", "tmpfs", "-o", options, "tmpfs"], target, folder=True)

    def unbind(self, count: int) -> None:
        """Take off the last `count` mounts."""
        for _ in range(count):
            subprocess.run(["umount", "--lazy", str(self._mounted.pop())], check=True)

    def read_only(self) -> None:
        """From here on nothing can be written but to what is mounted. The root has to be a mount itself."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)

    def shell(self, script: str, *, env: Mapping[str, str], workdir: str = "/", user: str = "0:0") -> None:
        """Run a line of shell, as RUN does. Raises: StepFailed."""
        self.run(["/bin/sh", "-c", script], env=env, workdir=workdir, user=user)

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        workdir: str = "/",
        user: str = "0:0",
        network: bool = True,
        script: Path | None = None,
    ) -> None:
        """Run a command, with a file as its standard input if there is one. Raises: StepFailed."""
        inside = ["chroot", f"--userspec={user}", str(self.path), "/usr/bin/env", f"--chdir={workdir}", *command]
        # With a /proc of its own: the one below numbers the processes of the outside.
        isolate = ["unshare", "--pid", "--fork", "--kill-child", f"--mount-proc={self.path / 'proc'}"]
        if not network:
            # Loopback is down in a new namespace; a container's is up.
            up = 'ip link set lo up && exec "$0" "$@"'
            isolate = [*isolate, "--net", "sh", "-c", up]
        with contextlib.ExitStack() as stack:
            stdin = stack.enter_context(script.open("rb")) if script else subprocess.DEVNULL
            status = subprocess.run([*isolate, *inside], env=dict(env), stdin=stdin, check=False).returncode
        if status:
            raise StepFailed(f"exit status {status} of: {' '.join(command)}")

    def _mount(self, what: list[str], target: str, *, folder: bool) -> None:
        place = self.path / target.lstrip("/")
        if folder:
            place.mkdir(parents=True, exist_ok=True)
        elif not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        subprocess.run(["mount", *what, str(place)], check=True)
        self._mounted.append(place)


def overlay(lower: Sequence[Path], folder: Path) -> Path:
    """Mount layers, the topmost first, with a new writable one in `folder/upper`. Returns: the mounted root."""
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True)
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    root = folder / "root"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True)
    return root


def in_own_namespace(arguments: Sequence[str]) -> None:
    """Replace this process by itself in a mount namespace of its own. Returns only when it is in one already."""
    marker = "GAMELAKE_OWN_NAMESPACE"
    if os.environ.pop(marker, None) is None:
        os.environ[marker] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *arguments])  # noqa: S606
