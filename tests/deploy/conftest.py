"""The deployment files, parsed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from deploy.compose_env import filled
from gamelake.paths import REPOSITORY


class Instruction(NamedTuple):
    """One instruction of the Dockerfile, continued lines joined."""

    name: str
    value: str


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def access(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Terraform makes of deploy/terraform/access, which needs no provider: policies, lifecycle rules, paths."""
    from tests.deploy.terraform import render

    return render(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def dockerfile() -> list[Instruction]:
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    without_comments = re.sub(r"(?m)^\s*#.*\n", "", text)
    joined = re.sub(r"\s*\\\n\s*", " ", without_comments)
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line]


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """The compose file with its variables as they are written."""
    document: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="session")
def env() -> dict[str, str]:
    """The variables of `.env`, as `make env` makes it."""
    text = filled((REPOSITORY / ".env.example").read_text(encoding="utf-8"))
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


@pytest.fixture(scope="session")
def services(compose: dict[str, Any], env: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The services of all profiles, as compose sees them after `make env`."""
    interpolated: dict[str, dict[str, Any]] = interpolate(compose["services"], env)
    return interpolated


def interpolate(value: Any, variables: dict[str, str]) -> Any:
    """`${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`, as compose resolves them. Raises: KeyError."""
    if isinstance(value, dict):
        return {key: interpolate(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolate(each, variables) for each in value]
    if not isinstance(value, str):
        return value

    def resolve(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, operator, rest = match[1], match[2], match[3]
        if found := variables.get(name):
            return found
        if operator == ":-":
            return str(rest)
        raise KeyError(f"{name} {rest or 'is not in .env.example'}")

    return re.sub(r"\$\$|\$\{(\w+)(?:(:[-?])([^}]*))?\}", resolve, value)
