"""The version is that of pyproject.toml, everywhere."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from gamelake.paths import REPOSITORY

VERSION = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["version"]


@pytest.mark.parametrize(
    ("file", "pattern", "copies"),
    [
        ("Dockerfile", r"^ARG VERSION=(\S+)$", 1),
        ("docker-compose.yaml", r"^ +image: gamelake(?:-sandbox)?:(\S+)$", 2),
    ],
)
def test_files_that_cannot_read_the_version_have_it(file: str, pattern: str, copies: int) -> None:
    assert re.findall(pattern, (REPOSITORY / file).read_text("utf-8"), re.MULTILINE) == [VERSION] * copies


def test_make_reads_the_version() -> None:
    image = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "image", "ENGINE=docker"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f'name="gamelake:{VERSION}"' in image
