"""Find the states of incidents that nothing needs any more: a channel that refuses for long makes two at each task."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from gamelake.incidents.documents import PREFIX
from gamelake.incidents.incidents import Incidents
from gamelake.lake.findings import Finding
from gamelake.lake.keys import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from gamelake.lake.store import ObjectInfo, Store

KEPT = timedelta(days=30)
"""How long a state stays after a newer one: for people, as each state is whole."""


def audit_incidents(store: Store, *, now: datetime) -> Iterator[Finding]:
    """Yield states that are older than KEPT, but never the newest one that can be read, nor one after it.

    Raises: StoreError.
    """
    newest = {f"{PREFIX}{each.key}": each.number for each in Incidents(store).newest()}
    for folder, infos in groupby(store.list(PREFIX), lambda info: info.key.rpartition("/")[0]):
        for info in infos:
            if _is_old(info, number_of(f"{folder}/", info.key), newest.get(folder, 0), before=now - KEPT):
                yield Finding.orphan(info, f"states of incidents are kept for {KEPT.days} days after the next one")


def _is_old(info: ObjectInfo, number: int | None, newest: int, *, before: datetime) -> bool:
    return number is not None and number < newest and info.modified < before
