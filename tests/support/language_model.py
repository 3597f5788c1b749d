"""A server that plays a language model of OpenAI's form: good, lying, slow, torn and refusing answers."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD = {
    "en": {"opening": "{game_1} leads Most played with 90 users.", "findings": ""},
    "ko": {"opening": "{game_1}이(가) 90명으로 1위에 올랐습니다.", "findings": ""},
}


class PlayedModel:
    """What the server got, and what it answers.

    Attributes:
        answers: By language, an answer or its text.
        reply: A whole reply in place of that, as bytes.
        status: Of the reply.
        hangs: Whether no reply comes; drips: whether it comes byte by byte, without an end.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = dict(GOOD)
        self.reply: bytes | None = None
        self.status = 200
        self.hangs = self.drips = False
        self.location: str | None = None
        self.questions: list[dict[str, Any]] = []
        self.bodies: list[str] = []
        self.keys: list[str] = []
        self.released = threading.Event()
        self.address = ""

    def connection(self, **extra: Any) -> str:
        """A connection to it."""
        given = {"model": "played", "seconds": 5, **extra}
        return json.dumps({"conn_type": "http", "host": self.address, "password": "sk-secret", "extra": given})

    def answer_to(self, question: dict[str, Any]) -> bytes:
        """The reply to a question."""
        language = "ko" if "Korean" in question["messages"][0]["content"] else "en"
        answer = self.answers[language]
        content = answer if isinstance(answer, str) else json.dumps(answer)
        return json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}).encode()


@contextmanager
def running_model() -> Iterator[PlayedModel]:
    """Serve a model for as long as the block lasts."""
    model = PlayedModel()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            model.bodies.append(body)
            model.questions.append({"path": self.path, **json.loads(body)})
            model.keys.append(self.headers.get("Authorization", ""))
            if model.hangs:
                model.released.wait(30)
                return
            self.send_response(model.status)
            if model.location:
                self.send_header("Location", model.location)
            self.end_headers()
            if model.drips:
                while not model.released.wait(0.05):
                    try:
                        self.wfile.write(b" ")
                    except OSError:
                        return
                return
            self.wfile.write(model.reply if model.reply is not None else model.answer_to(json.loads(body)))

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    model.address = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield model
    finally:
        model.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
