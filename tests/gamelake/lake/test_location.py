"""The one reader of GAMELAKE_URI."""

from __future__ import annotations

from pathlib import Path

import pytest

from gamelake.lake.location import BucketLocation, FolderLocation, LocationError, locate
from tests.support.errors import having


@pytest.mark.parametrize(
    ("uri", "bucket", "prefix"),
    [
        ("s3://lake", "lake", ""),
        ("s3://lake/", "lake", ""),
        (" s3://lake/some/lake/ \n", "lake", "some/lake"),
        ("S3://my.lake.example/lake", "my.lake.example", "lake"),
        ("s3://lake/한글 lake/a#b/100%", "lake", "한글 lake/a#b/100%"),
    ],
)
def test_a_bucket_and_its_prefix_are_taken_as_they_are_written(uri: str, bucket: str, prefix: str) -> None:
    place = locate(uri)
    assert place == BucketLocation(bucket, prefix)
    assert locate(place.uri) == place
    assert str(place) == place.uri


@pytest.mark.parametrize(
    ("uri", "folder"),
    [
        ("file:///my/lake", "/my/lake"),
        (" file:///my/lake ", "/my/lake"),
        ("file://localhost/my/lake", "/my/lake"),
        ("file:/my/lake", "/my/lake"),
        ("file:///my%20lake%20%ED%95%9C", "/my lake 한"),
        ("file:///my lake 한", "/my lake 한"),
        ("file:///C#/lake", "/C#/lake"),
        ("file:///a?b/lake", "/a?b/lake"),
        ("file:///a[1]*b'c/100%25", "/a[1]*b'c/100%"),
    ],
)
def test_a_folder_may_have_any_name_encoded_or_not(uri: str, folder: str) -> None:
    place = locate(uri)
    assert place == FolderLocation(Path(folder))
    assert locate(place.uri) == place
    assert str(place) == folder  # what a shell and DuckDB take


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        *((f"s3://lake/a{found}b", found) for found in "?*[]&\\\t"),
        *((f"file:///a{found}b", found) for found in "\\\n"),
        ("s3://arn:aws:s3:eu-west-1:1:accesspoint/lake", "arn:aws:s3:eu-west-1:1:accesspoint"),
        ("s3://lake/a//b", "//"),
        ("file://host/lake", "host"),
    ],
)
def test_what_no_store_or_duckdb_can_read_is_refused_by_its_part(uri: str, found: str) -> None:
    with pytest.raises(LocationError, check=having(found=found)):
        locate(uri)


@pytest.mark.parametrize(
    "uri", ["", "lake", "/abs/lake", "file://host/lake", "file:lake", "s3:/b/x", "s3://", "s3:///x", "gs://bucket/x"]
)
def test_what_is_no_place_is_told_what_is_expected(uri: str) -> None:
    with pytest.raises(LocationError, match="expected s3://bucket/prefix or file:///absolute/folder"):
        locate(uri)


@pytest.mark.parametrize("uri", ["file:///", "file:/", "file:////", "file:///.", "file:///tmp/..", "file://localhost/"])
def test_the_root_of_the_disk_is_no_lake(uri: str) -> None:
    """`file:///$FOLDER` with an empty variable wrote raw/ and marts/ into it."""
    with pytest.raises(LocationError, match=r"found the root of the disk, /.*; expected a folder of its own"):
        locate(uri)
