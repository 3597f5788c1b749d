"""Replies that are no S3 server's: the page of a proxy, of a login or of a console, a redirect to one, and nothing.

botocore takes such a page for a server error, for an absent object or for the object itself, and an empty reply for a
success or an empty listing; it follows a redirect without end. Here they become errors that state what came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOT_S3 = "NotS3"
"""The error code of a reply that is no S3 server's."""

_PAGE = (b"<!doctype html", b"<html")
_OF_S3 = ("x-amz-bucket-region", "x-amz-request-id")
"""Headers of S3's own redirects, which name the region of the bucket."""
_WITH_ETAG = {"PutObject", "UploadPart"}
_OF_OBJECTS = {"GetObject", "HeadObject"}
_OF_BUCKETS = {"ListObjectsV2"}
_WITH_BODY = {
    "ListObjectsV2",
    "GetObjectTagging",
    "CopyObject",
    "CreateMultipartUpload",
    "CompleteMultipartUpload",
}


class ForeignReplyError(Exception):
    """A server that is no S3 server redirects the request."""


def refuse_foreign_replies(client: S3Client) -> None:
    """Let a client raise an error for each reply that is no S3 server's; also if it was told so before."""
    client.meta.events.register_first("before-parse.s3.*", _refuse, unique_id="gamelake-foreign-replies")


def _refuse(*, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Replace a page by an error; one with status 200 is retried. Raises: ForeignReplyError for a redirect."""
    status, headers, body = response_dict["status_code"], response_dict["headers"], response_dict["body"]
    if 300 <= status < 400 and not _is_xml(headers) and not any(name in headers for name in _OF_S3):
        raise ForeignReplyError(f"status {status}: a redirect to {headers.get('location', 'nowhere')}")
    if found := _what_it_is(operation_model.name, status, headers, body):
        text = f"<Error><Code>{NOT_S3}</Code><Message>the reply {found}</Message></Error>"
        response_dict |= {"status_code": 500 if status == 200 else status, "body": text.encode()}


def _what_it_is(operation: str, status: int, headers: Any, body: Any) -> str | None:
    """Return what a reply is that is no S3 server's; None for any other."""
    if isinstance(body, bytes) and body.lstrip()[:20].lower().startswith(_PAGE):
        return "is a page of HTML"
    if status == 404:
        return _what_is_absent(operation, body)
    if status == 200 and operation in _WITH_ETAG and "etag" not in headers:
        return "has status 200 and no ETag"
    if status == 200 and operation in _OF_OBJECTS and "last-modified" not in headers:
        return "has status 200 and no Last-Modified"
    if status == 200 and operation in _WITH_BODY and not body:
        return "has status 200 and no body"
    return None


def _what_is_absent(operation: str, body: Any) -> str | None:
    """Return what a 404 is that would pass for an object or a listing that is not there.

    S3 explains every 404 in XML, but that of a HEAD.
    """
    if body and not body.lstrip().startswith(b"<"):
        return "has status 404 and is no XML"
    if not body and operation in _OF_BUCKETS:
        return "has status 404 and no body"
    return None


def _is_xml(headers: Any) -> bool:
    return str(headers.get("content-type", "")).partition(";")[0].strip().endswith("/xml")
