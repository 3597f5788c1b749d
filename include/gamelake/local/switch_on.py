"""Prepare Airflow's database for `make up`, before a scheduler runs."""

from __future__ import annotations

import json
from datetime import datetime

from gamelake.days import KST
from gamelake.local.database import prepare
from gamelake.maintenance.smoke import WITHOUT_SOURCE
from gamelake.registry import loaded_entities


class BrokenDagsError(RuntimeError):
    """A DAG file does not import; the message has its error."""


def switch_on() -> None:
    """Prepare the database, write the DAGs to it, unpause them, and print when the next loads are due, as JSON.

    No scheduler runs yet, so no event of a load gets lost while `transform` is paused.
    Raises: BrokenDagsError.
    """
    prepare()
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.models import DagModel
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
        session.execute(update(DagModel).where(DagModel.dag_id.in_(ours)).values(is_paused=False))
        due = session.scalar(select(func.min(DagModel.next_dagrun_create_after)).where(DagModel.dag_id.in_(loads)))
    print(json.dumps({"next_loads": due.isoformat() if due else None}))


def when_loads_start(due: datetime, now: datetime) -> str:
    """Return a sentence on the next loads."""
    if due <= now:
        return "The loads of the last 04:00 Korean time start now, and transform follows them."
    return f"The next loads start at {due.astimezone(KST):%Y-%m-%d %H:%M} Korean time, and transform follows them."
