"""Receivers of messages: an HTTP server that refuses, times out and recovers, and a mail server."""

from __future__ import annotations

import email
import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

from tests.support.airflow import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

    from aiosmtpd.smtp import Envelope


MOST_UNREAD = 20_000_000
"""Bytes of a reply that no client reads: what the buffers of both sides take, and not the whole of an endless reply."""


class Webhook:
    """What the server got, and how it answers: with a status, and where it redirects to; not at all while it hangs.

    page: what it answers. While it is endless, its replies end when the client leaves, or after 50 MB; `bytes` are
    those that it could send.
    """

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.beats: list[str] = []
        self.authorizations: list[str] = []
        self.status = 200
        self.location: str | None = None
        self.hangs = False
        self.endless = False
        self.page = b"ok"
        self.bytes = 0
        self.released = threading.Event()
        self.address = ""

    @property
    def events(self) -> list[str]:
        return [each["event"] for each in self.got]

    def connection(self, **more: Any) -> str:
        """A connection of type http to it."""
        return json.dumps({"conn_type": "http", "host": f"{self.address}/hook/a-secret-path", **more})

    def slack(self) -> str:
        """A connection of Slack's type to it."""
        return json.dumps({"conn_type": "slackwebhook", "password": f"{self.address}/services/a-secret-path"})


@contextmanager
def running_webhook() -> Iterator[Webhook]:
    """Serve a webhook for as long as the block lasts."""
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if webhook.hangs:
                webhook.released.wait(60)
                return
            if webhook.status == 200:
                webhook.got.append(body)
                webhook.authorizations.append(self.headers.get("Authorization", ""))
            self.send_response(webhook.status)
            if webhook.location:
                self.send_header("Location", webhook.location)
            self.end_headers()
            self.write_body()

        def do_GET(self) -> None:
            if webhook.hangs:
                webhook.released.wait(60)
                return
            webhook.beats.append(self.path)
            self.send_response(webhook.status)
            self.end_headers()
            self.write_body()

        def write_body(self) -> None:
            part = b"." * 100_000 if webhook.endless else webhook.page
            with suppress(ConnectionError):
                for _ in range(500 if webhook.endless else 1):
                    webhook.bytes += self.wfile.write(part)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    webhook.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield webhook
    finally:
        webhook.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Mailbox:
    """The mails that the server got."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.port = free_port()

    async def handle_DATA(self, *given: Any) -> str:  # noqa: N802 - aiosmtpd's name
        envelope: Envelope = given[-1]
        self.mails.append(email.message_from_bytes(envelope.original_content or b""))
        return "250 OK"

    def connection(self, **extra: Any) -> str:
        """A connection of type smtp to it."""
        plain = {"disable_ssl": True, "disable_tls": True, "from_email": "gamelake@example.org"}
        extra = {"to": ["ops@example.org"], **plain, **extra}
        return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": extra})


@contextmanager
def running_mailbox() -> Iterator[Mailbox]:
    """Serve SMTP for as long as the block lasts."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
