"""Choose from a lock what an image's base lacks, so that it is installed with the lock's hashes.

    python lacked.py LOCK REQUIREMENTS... > lacked.lock

A package of the base stays as it is, unless the requirements exclude its version: then it gets the lock's, as every
package does that the base does not have. uv resolves; `UV_PYTHON` names the base's Python. Runs while the image is
built, with `packaging`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

# A requirement with its hashes, one on each of the lines that follow it.
ENTRY = re.compile(r"^[a-z0-9][^\\\n]*\\\n(?: +--hash=\S+(?: \\)?\n?)+", re.MULTILINE)
INSTALLED = re.compile(r"^([\w.-]+)==(\S+)$", re.MULTILINE)
PLANNED = re.compile(r"^ \+ ([\w.-]+)==(\S+)$", re.MULTILINE)


def chosen(lock: str, requirements: list[str]) -> str:
    """Choose the entries of a lock.

    Args:
        lock: The text of the lock.
        requirements: Files of requirements that the base must meet.

    Returns:
        The entries, with their hashes.

    Raises:
        SystemExit: If a version would be installed that the lock does not have.
    """
    entries: dict[str, list[tuple[Requirement, str]]] = {}
    for match in ENTRY.finditer(lock):
        requirement = Requirement(match[0].partition("\\")[0])
        entries.setdefault(canonicalize_name(requirement.name), []).append((requirement, match[0]))

    base = {canonicalize_name(name): Version(version) for name, version in INSTALLED.findall(uv("freeze"))}
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints:
        for name, locked in entries.items():
            constraints.writelines(
                constraint(requirement, base.get(canonicalize_name(name))) for requirement, _ in locked
            )
        constraints.flush()
        arguments = [part for path in requirements for part in ("--requirement", path)]
        plan = PLANNED.findall(uv("install", "--dry-run", "--constraint", constraints.name, *arguments))

    lines = []
    for name, version in plan:
        locked = entries.get(canonicalize_name(name), [])
        if not any(requirement.specifier.contains(version, prereleases=True) for requirement, _ in locked):
            found = ", ".join(str(requirement.specifier) for requirement, _ in locked) or "no version"
            raise SystemExit(f"{name} {version} would be installed, and the lock has {found}. Run `make lock`.")
        lines += [text if text.endswith("\n") else text + "\n" for _, text in locked]
    return "".join(lines)


def constraint(locked: Requirement, installed: Version | None) -> str:
    """Allow the lock's version, and of a package that is installed any up to the newer of the two."""
    (pin,) = locked.specifier
    marker = f" ; {locked.marker}" if locked.marker else ""
    if installed is None:
        return f"{locked.name}{pin}{marker}\n"
    return f"{locked.name}<={max(installed, Version(pin.version))}{marker}\n"


def uv(*arguments: str) -> str:
    """Run a command of `uv pip`. Returns: what it prints. Raises: SystemExit if it fails."""
    command = ["uv", "pip", *arguments]  # on the path of the build, or of the tests
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.stdout.write(chosen(Path(sys.argv[1]).read_text("utf-8"), sys.argv[2:]))
