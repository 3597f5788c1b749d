"""Stores of every kind: a folder, moto's and SeaweedFS' S3 servers, and the endpoint of TEST_S3_URI."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from gamelake.lake.factory import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from gamelake.lake.store import Store

S3_URI = os.environ.get("TEST_S3_URI")
FLAT_STORES = ["disk", "moto", *(["endpoint"] if S3_URI else [])]
STORES = [*FLAT_STORES, pytest.param("seaweed", marks=pytest.mark.e2e)]
BAD_KEYS = ["", "/abs", "a//b", "a/", "../up", "a/../../up", "a/.", ".hidden", "a/.hidden", "a\\b", "a\x00b", "a\nb"]


def new_client(endpoint: str) -> S3Client:
    """Return a client of an S3 server that accepts any keys."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=32),
    )


@contextmanager
def opened(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Open an empty store of a kind."""
    if kind == "disk":
        yield open_store((tmp_path / "a lake").as_uri())
    elif kind == "moto":
        yield open_store(f"s3://{request.getfixturevalue('bucket')}/some/lake", s3=request.getfixturevalue("s3"))
    elif kind == "seaweed":
        yield open_store(f"s3://lake/{uuid.uuid4().hex}", s3=request.getfixturevalue("seaweed_s3"))
    else:
        endpoint = open_store(f"{S3_URI}/{uuid.uuid4().hex}")
        yield endpoint
        for info in list(endpoint.list("")):
            endpoint.delete(info.key)
