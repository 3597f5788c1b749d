"""What the runbooks tell people to type and to allow exists, and is what the code does."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

# Calls of boto3's S3 client and the rights that they need. Tags given in a PutObject count as tagging.
RIGHTS = {
    "abort_multipart_upload": {"s3:AbortMultipartUpload"},
    "complete_multipart_upload": {"s3:PutObject"},
    # Of an object onto itself, with new tags.
    "copy_object": {"s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"},
    "create_multipart_upload": {"s3:PutObject", "s3:PutObjectTagging"},
    "delete_object": {"s3:DeleteObject"},
    "get_bucket_lifecycle_configuration": {"s3:GetLifecycleConfiguration"},
    "get_object": {"s3:GetObject"},
    "get_object_tagging": {"s3:GetObjectTagging"},
    "get_paginator": {"s3:ListBucket"},  # of list_objects_v2, the only one
    "head_object": {"s3:GetObject"},
    "put_bucket_lifecycle_configuration": {"s3:PutLifecycleConfiguration"},
    "put_object": {"s3:PutObject", "s3:PutObjectTagging"},
    "put_object_tagging": {"s3:PutObjectTagging"},
    "upload_part": {"s3:PutObject"},
}


def test_the_policies_allow_what_the_code_calls_and_nothing_else(repository: Path):
    work, lifecycle = policies(repository)
    calls = {name for path in (repository / "include" / "lake").glob("*.py") for name in client_calls(path)}

    assert calls <= set(RIGHTS)
    assert allowed(work) | allowed(lifecycle) == set().union(*(RIGHTS[name] for name in calls))
    assert allowed(lifecycle) == {action for action in allowed(lifecycle) if "Lifecycle" in action}
    assert not allowed(work) & allowed(lifecycle)


def test_the_cdn_policy_allows_what_invalidation_calls(repository: Path):
    assert client_calls(repository / "include" / "cdn.py") == {
        "create_invalidation",
        "get_waiter",
    }  # of GetInvalidation
    (policy,) = policies(repository, "read-through-a-cdn.md")
    assert allowed(policy) == {"cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"}


def test_rights_on_objects_and_on_the_bucket_are_apart(repository: Path):
    for policy in policies(repository):
        for statement in policy["Statement"]:
            on_objects = statement["Resource"].endswith("/*")
            for action in statement["Action"]:
                assert ("Object" in action or "Multipart" in action) is on_objects, action


def test_the_commands_exist(repository: Path):
    targets = set(re.findall(r"^([a-z-]+):", (repository / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    names = ("astro.md", "backfill.md", "docker-compose.md", "point-it-at-aws.md", "read-through-a-cdn.md")
    for name in names:
        text = (repository / "docs" / "runbooks" / name).read_text(encoding="utf-8")
        assert set(re.findall(r"(?:`|\s)make ([a-z-]+)", text)) <= targets, name
        for link in re.findall(r"\]\((?!https?://)([^)#]+)", text):
            assert (repository / "docs" / "runbooks" / link).resolve().exists(), f"{name}: {link}"
        # Keys are in .env, which `make env` makes.
        assert not re.findall(r"AWS_(?:SECRET_)?ACCESS_KEY\w*=\w", text), name


def policies(repository: Path, runbook: str = "point-it-at-aws.md") -> list[dict[str, Any]]:
    text = (repository / "docs" / "runbooks" / runbook).read_text(encoding="utf-8")
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
