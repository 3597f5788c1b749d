"""The one reader of GAMELAKE_URI."""

from __future__ import annotations

from pathlib import Path

import pytest

from gamelake.lake.location import BucketLocation, FolderLocation, LocationError, locate


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


@pytest.mark.parametrize("found", ["?", "*", "[", "]", "&", "\\", "\t"])
def test_a_prefix_that_duckdb_cannot_read_is_refused_by_its_character(found: str) -> None:
    with pytest.raises(LocationError, match="in the prefix") as caught:
        locate(f"s3://lake/a{found}b")
    assert repr(found) in str(caught.value)


@pytest.mark.parametrize("found", ["\\", "\n"])
def test_a_folder_that_duckdb_cannot_read_is_refused_by_its_character(found: str) -> None:
    with pytest.raises(LocationError, match="in the folder's name") as caught:
        locate(f"file:///a{found}b")
    assert repr(found) in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["", "lake", "/abs/lake", "file://host/lake", "file:lake", "s3:/b/x", "s3://", "s3:///x", "gs://bucket/x"]
)
def test_what_is_no_place_is_told_what_is_expected(uri: str) -> None:
    with pytest.raises(LocationError, match="expected s3://bucket/prefix or file:///absolute/folder"):
        locate(uri)


def test_a_bucket_is_no_arn() -> None:
    with pytest.raises(LocationError, match="found the bucket 'arn:aws:s3"):
        locate("s3://arn:aws:s3:eu-west-1:1:accesspoint/lake")


def test_two_slashes_in_a_row_are_refused() -> None:
    with pytest.raises(LocationError, match="two slashes"):
        locate("s3://lake/a//b")
