"""A CDN over loopback HTTP before a bucket of moto's: serves what it has until moto lists an invalidation of it."""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NO_LISTING = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@dataclass
class Copy:
    """What the CDN has of one object."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


class CachingCdn(ThreadingHTTPServer):
    """Copies of a bucket's objects, kept until a path that CloudFront's API was given names them.

    faults: by a part of the path, how such requests are answered: `html` (200 and a page), `cut` (half of the body and
    the length of all), `firewall`, or a status as text. may_list: S3 replies 404 and not 403 for what is absent.
    """

    daemon_threads = True

    def __init__(self, s3: S3Client, cloudfront: Any, bucket: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.s3, self.cloudfront, self.bucket = s3, cloudfront, bucket
        self.distribution = new_distribution(cloudfront, bucket)
        self.may_list = True
        self.faults: dict[str, str] = {}
        self.requests: list[str] = []
        self._copies: dict[str, Copy] = {}
        self._forgotten: set[str] = set()
        self._lock = threading.Lock()

    def invalidated(self) -> list[list[str]]:
        """The paths of each invalidation, oldest first."""
        return [paths for _, paths in self._invalidations()]

    def copy_of(self, path: str) -> Copy:
        """The kept copy, or a new one if it was invalidated."""
        with self._lock:
            for invalidation, paths in self._invalidations():
                if invalidation not in self._forgotten:
                    self._forgotten.add(invalidation)
                    kept = self._copies.items()
                    self._copies = {at: copy for at, copy in kept if not any(_names(each, at) for each in paths)}
            if path not in self._copies:
                found = self._from_origin(path)
                if found.status != 200:
                    return found
                self._copies[path] = found
            return self._copies[path]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up half-way through a body that is cut."""

    def _from_origin(self, path: str) -> Copy:
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=unquote(path).lstrip("/"))
        except self.s3.exceptions.NoSuchKey:
            return Copy(b"<Error><Code>NoSuchKey</Code></Error>", status=404) if self.may_list else denied()
        headers = {"Content-Type": found["ContentType"], "ETag": found["ETag"]}
        headers["Last-Modified"] = found["ResponseMetadata"]["HTTPHeaders"]["last-modified"]
        return Copy(found["Body"].read(), headers)

    def _invalidations(self) -> list[tuple[str, list[str]]]:
        listed = self.cloudfront.list_invalidations(DistributionId=self.distribution)["InvalidationList"]
        found = []
        for each in listed.get("Items", []):
            full = self.cloudfront.get_invalidation(DistributionId=self.distribution, Id=each["Id"])
            found.append((each["Id"], full["Invalidation"]["InvalidationBatch"]["Paths"]["Items"]))
        return found


def denied() -> Copy:
    return Copy(NO_LISTING, {"Content-Type": "application/xml"}, 403)


def _names(path: str, at: str) -> bool:
    """Whether an invalidation of `path` is one of the address: letter by letter, but for a * at the end."""
    return at.startswith(path[:-1]) if path.endswith("*") else at == path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: CachingCdn

    def do_GET(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        fault = next((kind for part, kind in self.server.faults.items() if fnmatchcase(self.path, f"*{part}*")), "")
        copy = self._faulty(fault) or self.server.copy_of(self.path)
        body, status, headers = copy.body, copy.status, dict(copy.headers)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and status == 200:
            low, high = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
            headers["Content-Range"] = f"bytes {low}-{high}/{len(body)}"
            body, status = body[low : high + 1], 206
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if fault == "cut":
            self.close_connection = True
            body = body[: len(body) // 2]
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def _faulty(self, fault: str) -> Copy | None:
        if fault == "html":
            return Copy(b"<!doctype html><title>Welcome</title>", {"Content-Type": "text/html; charset=utf-8"})
        if fault == "firewall":
            return Copy(b"<html>Request blocked.</html>", {"Content-Type": "text/html", "Server": "CloudFront"}, 403)
        return Copy(b"as planned", {}, int(fault)) if fault.isdigit() else None

    def log_message(self, *arguments: object) -> None:
        """Nothing to say."""


def new_distribution(cloudfront: Any, bucket: str) -> str:
    """A distribution before a bucket. Returns: its id."""
    origin = {"Id": "s3", "DomainName": f"{bucket}.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    config = {
        "CallerReference": uuid.uuid4().hex,
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "s3", "ViewerProtocolPolicy": "https-only"},
    }
    return str(cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"])
