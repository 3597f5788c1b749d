"""`gamelake webhooks`: IGDB's webhooks, which send events to the event collector."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer

from gamelake.cli import arguments
from gamelake.urls import is_near, without_secrets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gamelake.registry import Entity
    from igdb.client import IgdbClient
    from igdb.settings import IgdbSettings
    from igdb.webhooks import Webhook

_HEADER = ("id", "entity", "method", "active", "url")
_MIN_SECRET = 16

_T = TypeVar("_T")

group = typer.Typer(help="Register, list, test and remove IGDB's webhooks.", no_args_is_help=True)


class WebhookError(Exception):
    """A webhook cannot be registered or tested; the message has what to do."""


def _entity(name: str) -> str:
    """Return the name of an entity that takes events. Raises: typer.BadParameter."""
    return arguments.one_of(name, _entities_with_events())


def _collector(url: str) -> str:
    """Return the address of a collector, to which the secret may be sent. Raises: typer.BadParameter."""
    if not _is_private(url):
        raise typer.BadParameter(
            f"found {without_secrets(url)!r}, expected https://HOST: the secret is sent in a header of each request"
        )
    return url.rstrip("/")


@group.command()
def register(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            callback=_collector,
            show_default=False,
            help="The collector's public address: https://events.example.com.",
        ),
    ],
    entity: Annotated[
        list[str] | None,
        typer.Option(
            callback=lambda names: [_entity(name) for name in names or []],
            show_default=False,
            help="Such as games. Repeatable. Default: every entity whose table takes events.",
        ),
    ] = None,
) -> None:
    """Register a webhook for create, update and delete of each entity; IGDB advises it at every start.

    A time series and a table with a filter take no events, and get no webhooks.
    """
    from igdb import webhooks as api

    secret = _secret()

    async def work(client: IgdbClient) -> list[tuple[Webhook, str]]:
        found = []
        for name, each in _entities_with_events().items():
            for method in api.METHODS if not entity or name in entity else ():
                address = f"{url}/igdb/{name}/{method}"
                made = await api.register(client, _endpoint(each), method, url=address, secret=secret)
                found.append((made, name))
        return found

    _show(_connected(work))


@group.command("list")
def show() -> None:
    """List the webhooks of the client id, and whether IGDB has turned them off."""
    from igdb import webhooks as api

    _show([(each, _name_of(each)) for each in _connected(api.webhooks)])


@group.command()
def test(
    webhook: Annotated[int, typer.Argument(metavar="WEBHOOK", show_default=False, help="The id of the webhook.")],
    row: Annotated[
        int, typer.Argument(metavar="ROW", show_default=False, help="The id of the row to send, such as 1942.")
    ],
) -> None:
    """Let IGDB send one row to a webhook."""
    from igdb import webhooks as api

    async def work(client: IgdbClient) -> Webhook:
        known = {each.id: each for each in await api.webhooks(client)}
        if (found := known.get(webhook)) is None:
            raise WebhookError(f"there is no webhook {webhook}, expected one of {', '.join(map(str, known)) or 'none'}")
        if (name := _name_of(found)) not in _entities():
            raise WebhookError(f"webhook {webhook} leads to {found.url}, expected the address of a collector")
        await api.test(client, _endpoint(_entities()[name]), webhook, row)
        return found

    print(f"IGDB sends row {row} to {_connected(work).url}")


@group.command()
def remove(
    webhook: Annotated[
        list[int] | None,
        typer.Argument(metavar="WEBHOOK", show_default=False, help="The ids of the webhooks. Default: none."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Remove every webhook of the client id.")] = False,
) -> None:
    """Remove webhooks."""
    from igdb import webhooks as api

    if bool(webhook) is every:
        raise typer.BadParameter("expected the ids of webhooks, or --all")

    async def work(client: IgdbClient) -> list[int]:
        ids = [each.id for each in await api.webhooks(client)] if every else list(webhook or [])
        for each in ids:
            await api.remove(client, each)
        return ids

    removed = _connected(work)
    print(f"removed: {', '.join(map(str, removed)) or 'none'}")


def _entities() -> dict[str, Entity]:
    from gamelake.registry import load_sources

    return dict(load_sources()["igdb"].entities)


def _entities_with_events() -> dict[str, Entity]:
    from gamelake.load.apply_events import takes_events

    return {name: entity for name, entity in _entities().items() if takes_events(entity)}


def _endpoint(entity: Entity) -> str:
    from gamelake.sources.igdb.options import IgdbOptions

    return IgdbOptions.of(entity).endpoint


def _name_of(webhook: Webhook) -> str:
    """Return the entity of a webhook, by its address: IGDB's number of an endpoint is documented nowhere."""
    parts = webhook.url.rsplit("/", 3)
    return parts[2] if len(parts) == 4 and parts[1] == "igdb" else "–"


def _is_private(url: str) -> bool:
    """Whether what is sent is private: by TLS, or to a host of this machine or of compose, for the sandbox."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_near(host)))


def _secret() -> str:
    from gamelake.settings import read_settings

    secret = (read_settings().gamelake_webhook_secret or "").partition(",")[0].strip()
    if len(secret) < _MIN_SECRET:
        expected = f"at least {_MIN_SECRET}, as the collector has them; make one: openssl rand -hex 32"
        raise WebhookError(f"GAMELAKE_WEBHOOK_SECRET: found {len(secret)} characters, expected {expected}")
    return secret


def _connected(work: Callable[[IgdbClient], Awaitable[_T]]) -> _T:
    """Do some work with a client of the connection that loads use."""
    from gamelake.cli.store import use_stored_connection
    from gamelake.local import account
    from gamelake.registry import load_sources

    connection = load_sources()["igdb"].connection
    if account.is_set():
        account.export(connection)
    else:
        use_stored_connection(connection)
    from igdb.hook import IgdbHook  # only now: Airflow, which it imports, looks then where its database is

    async def run() -> Any:
        hook = IgdbHook(connection)
        _check_sandbox(connection, await hook.settings())
        async with hook.client() as client:
            return await work(client)

    found: _T = asyncio.run(run())
    return found


def _check_sandbox(conn_id: str, settings: IgdbSettings) -> None:
    """Check that the sandbox runs, if the connection leads to that of this machine. Raises: WebhookError.

    The client would try again for half a minute, as where a server of the internet is away for a moment.
    """
    from gamelake.airflow.settings_file import is_own

    parts = urlsplit(settings.base_url)
    if not parts.port or is_own(conn_id, settings.base_url, settings.client_id):
        return
    try:
        socket.create_connection((parts.hostname, parts.port)).close()
    except OSError as error:
        raise WebhookError(
            f"the sandbox does not run at {settings.base_url}, and no account of IGDB is set: start it with "
            "`make up`, or set IGDB_CLIENT_ID and IGDB_CLIENT_SECRET"
        ) from error


def _show(found: list[tuple[Webhook, str]]) -> None:
    from gamelake.tables import table

    lines = [(str(each.id), name, each.method, "yes" if each.is_active else "no", each.url) for each, name in found]
    print(table(_HEADER, lines, sys.stdout))
