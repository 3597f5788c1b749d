"""Prepare Airflow's database for `make up`, before a scheduler runs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from gamelake.days import KST
from gamelake.local.database import prepare
from gamelake.maintenance.smoke import WITHOUT_SOURCE
from gamelake.registry import loaded_entities

if TYPE_CHECKING:
    from gamelake.registry import Entity

_SWITCHED_ON = "make_up_unpause"
"""The event in Airflow's audit log of a DAG that was switched on."""
_PAGE = "docs/guides/runbooks/pause-and-resume.md"


class BrokenDagsError(RuntimeError):
    """A DAG file does not import; the message has its error."""


def switch_on() -> None:
    """Prepare the database, write the DAGs to it, and unpause each that no earlier call has unpaused.

    A DAG that is paused after that was paused by a person. Print when the next loads that `transform` waits for are
    due, and the paused DAGs, as JSON. No scheduler runs yet, so no event of a load is lost while `transform` is paused.
    Raises: BrokenDagsError.
    """
    prepare()
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.models import DagModel
    from airflow.models.log import Log
    from airflow.utils.session import create_session
    from sqlalchemy import func, select, update

    loads = [entity.dag_id for entity in loaded_entities()]
    ours = {*WITHOUT_SOURCE, *loads}
    manager = DagBundlesManager()  # type: ignore[no-untyped-call]
    manager.sync_bundles_to_db()
    for bundle in manager.get_all_dag_bundles():
        bundle.initialize()
        bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        ours -= bag.dags.keys()
        if bag.import_errors and ours:
            raise BrokenDagsError("\n".join(f"{file}:\n{error.strip()}" for file, error in bag.import_errors.items()))
        sync_bag_to_db(bag, bundle.name, bundle.version)
    with create_session() as session:
        ours = {*WITHOUT_SOURCE, *loads}
        new = ours.difference(session.scalars(select(Log.dag_id).where(Log.event == _SWITCHED_ON)))
        session.execute(update(DagModel).where(DagModel.dag_id.in_(new)).values(is_paused=False))
        session.add_all(Log(event=_SWITCHED_ON, owner="make up", dag_id=each) for each in sorted(new))
        paused = session.scalars(select(DagModel.dag_id).where(DagModel.dag_id.in_(ours), DagModel.is_paused)).all()
        running = {entity.dag_id for entity in _awaited()}.difference(paused)
        due = session.scalar(select(func.min(DagModel.next_dagrun_create_after)).where(DagModel.dag_id.in_(running)))
    print(json.dumps({"next_loads": due.isoformat() if due else None, "paused": sorted(paused)}))


def when_loads_start(due: datetime | None, paused: list[str], now: datetime) -> str:
    """Return sentences on the DAGs that stay paused, and on the next loads that `transform` waits for.

    `due` is None if all of these loads are paused.
    """
    dags = f"Paused, as before: {', '.join(paused)} ({_PAGE})." if paused else "All DAGs are on."
    if due is None:
        return dags
    follows = "." if "transform" in paused else ", and transform follows them."
    if due <= now:
        return f"{dags} The loads of the last 04:00 Korean time start now{follows}"
    sources = ", ".join(dict.fromkeys(entity.source for entity in _awaited()))
    return f"{dags} The next loads of {sources} start at {due.astimezone(KST):%Y-%m-%d %H:%M} Korean time{follows}"


def _awaited() -> list[Entity]:
    """Return the tables whose loads `transform` waits for."""
    return [entity for entity in loaded_entities() if entity.gates_transform]
