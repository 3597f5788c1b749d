"""`make env`."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.compose_env import EXAMPLE, SECRETS, filled, main


def values(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def test_each_file_has_secrets_of_its_own_and_the_rest_of_the_example() -> None:
    example = values(EXAMPLE.read_text(encoding="utf-8"))
    one, other = (values(filled(EXAMPLE.read_text(encoding="utf-8"))) for _ in range(2))

    assert {name: value for name, value in one.items() if name not in SECRETS} == {
        name: value for name, value in example.items() if name not in SECRETS
    }
    assert [name for name in SECRETS if one[name] == other[name]] == []
    assert len(base64.urlsafe_b64decode(one["FERNET_KEY"])) == 32
    assert [name for name in SECRETS if name != "FERNET_KEY" and not one[name].isalnum()] == [], "part of a URL"
    assert min(len(one[name]) for name in SECRETS) >= 32
    assert len(bytes.fromhex(one["JWT_SECRET"])) == 64, "HS512 signs with it"


def test_no_other_user_can_read_it_and_a_second_time_it_stays(tmp_path: Path) -> None:
    """By its own interpreter without a package: there need be no `make setup` before it."""
    path = tmp_path / ".env"
    command = [sys.executable, "-S", "-m", "deploy.compose_env", str(path)]

    first = subprocess.run(command, cwd=EXAMPLE.parent, capture_output=True, text=True, check=False)
    made = path.read_text(encoding="utf-8")
    second = subprocess.run(command, cwd=EXAMPLE.parent, capture_output=True, text=True, check=False)

    assert first.returncode == 0, first.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    assert second.returncode == 1
    assert "is kept" in second.stderr
    assert path.read_text(encoding="utf-8") == made
    assert [name for name in SECRETS if values(made)[name] in first.stdout + first.stderr + second.stderr] == []


def test_an_example_that_lost_a_secret_is_an_error() -> None:
    with pytest.raises(ValueError, match="AIRFLOW_ADMIN_PASSWORD: expected one line"):
        filled("FERNET_KEY=\n")


def test_a_folder_that_is_not_there_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        main([str(tmp_path / "none" / ".env")])
