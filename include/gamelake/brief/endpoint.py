"""A language model behind an endpoint of OpenAI's form: `POST <address>/chat/completions`. Many servers have it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import urllib3

from gamelake.brief.model import ModelError
from gamelake.lake.https import is_loopback, pool

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES = 256 * 1024
MOST_TOKENS = 800


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice]


class Endpoint:
    """A `Writer`. It asks once: a model that fails is no reason to wait longer.

    Args:
        address: Of the API, such as `https://models.example/v1`.
        model: The name of the model there.
        key: The key, which is sent in a header and shown nowhere.
        seconds: How long an answer may take.

    Raises:
        ModelError: The address is none, or a key would be sent in the clear.
    """

    def __init__(self, address: str, *, model: str, key: str | None, seconds: float) -> None:
        expected = "address: expected https://host/v1 without a login"
        try:
            parts = urlsplit(address)
            host = parts.hostname if parts.port != 0 else None  # to read a wrong port raises
        except ValueError:  # its text has the address
            raise ModelError(expected) from None
        if parts.scheme not in {"http", "https"} or not host or parts.username:
            raise ModelError(expected)
        if key and parts.scheme == "http" and not is_loopback(host):
            raise ModelError("address: a key is sent over https:// only")
        self.name, self.seconds = model, seconds
        self._url = f"{address.rstrip('/')}/chat/completions"
        self._key = key

    def write(self, instructions: str, facts: str, schema: Mapping[str, Any]) -> bytes:
        """Return the answer to a question. Raises: ModelError."""
        messages = [{"role": "system", "content": instructions}, {"role": "user", "content": facts}]
        answer_form = {"type": "json_schema", "json_schema": {"name": "brief", "strict": True, "schema": schema}}
        question = {
            "model": self.name,
            "messages": messages,
            "temperature": 0,
            "max_tokens": MOST_TOKENS,
            "response_format": answer_form,
        }
        reply = self._ask(json.dumps(question).encode())
        try:
            (choice, *_) = msgspec.json.decode(reply, type=_Reply).choices
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            raise ModelError("its reply is not of the form of the API") from None
        if choice.message.refusal or not choice.message.content:
            raise ModelError("it refuses to answer")
        if choice.finish_reason == "length":
            raise ModelError("its answer is too long")
        return choice.message.content.encode()

    def _ask(self, body: bytes) -> bytes:
        """Return the body of a reply. An error has no address, which may be a secret, and no text of the server."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        end = time.monotonic() + self.seconds
        try:
            http = pool(self._url, retries=urllib3.Retry(False), timeout=urllib3.Timeout(total=self.seconds))
        except urllib3.exceptions.HTTPError as error:
            raise ModelError(f"its proxy cannot be used ({type(error).__name__})") from None
        try:
            with http.request(
                "POST", self._url, body=body, headers=headers, preload_content=False, redirect=False
            ) as reply:
                if reply.status != 200:
                    raise ModelError(f"it answered with status {reply.status}")
                found = b""
                while part := reply.read1(16 * 1024):
                    found += part
                    if len(found) > MOST_BYTES or time.monotonic() > end:
                        raise ModelError("its reply is too long, or too slow")
                return found
        except urllib3.exceptions.HTTPError as error:
            raise ModelError(f"it cannot be reached ({type(error).__name__})") from None
        finally:
            http.clear()
