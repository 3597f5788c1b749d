"""The body of an S3 object, read on from where it breaks off: boto3 retries requests, not the bodies of replies."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS = 5
_PAUSE = 0.05  # seconds before the second try; doubled before each further one


class S3Body:
    """The bytes `[start, end)` of an object; all of them by default. It has `read` and `close`, as boto3's body.

    Only an ETag proves that the rest is of the same object: without one, a body that has begun is not read on.

    Raises: botocore's errors; of a body that breaks off again and again, the last one.
    """

    def __init__(self, client: S3Client, bucket: str, name: str, *, start: int = 0, end: int | None = None) -> None:
        self._client = client
        self._object = {"Bucket": bucket, "Key": name}
        self._start = self._at = start
        self._end = end
        self._etag: dict[str, str] = {}
        self._body = self._ask()

    def read(self, size: int | None = None) -> bytes:
        """Return the next bytes, at most `size`; fewer at the end only."""
        for attempt in range(_ATTEMPTS):
            try:
                data: bytes = self._body.read(size)
            except (IncompleteReadError, HTTPClientError) as error:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0, _PAUSE * 2**attempt))  # noqa: S311 - jitter, not a secret
                self._ask_again(error)
            else:
                self._at += len(data)
                return data
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connection, or give it back."""
        self._body.close()

    def _ask(self) -> Any:
        last = "" if self._end is None else self._end - 1
        part = {"Range": f"bytes={self._at}-{last}"} if self._at or self._end is not None else {}
        reply = self._client.get_object(**self._object, **self._etag, **part)  # type: ignore[arg-type]
        self._etag = {"IfMatch": reply["ETag"]} if reply.get("ETag") else {}
        return reply["Body"]

    def _ask_again(self, error: Exception) -> None:
        self._body.close()
        if not self._etag and self._at > self._start:
            raise error
        try:
            self._body = self._ask()
        except ClientError:  # it was replaced or removed meanwhile: the rest is no longer there
            raise error from None
