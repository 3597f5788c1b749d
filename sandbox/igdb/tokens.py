"""Access tokens by client credentials, as id.twitch.tv gives them out."""

from __future__ import annotations

import secrets
from collections import deque
from typing import TYPE_CHECKING

from sandbox.igdb.replies import Reply, json_reply, token_error_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

LIVE_TOKENS = 25
EXPIRES_IN = 60 * 86_400


class TokenIssuer:
    """The live tokens of one client; the 26th ends the oldest."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.client_id = client_id
        self._secret = client_secret
        self._live: deque[str] = deque(maxlen=LIVE_TOKENS)

    def grant(self, form: Mapping[str, object]) -> Reply:
        """Answer a token request; a request in JSON has no form fields, so its client id is missing."""
        for name in ("client_id", "client_secret", "grant_type"):
            if not form.get(name):
                return token_error_reply(400, f"missing {name.replace('_', ' ')}")
        if form["client_id"] != self.client_id:
            return token_error_reply(400, "invalid client")
        if form["client_secret"] != self._secret:
            return token_error_reply(403, "invalid client secret")
        if form["grant_type"] != "client_credentials":
            return token_error_reply(400, "invalid grant type")
        self._live.append(secrets.token_hex(15))
        return json_reply({"access_token": self._live[-1], "expires_in": EXPIRES_IN, "token_type": "bearer"})

    def accepts(self, client_id: str | None, authorization: str | None) -> bool:
        """Return whether a request's Client-ID and Authorization headers open the API."""
        scheme, _, token = (authorization or "").partition(" ")
        return client_id == self.client_id and scheme == "Bearer" and token in self._live

    def end_all(self) -> None:
        """End every token, as a change of the client's secret does."""
        self._live.clear()
