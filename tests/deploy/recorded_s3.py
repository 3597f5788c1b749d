"""An S3 server that writes down which rights its requests would have needed on AWS.

moto answers over HTTP, so that boto3 and DuckDB are recorded alike. The rights are those of AWS's service authorization
reference for S3; moto itself checks none.
"""

from __future__ import annotations

import io
import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from tests.support.stores import new_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client

OBJECT_RIGHTS = {
    ("GET", ""): "s3:GetObject",
    ("HEAD", ""): "s3:GetObject",
    ("PUT", ""): "s3:PutObject",
    ("DELETE", ""): "s3:DeleteObject",
    ("GET", "tagging"): "s3:GetObjectTagging",
    ("PUT", "tagging"): "s3:PutObjectTagging",
    ("POST", "uploads"): "s3:PutObject",
    ("PUT", "uploadId"): "s3:PutObject",
    ("POST", "uploadId"): "s3:PutObject",
    ("DELETE", "uploadId"): "s3:AbortMultipartUpload",
}
BUCKET_RIGHTS = {
    ("GET", "list-type"): "s3:ListBucket",
    ("GET", "lifecycle"): "s3:GetLifecycleConfiguration",
    ("PUT", "lifecycle"): "s3:PutLifecycleConfiguration",
}


@dataclass(frozen=True, slots=True)
class Need:
    """A right that a request needs: an IAM action on a key, or on the bucket if the key is empty.

    status: the value of the tag `status` that the request sets, if it sets one.
    if_none_match: whether the request creates the object or fails.
    """

    action: str
    key: str = ""
    status: str | None = None
    if_none_match: bool = False


@dataclass
class Recording:
    """What was asked of the server: `needs` holds each right once, `requests` counts requests by method and what."""

    bucket: str
    endpoint: str
    needs: set[Need] = field(default_factory=set)
    requests: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, method: str, path: str, query: Mapping[str, Any], headers: Mapping[str, str], status: int) -> None:
        """Add one request. Raises: KeyError, for one whose rights are not known here."""
        bucket, _, key = path.lstrip("/").partition("/")
        if bucket != self.bucket:
            raise KeyError(f"{method} {path}: a request for another bucket than {self.bucket}")
        kinds = [name for name in ("tagging", "uploads", "uploadId", "list-type", "lifecycle") if name in query]
        kind = kinds[0] if kinds else ""
        right = (OBJECT_RIGHTS if key else BUCKET_RIGHTS)[method, kind]
        needs = {Need(right, key, headers.get("status"), bool(headers["condition"]))}
        if source := headers.get("copy"):
            needs.add(Need("s3:GetObject", unquote(source).removeprefix("/").partition("/")[2]))
        if headers.get("status") and kind != "tagging":
            needs.add(Need("s3:PutObjectTagging", key, headers["status"]))
        if key and status == 404:
            needs.add(Need("s3:ListBucket"))  # without it S3 replies 403, which is an error of another kind
        with self.lock:
            self.needs |= needs
            name = f"{method} {kind or ('object' if key else 'bucket')}"
            self.requests[name] = self.requests.get(name, 0) + 1

    def writes_and_reads(self) -> tuple[int, int]:
        """Return the numbers of writes and reads, as AWS prices them. Deletions are free."""
        priced = {what: n for what, n in self.requests.items() if what != "DELETE object"}
        writes = sum(n for what, n in priced.items() if what.startswith(("PUT", "POST")) or what == "GET list-type")
        return writes, sum(priced.values()) - writes


@contextmanager
def recording_server(bucket: str = "lake") -> Iterator[list[Recording]]:
    """A server and an empty bucket. Gives a list: requests go into its last Recording; errors are raised at the end.

    moto keeps the buckets of all servers of a process in one place, so that the bucket is removed at the end.
    """
    recordings = [Recording(bucket, "")]
    moto = DomainDispatcherApplication(create_backend_app)
    errors: list[Exception] = []
    ended = threading.Event()

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = unquote(environ["RAW_URI"].partition("?")[0])
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        headers = {
            "copy": environ.get("HTTP_X_AMZ_COPY_SOURCE", ""),
            "condition": environ.get("HTTP_IF_NONE_MATCH", ""),
        }
        if "tagging" in query and environ["REQUEST_METHOD"] == "PUT":
            headers["status"] = _tag_of_body(environ)
        elif tagging := environ.get("HTTP_X_AMZ_TAGGING"):
            headers["status"] = parse_qs(tagging)["status"][0]

        def answer(status: str, *more: Any) -> Any:
            if not ended.is_set():
                number = int(status.split(maxsplit=1)[0])
                try:
                    recordings[-1].note(environ["REQUEST_METHOD"], path, query, headers, number)
                except KeyError as error:
                    errors.append(error)
            return start_response(status, *more)

        body: Iterable[bytes] = moto(environ, answer)
        return body

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line a request
    server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=MotoRequestHandler)
    recordings[0].endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    client = new_client(recordings[0].endpoint)
    try:
        client.create_bucket(Bucket=bucket)
        errors.clear()  # that one is the test's own
        yield recordings
        if errors:
            raise errors[0]
    finally:
        ended.set()
        _remove(client, bucket)
        server.shutdown()
        thread.join()


def _remove(client: S3Client, bucket: str) -> None:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            client.delete_object(Bucket=bucket, Key=found["Key"])
    client.delete_bucket(Bucket=bucket)


def _tag_of_body(environ: dict[str, Any]) -> str:
    """The tag in a PutObjectTagging's body, which is given back to moto unread."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(body)
    return str(body.decode().partition("<Value>")[2].partition("</Value>")[0])
