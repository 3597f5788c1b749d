"""The lake's store with the credentials of an Airflow connection: where `include` meets Airflow's hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.lake.store import lake_uri, open_store

if TYPE_CHECKING:
    from include.lake.store import Store


def connected_store(aws_conn_id: str = "aws_default") -> Store:
    """The store of `GAMELAKE_URI`. Raises: StoreError when the URI is of no known kind."""
    uri = lake_uri()
    if not uri.startswith("s3://"):
        return open_store(uri)
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # costs every DAG parse half a second

    return open_store(uri, s3=S3Hook(aws_conn_id).get_conn())
