"""A sign of life for a dead man's switch: a service outside of Airflow that tells a person when it stays away.

`GAMELAKE_HEARTBEAT` is the id of a connection of type `http`; its host is the address that the service gave.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gamelake.marts import pointer
from gamelake.nights.clock import last_night
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gamelake.lake.store import Store
    from gamelake.registry import Source

log = logging.getLogger(__name__)

SECONDS = 10
"""How long the service may take to answer."""


def beat(store: Store, sources: Mapping[str, Source], now: datetime) -> bool:
    """Send a sign of life, if one is set and readers have got the marts of the newest night.

    A service that does not take it is no error here: the next check sends it again.

    Returns:
        Whether it was taken.

    Raises:
        DocumentError: The newest publication and the pointer are damaged.
        StoreError: The lake cannot be read.
    """
    connection_id = read_settings().gamelake_heartbeat
    if not connection_id:
        return False
    published = pointer.newest_published(store)
    if published is None or published.day < last_night(sources.values(), now):
        log.info("no sign of life is sent: the marts of the newest night are not published")
        return False
    try:
        status = _get(connection_id)
    except Exception as error:  # noqa: BLE001 - of any library; its text may have the address, which is a secret
        log.warning("the sign of life was not taken (GAMELAKE_HEARTBEAT): %s", type(error).__name__)
        return False
    if status >= 400:
        log.warning("the sign of life was not taken (GAMELAKE_HEARTBEAT): it was answered %d", status)
    return status < 400


def _get(connection_id: str) -> int:
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook(method="GET", http_conn_id=connection_id)
    # Not by `hook.run`: it logs an address that does not answer, and the address is a secret.
    # `stream`: the body of the reply is not read: it may have any size.
    with hook.get_conn().get(hook.url_from_endpoint(None), timeout=SECONDS, stream=True) as reply:
        return int(reply.status_code)
