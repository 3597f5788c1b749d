"""What `make setup` prints when it cannot begin."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gamelake.paths import REPOSITORY


def make(folder: Path, python: Path | str, target: str = ".venv/bin/uv", **environment: str) -> str:
    """Make a step of `make setup` in a folder that has only the Makefile. Returns: what it printed, as it fails."""
    for name in ("dbt", "tools"):
        (folder / name).mkdir()
    for name in ("requirements-build.lock", "Makefile", "tools/one_at_a_time.py"):
        shutil.copy2(REPOSITORY / name, folder / name)  # no newer than what a test made before
    ran = subprocess.run(
        ["make", target, f"PYTHON={python}"],
        cwd=folder,
        env={**os.environ, **environment, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    return ran.stdout


def wheel(folder: Path, name: str, files: dict[str, str]) -> str:
    """Write a wheel. Returns: the line of a lock that has it."""
    path = folder / f"{name}-1-py3-none-any.whl"
    info = {
        f"{name}-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{name}-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in (files | info).items():
            archive.writestr(file, text)
        archive.writestr(f"{name}-1.dist-info/RECORD", "")
    return f"{name} @ {path.as_uri()} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.mark.slow
def test_pip_installs_into_the_clone_with_any_variables_in_the_shell(tmp_path: Path) -> None:
    """As with `pip config set global.user true`, a `PIP_TARGET`, or variables of another Python."""
    lock = wheel(tmp_path, "uv", {"uv-1.data/scripts/uv": "#!python\nprint('our uv')\n"})
    for name in ("dbt", "tools"):
        (tmp_path / name).mkdir()
    for name in ("Makefile", "tools/one_at_a_time.py"):
        shutil.copy2(REPOSITORY / name, tmp_path / name)
    (tmp_path / "requirements-build.lock").write_text(lock, encoding="utf-8")
    (tmp_path / "pip.conf").write_text("[global]\nuser = true\n", encoding="utf-8")
    elsewhere = {name: str(tmp_path / name) for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH")}
    settings = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_USER": "1", "PYTHONHOME": "/nowhere"}
    subprocess.run(
        ["make", ".venv/bin/uv", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        env={**os.environ, **elsewhere, **settings, "MAKEFLAGS": ""},
        check=True,
    )
    assert "our uv" in (tmp_path / ".venv/bin/uv").read_text(encoding="utf-8")


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON"])
@pytest.mark.parametrize("target", ["VENV", "DASHBOARD"])
def test_uv_installs_into_the_clone_beside_an_active_environment(variable: str, target: str, tmp_path: Path) -> None:
    """A shell often has another environment active, as conda's, where the packages would be installed."""
    names = {"active", ".venv", ".venv-dashboard"}
    for name in names:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / name)], check=True)
    (tmp_path / ".venv/bin/uv").symlink_to(Path(sys.prefix) / "bin" / "uv")
    (tmp_path / "lock").write_text(wheel(tmp_path, "tiny", {"tiny.py": ""}), encoding="utf-8")
    rule = f"installed: ; $(call INSTALL,$({target})) -r lock"
    subprocess.run(
        ["make", "-f", str(REPOSITORY / "Makefile"), "--eval", rule, "installed"],
        cwd=tmp_path,
        env={**os.environ, variable: str(tmp_path / "active"), "MAKEFLAGS": ""},
        check=True,
    )
    expected = {"VENV": ".venv", "DASHBOARD": ".venv-dashboard"}[target]
    assert {name for name in names if list((tmp_path / name).rglob("tiny.py"))} == {expected}


@pytest.mark.parametrize("target", [".venv/bin/uv", "env", ".venv-dashboard/.installed"])
def test_a_machine_without_a_python_is_told(target: str, tmp_path: Path) -> None:
    assert "Python 3.11 or newer is needed, and none was found. Name one" in make(tmp_path, "", target)


def test_an_old_python_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python3.10"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.9 || exit 1\n', encoding="utf-8")
    python.chmod(0o755)
    assert f"Python 3.11 or newer is needed, and {python} is Python 3.10.9. Name another" in make(tmp_path, python)


@pytest.mark.slow
def test_without_network_the_message_names_it(tmp_path: Path) -> None:
    index = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    printed = make(tmp_path, sys.executable, **index)
    assert "No network: pip cannot reach its package index." in printed
    assert "No matching distribution" not in printed


def test_without_network_after_the_first_step_the_message_names_it(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    uv = tmp_path / ".venv/bin/uv"
    uv.write_text(
        "#!/bin/sh\necho 'error: Request failed\n  cause: client error (Connect)' >&2; exit 2\n", encoding="utf-8"
    )
    uv.chmod(0o755)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    printed = make(tmp_path, sys.executable, ".venv/.installed")
    assert "No network: uv cannot reach its package index." in printed
    assert "UV_DEFAULT_INDEX" in printed
    assert "cause" not in printed


def test_a_program_that_is_no_python_is_named(tmp_path: Path) -> None:
    expected = "Python 3.11 or newer is needed, and /bin/true is no Python that runs. Name another"
    assert expected in make(tmp_path, "/bin/true")


def test_a_folder_without_symbolic_links_is_named(tmp_path: Path) -> None:
    ln = tmp_path / "bin" / "ln"
    ln.parent.mkdir()
    ln.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")  # as on FAT and exFAT
    ln.chmod(0o755)
    printed = make(tmp_path, sys.executable, PATH=f"{ln.parent}:{os.environ['PATH']}")
    assert f"A virtual environment has symbolic links, and {tmp_path} can have none: clone to" in printed


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_an_editable_install_works_in_any_folder_and_locale(locale: str, tmp_path: Path) -> None:
    """Python reads the path of an editable install in the locale's encoding before any program starts."""
    clone = tmp_path / "한글 폴더"
    packages = clone / ".venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (clone / "include").mkdir()
    (clone / "include" / "found.py").write_text("print('found')", encoding="utf-8")
    (packages / "_gamelake.pth").write_text(f"{clone}/include", encoding="utf-8")  # what the installer writes
    rule = "relative: ; @$(call RELATIVE,$(VENV))"
    make = ["make", "-f", str(REPOSITORY / "Makefile"), "--eval", rule, "relative"]
    subprocess.run(make, cwd=clone, check=True)
    code = "import site, sys; site.addsitedir(sys.argv[1]); import found"
    environment = {"PATH": os.environ["PATH"], "LC_ALL": locale}
    python = [sys.executable, "-S", "-c", code, str(packages)]
    assert subprocess.run(python, cwd=tmp_path, env=environment, check=True, capture_output=True).stdout == b"found\n"
