"""The DAG of IGDB's genres; as a script, for test_load_events.py, it runs it for each of DAYS and notes its events."""

from __future__ import annotations

import json
import os
from pathlib import Path

from gamelake.airflow.load_dags import load_dag
from gamelake.lake.factory import lake_uri
from gamelake.registry import load_sources

source = load_sources()["igdb"]
dag = load_dag(source, source.entities["genres"], lake_uri=lake_uri(), full_refresh_weekday=0, doc_md="A test.")


def main() -> None:
    from airflow import settings
    from airflow.models.asset import AssetEvent
    from airflow.utils.db import upgradedb
    from sqlalchemy import select

    upgradedb()
    states = [str(dag.test(run_conf={"date": day}).state) for day in os.environ["DAYS"].split()]
    assert settings.Session is not None
    session = settings.Session()
    events = [[event.asset.name, event.partition_key, event.extra] for event in session.scalars(select(AssetEvent))]
    Path(os.environ["OUTCOME"]).write_text(json.dumps({"states": states, "events": events}))


if __name__ == "__main__":
    main()
