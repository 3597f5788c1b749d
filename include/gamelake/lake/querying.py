"""Reading a lake with DuckDB: a connection that reaches the store as boto3 does, and paths that are no patterns.

    with connect(store) as connection:
        connection.sql(f"from read_parquet({literal(store.url(key))}, hive_partitioning = false)")

dbt's DuckDB (include/gamelake/marts/dbt_plugin.py), the reports and the commands all come through here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import duckdb

from gamelake.lake.https import HttpsStore, ca_bundle
from gamelake.lake.reach import TIMEOUTS, Credentials, credentials_of, reach_of
from gamelake.lake.s3 import S3Store
from gamelake.lake.s3_errors import s3_errors
from gamelake.lake.store import StoreError
from gamelake.proxies import proxy_for, without_proxy
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from gamelake.lake.store import ReadableStore

_SECRET = "gamelake"  # noqa: S105 - its name


def settings() -> dict[str, str | bool | int | float | list[str]]:
    """Return how DuckDB is opened: it takes its extensions from a folder, and downloads nothing."""
    return {
        "extension_directory": str(read_settings().gamelake_duckdb_extensions),
        "autoinstall_known_extensions": "false",
    }


def connect(*stores: ReadableStore) -> DuckDBPyConnection:
    """Return a DuckDB in memory that can read the URLs of these stores. Raises: StoreError."""
    connection = duckdb.connect(config=settings())
    try:
        for store in stores:
            configure(connection, store)
    except BaseException:
        connection.close()
        raise
    return connection


def literal(url: str) -> str:
    """Return a store's URL as a literal of SQL for `read_parquet` and the like, with `*?[` escaped."""
    pattern = "".join(f"[{each}]" if each in "*?[" else each for each in url)
    return quoted(pattern)


def quoted(text: str) -> str:
    """Text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def configure(connection: DuckDBPyConnection, store: ReadableStore) -> Credentials | None:
    """Let a connection read the URLs of a store, and write them where the store can be written.

    Returns: the credentials that it was given, None if it needs none; those that expire are renewed by `renew`.
    Raises: StoreError.
    """
    if isinstance(store, S3Store):
        _load_httpfs(connection)
        return _configure_s3(connection, store)
    if isinstance(store, HttpsStore):
        _load_httpfs(connection)
        _trust(connection, ca_bundle() or True)
        _use_proxy(connection, proxy_for(store.uri), urlsplit(store.uri).hostname)
    return None


def renew(connection: DuckDBPyConnection, store: ReadableStore, known: Credentials | None) -> Credentials | None:
    """Give a connection the store's credentials again if boto3 has new ones. `known`: those it has. Returns: as now."""
    if known is None or not isinstance(store, S3Store):
        return known
    with s3_errors("renew credentials", store.uri):
        current = credentials_of(store.client)
    if current is not None and current != known:
        _configure_s3(connection, store)
    return current


def _load_httpfs(connection: DuckDBPyConnection) -> None:
    try:
        connection.load_extension("httpfs")
    except duckdb.Error as error:
        folder = read_settings().gamelake_duckdb_extensions
        reason = f"{error}; run `python -m gamelake.marts.duckdb_extensions {folder}`, or `make setup`"
        raise StoreError("load extension", "httpfs", reason) from error
    # By default it gives up after half a second of errors. The waits grow fourfold from 0.1 s: nine seconds in all.
    connection.execute("set global http_retries = 5")
    # Seconds without a byte of one try: a store that never answers fails a read within two minutes, as boto3 does.
    connection.execute(f"set global http_timeout = {TIMEOUTS['read_timeout']}")


def _configure_s3(connection: DuckDBPyConnection, store: S3Store) -> Credentials | None:
    with s3_errors("open", store.uri):
        reach, credentials = reach_of(store.client, store.bucket), credentials_of(store.client)
    options: dict[str, str] = {
        "scope": f"s3://{store.bucket}/",
        "region": reach.region,
        "endpoint": reach.endpoint,
        "url_style": reach.url_style,
        "use_ssl": str(reach.use_ssl).lower(),
    }
    if credentials:
        # What a secret does not have, DuckDB takes from variables: a token too that belongs to another key.
        options |= {"key_id": credentials.key, "secret": credentials.secret, "session_token": credentials.token}
    parameters = ", ".join(f"{name} ${name}" for name in options)
    try:
        # As parameters the values are in no message, and in no log of statements.
        connection.execute(f"create or replace secret {_SECRET} (type s3, {parameters})", options)
    except duckdb.Error as error:
        raise StoreError("configure DuckDB for", store.uri, str(error)) from None
    _trust(connection, reach.verify)
    # AWS's first region has two names: boto3 asks s3.amazonaws.com there, and DuckDB s3.us-east-1.amazonaws.com.
    endpoint = urlsplit(store.client.meta.endpoint_url).hostname
    _use_proxy(connection, reach.proxy, endpoint, None if reach.endpoint else f"s3.{reach.region}.amazonaws.com")
    return credentials


def _trust(connection: DuckDBPyConnection, verify: bool | str) -> None:
    if isinstance(verify, str):
        connection.execute(f"set global ca_cert_file = {quoted(verify)}")
    elif not verify:
        connection.execute("set global enable_curl_server_cert_verification = false")


def _use_proxy(connection: DuckDBPyConnection, proxy: str | None, *hosts: str | None) -> None:
    """Let DuckDB reach hosts through a proxy. Without one, let no proxy of the environment be used for them.

    DuckDB reads ALL_PROXY, which boto3 does not, and takes no `host:port` in NO_PROXY. It has no setting for that.
    """
    if proxy is None:
        if any(name.lower().endswith("_proxy") for name in os.environ):
            os.environ.update(without_proxy(*filter(None, hosts)))
        return
    parts = urlsplit(proxy)
    host = parts.netloc.rpartition("@")[2]
    connection.execute(f"set global http_proxy = {quoted(f'{parts.scheme}://{host}')}")
    if parts.username:
        connection.execute(f"set global http_proxy_username = {quoted(unquote(parts.username))}")
        connection.execute(f"set global http_proxy_password = {quoted(unquote(parts.password or ''))}")
