"""Where the lake is, and the store that is there: the one place that chooses between S3 and a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.lake.location import BucketLocation, LocationError, locate
from gamelake.lake.store import StoreError
from gamelake.paths import file_in_place_of
from gamelake.settings import read_settings
from gamelake.urls import without_secrets

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

    from gamelake.lake.location import FolderLocation
    from gamelake.lake.store import ReadableStore, Store

_ORIGIN = "; it comes from GAMELAKE_URI if that is set"


def lake_uri() -> str:
    """Return where the lake is: `GAMELAKE_URI`, or `.local/lake` of this repository."""
    return read_settings().gamelake_uri


def lake_location(uri: str | None = None) -> BucketLocation | FolderLocation:
    """Return the lake's place, for people and for code that must know its kind. `uri`: by default `lake_uri()`.

    Raises: StoreError, if the URI names none.
    """
    uri = lake_uri() if uri is None else uri
    try:
        return locate(uri)
    except LocationError as error:
        raise StoreError("open", without_secrets(uri), f"{error}{_ORIGIN}") from error


def place_of(store: ReadableStore) -> str:
    """Return a store's place for people: a folder's path as a shell takes it, a URI of any other store."""
    try:
        return str(locate(store.uri))
    except LocationError:
        return store.uri


def open_store(uri: str, *, s3: S3Client | None = None, config: Config | None = None) -> Store:
    """Return the store at a URI, `s3://bucket/prefix` or `file:///folder`.

    Args:
        uri: Where it is.
        s3: The client to use; by default one made from the environment (AWS_ENDPOINT_URL, AWS_PROFILE, ...).
        config: Other retries and timeouts of that client than those of a load.

    Raises:
        StoreError: The URI is neither, or names a file; or the environment has a value that boto3 refuses.
    """
    place = lake_location(uri)
    if isinstance(place, BucketLocation):
        from gamelake.lake.reach import default_client  # boto3 takes half a second
        from gamelake.lake.s3 import S3Store
        from gamelake.lake.s3_errors import client_errors

        with client_errors(place.uri):
            return S3Store(place.bucket, place.prefix, s3 or default_client(config=config))
    if there := file_in_place_of(place.folder):
        raise StoreError("open", uri, f"found a file at {there}, expected a folder{_ORIGIN}")
    from gamelake.lake.disk import DiskStore

    return DiskStore(place.folder)
