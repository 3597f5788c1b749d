"""The lake's store and its CDN, with the credentials of an Airflow connection: where `include` meets Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.lake.store import cdn_url, lake_uri, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.lake.store import Store

DISTRIBUTION_EXTRA = "cloudfront_distribution_id"
"""In the extra of the AWS connection: the CloudFront distribution that serves the lake."""


def connected_store(aws_conn_id: str = "aws_default") -> Store:
    """The store of `GAMELAKE_URI`. Raises: StoreError when the URI is of no known kind."""
    uri = lake_uri()
    if not uri.startswith("s3://"):
        return open_store(uri)
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # costs every DAG parse half a second

    return open_store(uri, s3=S3Hook(aws_conn_id).get_conn())


def invalidate_changed(keys: Sequence[str], *, change: str, aws_conn_id: str = "aws_default") -> None:
    """Have CloudFront forget its copies of objects that were overwritten, and wait for it.

    Does nothing for a lake on disk, or if the connection's extra names no distribution. Not for an event loop's thread.

    Args: `keys` of the objects; `change` names what was changed, once and for all: see `include.cdn.invalidate`.
    Raises: InvalidationError.
    """
    uri = lake_uri()
    if not keys or not uri.startswith("s3://"):
        return
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    hook: AwsGenericHook[Any] = AwsGenericHook(aws_conn_id, client_type="cloudfront")
    distribution = hook.conn_config.extra_config.get(DISTRIBUTION_EXTRA)
    if not distribution:
        return
    from include.cdn import invalidate, paths_of

    invalidate(hook.get_conn(), distribution, paths_of(keys, lake_uri=uri, cdn_url=cdn_url()), change=change)
