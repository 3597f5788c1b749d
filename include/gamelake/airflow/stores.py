"""The lake's store and its CDN, with the credentials of an Airflow connection: where the lake meets Airflow."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gamelake.lake.factory import lake_location, lake_uri, open_store
from gamelake.lake.location import BucketLocation
from gamelake.lake.reach import (
    CA_BUNDLE,
    CREDENTIALS,
    ENDPOINT,
    REGION,
    TIMEOUTS,
    ReachError,
    environment_region,
    exports,
)
from gamelake.lake.store import StoreError
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from mypy_boto3_s3 import S3Client

    from gamelake.lake.store import Store

    Connected = tuple[S3Client, dict[str, str]]

DISTRIBUTION_EXTRA = "cloudfront_distribution_id"
"""In the extra of the AWS connection: the CloudFront distribution that serves the lake."""

CONNECTION = "aws_default"

KEPT_SECONDS = 60
"""How long a process may keep the client of a connection that is changed meanwhile."""

_kept: dict[Hashable, tuple[float, Connected]] = {}
"""The newest one, and when it was made."""

EXPORTED = (*CREDENTIALS, REGION, ENDPOINT, CA_BUNDLE)
"""The variables that a connection may add to the environment of dbt."""


def connected_store(*, uri: str | None = None) -> Store:
    """Return the store of a URI, by default of `GAMELAKE_URI`. Not for an event loop's thread.

    Raises: StoreError when the URI is of no known kind, or the connection reaches the bucket in a way that dbt cannot.
    """
    place = lake_location(uri)
    if not isinstance(place, BucketLocation):
        return open_store(place.uri)
    client, _ = _connected(place)
    return open_store(place.uri, s3=client)


@contextmanager
def connection_exported() -> Iterator[None]:
    """Let processes that are started in this block reach the store as the Airflow connection does.

    dbt has no connections. The connection's settings are in this process's environment while the block runs,
    under the names that boto3 reads; it is in no template, and nothing logs it.
    Raises: StoreError, as `connected_store`.
    """
    place = lake_location()
    added = _connected(place)[1] if isinstance(place, BucketLocation) else {}
    saved = {name: os.environ.get(name) for name in EXPORTED}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def invalidate_changed(keys: Sequence[str], *, change: str) -> None:
    """Have CloudFront forget its copies of objects that were overwritten, and wait for it.

    Does nothing for a lake on disk, or if the connection's extra names no distribution. Not for an event loop's thread.

    Args: `keys` of the objects; `change` names what was changed, once and for all: see `cloudfront.invalidate`.
    Raises: InvalidationError.
    """
    if not keys or not isinstance(lake_location(), BucketLocation):
        return
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    hook: AwsGenericHook[Any] = AwsGenericHook(CONNECTION, client_type="cloudfront")
    distribution = hook.conn_config.extra_config.get(DISTRIBUTION_EXTRA)
    if not distribution:
        return
    from gamelake.lake.cloudfront import invalidate, paths_of

    invalidate(
        hook.get_conn(),
        distribution,
        paths_of(keys, lake_uri=lake_uri(), cdn_url=read_settings().gamelake_cdn_url),
        change=change,
    )


def _connected(place: BucketLocation) -> Connected:
    """Return the client of the Airflow connection, and the variables that the connection adds to the environment.

    For KEPT_SECONDS a process gets the same ones again: a task and its callback need them, and to make them takes
    longer than to use them. A child of the process makes its own.
    """
    key, now = (place, os.getpid(), tuple(os.environ.items())), time.monotonic()
    known = _kept.get(key)
    if known is None or now - known[0] > KEPT_SECONDS:
        known = now, _connect(place)
        _kept.clear()
        _kept[key] = known
    return known[1]


def _connect(place: BucketLocation) -> Connected:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # costs every DAG parse half a second
    from botocore.config import Config

    from gamelake.lake.s3_errors import client_errors

    with client_errors(place.uri):
        hook = S3Hook(CONNECTION)
        given = hook.conn_config
        # The `config_kwargs` of the connection win.
        config = Config(**TIMEOUTS).merge(given.botocore_config or Config())
        has_region = hook.get_session().region_name is not None or not environment_region()
        hook = S3Hook(CONNECTION, config=config, region_name=None if has_region else environment_region())
        client: S3Client = hook.get_conn()
        own_credentials = bool(given.aws_access_key_id or given.profile_name or given.role_arn)
        try:
            return client, exports(client, place.bucket, own_credentials=own_credentials)
        except ReachError as error:
            reason = (
                f"dbt cannot reach the bucket as the connection {CONNECTION} does: {error}. dbt gets the "
                "connection's keys, region, endpoint_url and CA bundle; set all else by the environment or a profile"
            )
            raise StoreError("open", place.uri, reason) from error
