"""Every kind of store, for the tests of the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.seaweed import running_seaweed
from tests.support.stores import FLAT_STORES, STORES, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from gamelake.lake.store import Store


@pytest.fixture(scope="session")
def seaweed_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Client]:
    """A client of a SeaweedFS that has the bucket `lake`."""
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        client = server.client()
        client.create_bucket(Bucket="lake")
        yield client


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each kind of store, empty."""
    with opened(request.param, request, tmp_path) as store:
        yield store


@pytest.fixture(params=FLAT_STORES)
def flat_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each kind of store for which `a/` is only the start of a key.

    SeaweedFS keeps folders: it lists one after the other, `a/b` before `a-b`, and returns a folder for its key. The
    product needs neither.
    """
    with opened(request.param, request, tmp_path) as store:
        yield store
