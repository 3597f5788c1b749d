"""What an image takes from the lock, with uv and packages of a folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gamelake.paths import REPOSITORY

BIN = Path(sys.executable).parent
# kept: the base has an older version that is fine. raised: the lock's `direct` asks for a newer one than the base has.
PACKAGES: dict[str, dict[str, list[str]]] = {
    "direct": {"1.0": [], "2.0": ["raised>=2", "kept", "missing"]},
    "raised": {"1.0": [], "2.0": [], "3.0": []},
    "kept": {"1.0": [], "2.0": []},
    "missing": {"1.0": [], "2.0": []},
}
LOCKED = {"direct": "2.0", "raised": "2.0", "kept": "2.0", "missing": "1.0"}


def wheel(folder: Path, name: str, version: str, needs: list[str]) -> str:
    """Write a package of one line. Returns: its hash."""
    file = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = "\n".join(
        ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {n}" for n in needs)]
    )
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", metadata + "\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def lock(hashes: dict[tuple[str, str], str], versions: dict[str, str]) -> str:
    return "".join(f"{n}=={v} \\\n    --hash=sha256:{hashes[n, v]}\n    # via tests\n" for n, v in versions.items())


class Base:
    """An environment with packages, as an image's base is, and an index that is a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        index = folder / "index"
        index.mkdir()
        self.hashes = {
            (name, version): wheel(index, name, version, needs)
            for name, versions in PACKAGES.items()
            for version, needs in versions.items()
        }
        self.environment = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "UV_PYTHON": str(folder / "base/bin/python"),
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": str(index),
            "UV_CACHE_DIR": str(folder / "cache"),
        }
        self.run("uv", "venv", "--quiet", "--python", sys.executable, str(folder / "base"))
        self.run("uv", "pip", "install", "--quiet", "direct==1.0", "raised==1.0", "kept==1.0")
        (folder / "requirements.txt").write_text("direct==2.0\n", "utf-8")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def lacked(self, versions: dict[str, str]) -> subprocess.CompletedProcess[str]:
        (self.folder / "a.lock").write_text(lock(self.hashes, versions), "utf-8")
        script = str(REPOSITORY / "deploy/image/lacked.py")
        return self.run(sys.executable, script, str(self.folder / "a.lock"), str(self.folder / "requirements.txt"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return Base(tmp_path_factory.mktemp("lacked"))


def test_the_base_keeps_what_it_may_and_gets_the_rest_by_hash(base: Base) -> None:
    done = base.lacked(LOCKED)

    assert done.returncode == 0, done.stderr
    changed = {name: LOCKED[name] for name in ("direct", "raised", "missing")}
    assert done.stdout.replace("    # via tests\n", "") == "".join(
        f"{name}=={version} \\\n    --hash=sha256:{base.hashes[name, version]}\n"
        for name, version in sorted(changed.items())
    )


def test_a_version_that_the_lock_lacks_ends_the_build(base: Base) -> None:
    done = base.lacked({name: version for name, version in LOCKED.items() if name != "missing"})

    assert done.returncode == 1
    assert "missing 2.0 would be installed, and the lock has no version. Run `make lock`." in done.stderr


def test_another_file_of_the_same_version_is_refused(base: Base) -> None:
    done = base.lacked(LOCKED)
    changed = base.folder / "changed.lock"
    changed.write_text(done.stdout.replace(base.hashes["missing", "1.0"], "0" * 64), "utf-8")

    installed = base.run("uv", "pip", "install", "--no-deps", "--require-hashes", "-r", str(changed))

    assert installed.returncode == 1
    assert "Hash mismatch" in installed.stderr
