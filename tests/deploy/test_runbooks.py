"""What the runbooks tell people to type and to allow exists, and is what the code does."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any


def test_the_cdn_policy_allows_what_invalidation_calls(repository: Path) -> None:
    assert client_calls(repository / "include" / "gamelake" / "lake" / "cloudfront.py") == {
        "create_invalidation",
        "get_waiter",
    }  # of GetInvalidation
    (policy,) = policies(repository, "read-through-a-cdn.md")
    assert allowed(policy) == {"cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"}


def test_the_commands_exist(repository: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (repository / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in (
        "runbooks/backfill.md",
        "runbooks/read-through-a-cdn.md",
        "deploy/compose.md",
        "deploy/aws.md",
        "runbooks/marts-are-wrong.md",
    ):
        text = (repository / "docs" / "guides" / name).read_text(encoding="utf-8")
        assert set(re.findall(r"(?:`|\s)make ([a-z0-9-]+)", text)) <= targets, name
        # Keys are in .env, which `make env` makes.
        assert not re.findall(r"AWS_(?:SECRET_)?ACCESS_KEY\w*=\w", text), name


def policies(repository: Path, runbook: str) -> list[dict[str, Any]]:
    text = (repository / "docs" / "guides" / "runbooks" / runbook).read_text(encoding="utf-8")
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def allowed(policy: dict[str, Any]) -> set[str]:
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def client_calls(path: Path) -> set[str]:
    """The methods that a module calls on something named `client`, such as `self.client` or `store.client`."""
    return {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value).endswith("client")
    }
