"""Send a message by an Airflow connection: Slack's webhook, any webhook as JSON, or e-mail.

| type of the connection | what is sent |
| --- | --- |
| `slackwebhook` | the text |
| `http` | a POST of `id`, `event`, `incident`, `severity`, `title`, `text`, `opened_at` and `closed_at` as JSON |
| `smtp` | a mail to the addresses in the field `to` of its extra |
"""

from __future__ import annotations

import html
import logging
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gamelake.incidents.delivery import SendError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Connection
    from requests import Response

    from gamelake.incidents.wording import Text

REPLY_SECONDS = 4
"""How long a receiver may take to answer."""

RECIPIENTS = "to"
"""In the extra of a connection of type `smtp`: one address, or a list."""

_ADDRESS = {
    "slackwebhook": ("password", "the address of the webhook"),
    "http": ("host", "the address of the webhook"),
    "smtp": ("host", "the name of the mail server"),
}
_MOVED, _FOUND = 301, 302
_SEPARATOR = re.compile("[,;]")
_URL = re.compile(r"https?://\S+")


def send(channel: str, text: Text, facts: dict[str, Any]) -> None:
    """Send a message once.

    Args:
        channel: The id of the connection.
        text: What people read.
        facts: What programs read.

    Raises:
        SendError: The connection is missing or wrong, or its receiver did not take the message. It has no secret: an
            address may be one.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(channel)
    except AirflowNotFoundException:
        raise SendError("there is no connection of this id (GAMELAKE_NOTIFY)") from None
    sender = _SENDERS.get(str(connection.conn_type))
    if sender is None:
        expected = ", ".join(_SENDERS)
        raise SendError(f"connection type: found {connection.conn_type!r}, expected one of {expected}")
    field, expected = _ADDRESS[str(connection.conn_type)]
    if not str(getattr(connection, field) or "").strip():
        raise SendError(f"{field}: it is empty, expected {expected}")
    try:
        sender(connection, text, facts)
    except SendError:
        raise
    except Exception as error:  # noqa: BLE001 - of any library; its text may have the address, which is a secret
        raise SendError(_described(error)) from None


def _described(error: BaseException) -> str:
    """Return what the system answered; else the classes of an error and of what caused it."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    for each in causes:
        if isinstance(each, ConnectionError) and each.errno:  # the system's, and no library's of the same name
            return f"no connection to its address: {os.strerror(each.errno)}"
    return " from ".join(type(each).__name__ for each in causes[:3])


def _send_to_slack(connection: Connection, text: Text, _: dict[str, Any]) -> None:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    lines = "\n".join(text.lines)
    quiet = logging.Logger("slack")  # Slack's client logs the address, which is the secret
    quiet.disabled = True
    hook = SlackWebhookHook(slack_webhook_conn_id=connection.conn_id, timeout=REPLY_SECONDS, logger=quiet)
    reply = hook.client.send(text=f"*{_escaped(text.title)}*\n{_escaped(lines)}", unfurl_links=False)
    if reply.status_code != 200:
        raise SendError(f"Slack answered {reply.status_code}")
    if reply.body.lstrip().startswith("<"):
        raise SendError("a page for people answered, and not Slack: check the address, which begins with https://")


def _escaped(text: str) -> str:
    """Return a text as Slack shows it: a name in it is no link and calls no person."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _post(connection: Connection, text: Text, facts: dict[str, Any]) -> None:
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook(method="POST", http_conn_id=connection.conn_id)
    body = {**facts, "title": text.title, "text": str(text)}
    # Not by `hook.run`: it logs an address that does not answer, and a webhook's address is a secret.
    # `stream`: the body of the reply is not read: it may have any size.
    with hook.get_conn().post(hook.url_from_endpoint(None), json=body, timeout=REPLY_SECONDS, stream=True) as reply:
        if not reply.ok:
            raise SendError(f"the webhook answered {reply.status_code}")
        if moved := next(filter(_is_dropped, reply.history), None):
            raise SendError(
                f"the webhook answered {moved.status_code}: it has moved, as from http to https, and did not take the "
                "message; set its new address as the host"
            )


def _is_dropped(redirect: Response) -> bool:
    """Whether a redirect is only to another address: it is followed with a GET, and the message is in none."""
    if redirect.status_code == _MOVED:
        return True
    target = urlsplit(redirect.headers.get("Location", ""))
    return redirect.status_code == _FOUND and bool(target.netloc) and target.path == urlsplit(redirect.url).path


def _mail(connection: Connection, text: Text, facts: dict[str, Any]) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    extra = connection.extra_dejson if isinstance(connection.extra_dejson, dict) else {}
    given = extra.get(RECIPIENTS) or []
    to = _SEPARATOR.split(given) if isinstance(given, str) else given
    if not isinstance(to, list) or not all(isinstance(each, str) for each in to):
        raise SendError(f"extra: the field {RECIPIENTS!r} is {given!r}, expected one address, or a list of them")
    if not (to := [each.strip() for each in to if each.strip()]):
        raise SendError(f"extra: the field {RECIPIENTS!r} is missing, expected the addresses of the mail")
    if not extra.get("from_email"):
        raise SendError("extra: the field 'from_email' is missing, expected the sender, such as gamelake@example.org")
    lines = [_URL.sub(lambda url: f'<a href="{url[0]}">{url[0]}</a>', html.escape(line)) for line in text.lines]
    with SmtpHook(smtp_conn_id=connection.conn_id) as hook:
        hook.send_email_smtp(
            to=to,
            subject=text.title,
            html_content="".join(f"<p>{'<br>'.join(line.splitlines())}</p>\n" for line in lines),
            custom_headers={"X-Gamelake-Message": str(facts.get("id", "trial"))},
        )


_SENDERS: dict[str, Callable[[Connection, Text, dict[str, Any]], None]] = {
    "slackwebhook": _send_to_slack,
    "http": _post,
    "smtp": _mail,
}
