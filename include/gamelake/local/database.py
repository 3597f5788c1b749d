"""Airflow's metadata database on this laptop: migrated, with the connections and the pool that the DAGs name."""

from __future__ import annotations

import os


def prepare() -> None:
    """Bring the database up to date. Safe to repeat; the connections become what `airflow_settings.yaml` says."""
    from airflow.utils import db

    from gamelake.airflow import settings_file as airflow_settings

    db.upgradedb()
    airflow_settings.apply(airflow_settings.load_settings(), os.environ)
