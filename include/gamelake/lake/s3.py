"""The store on S3, and on servers that speak its protocol: boto3, one request at a time.

boto3 retries what may be retried (5xx, SlowDown, broken connections), and `S3Body` reads on a body that broke off; what
they give up on is raised as StoreError.
"""

from __future__ import annotations

import io
import math
import random
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from gamelake.lake.s3_body import S3Body
from gamelake.lake.s3_errors import s3_errors
from gamelake.lake.s3_replies import refuse_foreign_replies
from gamelake.lake.store import (
    CHUNK,
    ObjectExistsError,
    ObjectInfo,
    StoreError,
    buffered,
    check_key,
    check_prefix,
    is_hidden,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from mypy_boto3_s3 import S3Client

SINGLE_PUT_BYTES = 64 * 1024 * 1024
"""Files up to this size go in one request: atomic, conditional and tagged on every server. Larger ones go in parts."""
_CHUNK_BYTES = 8 * 1024 * 1024  # of a multipart upload
_MAX_PARTS = 10_000

_CONFLICT_ATTEMPTS = 6
_UNEXPLAINED = {"400", "403"}


class S3Store:
    """A prefix of a bucket as a store; see `Store` for what the methods promise.

    prefix: what its keys start with in the bucket, empty or ending with a slash.
    """

    def __init__(self, bucket: str, prefix: str, client: S3Client) -> None:
        refuse_foreign_replies(client)
        self.bucket = bucket
        self.client = client
        self.prefix = f"{prefix}/" if prefix else ""
        self.uri = f"s3://{bucket}/{self.prefix}".rstrip("/")

    def url(self, key: str) -> str:
        """Return the object's s3:// address."""
        return f"s3://{self.bucket}/{self._name('url', key)}"

    def put(self, key: str, data: bytes, *, if_absent: bool = False, tags: Mapping[str, str] | None = None) -> None:
        """Write an object from memory, in one request."""
        self._put_object(key, lambda: io.BytesIO(data), if_absent=if_absent, tags=tags)

    def put_file(self, key: str, path: Path, *, if_absent: bool = False, tags: Mapping[str, str] | None = None) -> None:
        """Write an object from a local file, in one request or, if it is large, in parts."""
        if path.stat().st_size <= SINGLE_PUT_BYTES:
            self._put_object(key, lambda: path.open("rb"), if_absent=if_absent, tags=tags)
        else:
            self._put_parts(key, path, if_absent=if_absent, tags=tags)

    def copy(self, source: str, target: str) -> None:
        """Write an object with the bytes of another one, which never leave S3: in one request, up to 5 GB."""
        copied = {"Bucket": self.bucket, "Key": self._name("CopyObject", source)}
        name = self._name("CopyObject", target)
        with s3_errors("CopyObject", source):
            self.client.copy_object(
                Bucket=self.bucket, Key=name, CopySource=cast("Any", copied), TaggingDirective="REPLACE"
            )

    def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        with self.open(key) as stream:
            return stream.read()

    def open(self, key: str) -> BinaryIO:
        """Return a stream of the object's bytes."""
        name = self._name("GetObject", key)
        with s3_errors("GetObject", key):
            body = S3Body(self.client, self.bucket, name)
        return buffered(body, lambda: s3_errors("GetObject", key))

    def get_range(self, key: str, start: int, end: int) -> bytes:
        """Return a range of the object's bytes."""
        name = self._name("GetObject", key)
        with s3_errors("GetObject", key):
            return S3Body(self.client, self.bucket, name, start=start, end=end).read()

    def info(self, key: str) -> ObjectInfo:
        """Size and time of an object."""
        name = self._name("HeadObject", key)
        with s3_errors("HeadObject", key):
            try:
                head = self.client.head_object(Bucket=self.bucket, Key=name)
            except ClientError as error:
                if error.response["Error"].get("Code") in _UNEXPLAINED:
                    self._explain(name)
                raise
        return ObjectInfo(key, head["ContentLength"], head["LastModified"])

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Objects under a prefix, by key, 1,000 a request."""
        check_prefix("ListObjectsV2", prefix)
        start = {"StartAfter": self.prefix + after} if after else {}
        with s3_errors("ListObjectsV2", prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + prefix, **cast("Any", start)
            )
            for page in pages:
                for found in page.get("Contents", []):
                    key = found["Key"].removeprefix(self.prefix)
                    # "folder/" objects are made by consoles, hidden ones by other programs
                    if key and not key.endswith("/") and not is_hidden(key):
                        yield ObjectInfo(key, found["Size"], found["LastModified"])

    def delete(self, key: str) -> None:
        """Remove an object."""
        name = self._name("DeleteObject", key)
        with s3_errors("DeleteObject", key):
            self.client.delete_object(Bucket=self.bucket, Key=name)

    def tag(self, key: str, tags: Mapping[str, str], *, reset_age: bool = False) -> None:
        """Replace an object's tags; `reset_age` copies it onto itself, within the store."""
        if reset_age:
            self._copy_in_place(key, tags)
            return
        name = self._name("PutObjectTagging", key)
        pairs = [{"Key": tag, "Value": value} for tag, value in tags.items()]
        with s3_errors("PutObjectTagging", key):
            self.client.put_object_tagging(Bucket=self.bucket, Key=name, Tagging=cast("Any", {"TagSet": pairs}))

    def tags(self, key: str) -> dict[str, str]:
        """Return an object's tags."""
        name = self._name("GetObjectTagging", key)
        with s3_errors("GetObjectTagging", key):
            found = self.client.get_object_tagging(Bucket=self.bucket, Key=name)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def _copy_in_place(self, key: str, tags: Mapping[str, str]) -> None:
        name = self._name("CopyObject", key)
        with s3_errors("CopyObject", key):
            self.client.copy_object(
                Bucket=self.bucket,
                Key=name,
                CopySource={"Bucket": self.bucket, "Key": name},
                MetadataDirective="REPLACE",  # S3 copies nothing onto itself that would stay what it was
                TaggingDirective="REPLACE",
                Tagging=urlencode(dict(tags)),
            )

    def _explain(self, name: str) -> None:
        """Ask by GET why a HEAD was refused: its answer has no body, so that expired credentials look like any 400.

        Raises: ClientError with the reason. Returns if a GET succeeds.
        """
        self.client.get_object(Bucket=self.bucket, Key=name, Range="bytes=0-0")["Body"].close()

    def _name(self, operation: str, key: str) -> str:
        check_key(operation, key)
        return self.prefix + key

    def _put_object(
        self, key: str, source: Callable[[], BinaryIO], *, if_absent: bool, tags: Mapping[str, str] | None
    ) -> None:
        name = self._name("PutObject", key)
        extra = {"Tagging": urlencode(dict(tags))} if tags else {}

        def send(condition: dict[str, str]) -> None:
            with source() as body:
                self.client.put_object(Bucket=self.bucket, Key=name, Body=body, **cast("Any", extra | condition))

        self._create("PutObject", key, source, send, if_absent=if_absent)

    def _put_parts(self, key: str, path: Path, *, if_absent: bool, tags: Mapping[str, str] | None) -> None:
        name = self._name("CreateMultipartUpload", key)
        extra = {"Tagging": urlencode(dict(tags))} if tags else {}
        target: dict[str, Any] = {"Bucket": self.bucket, "Key": name}
        with s3_errors("CreateMultipartUpload", key):
            target["UploadId"] = self.client.create_multipart_upload(**target, **cast("Any", extra))["UploadId"]
        try:
            with s3_errors("UploadPart", key), path.open("rb") as file:
                size = max(_CHUNK_BYTES, math.ceil(path.stat().st_size / _MAX_PARTS))
                upload = self.client.upload_part
                parts = [
                    {"PartNumber": number, "ETag": upload(**target, PartNumber=number, Body=data)["ETag"]}
                    for number, data in enumerate(iter(lambda: file.read(size), b""), start=1)
                ]

            def send(condition: dict[str, str]) -> None:
                self.client.complete_multipart_upload(
                    **target, MultipartUpload=cast("Any", {"Parts": parts}), **cast("Any", condition)
                )

            self._create("CompleteMultipartUpload", key, lambda: path.open("rb"), send, if_absent=if_absent)
        except BaseException as error:
            self._abort(key, target, error)
            raise
        if tags:
            self.tag(key, tags)  # Ceph forgets the tags given when a multipart upload is created

    def _abort(self, key: str, target: dict[str, Any], error: BaseException) -> None:
        """Drop the parts sent so far: they are invisible and cost money. The first error is the one to be raised."""
        try:
            with s3_errors("AbortMultipartUpload", key):
                self.client.abort_multipart_upload(**target)
        except StoreError as second:
            error.add_note(f"the parts sent stay until the lifecycle rule removes them: {second}")

    def _create(
        self,
        operation: str,
        key: str,
        source: Callable[[], BinaryIO],
        send: Callable[[dict[str, str]], None],
        *,
        if_absent: bool,
    ) -> None:
        """Send a put and, if it is conditional, make sense of a refusal."""
        condition = {"IfNoneMatch": "*"} if if_absent else {}
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                with s3_errors(operation, key):
                    send(condition)
                    return
            except ObjectExistsError:
                # The store may have taken our own put, lost its reply, and refused boto3's second try.
                if self._has_bytes(key, source):
                    return
                raise
            except StoreError as error:
                if not _is_conflict(error) or attempt == _CONFLICT_ATTEMPTS - 1:
                    raise
                # Another conditional put of the key is under way: S3 asks to try again.
                time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret

    def _has_bytes(self, key: str, source: Callable[[], BinaryIO]) -> bool:
        with source() as ours, self.open(key) as theirs:
            while chunk := ours.read(CHUNK):
                if theirs.read(len(chunk)) != chunk:
                    return False
            return not theirs.read(1)


def _is_conflict(error: StoreError) -> bool:
    cause = error.__cause__
    codes = {"ConditionalRequestConflict", "OperationAborted"}
    return isinstance(cause, ClientError) and cause.response["Error"].get("Code") in codes
