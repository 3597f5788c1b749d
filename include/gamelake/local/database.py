"""Airflow's metadata database on this laptop: migrated, with the connections and the pool that the DAGs name."""

from __future__ import annotations


def prepare() -> None:
    """Bring the database up to date. Safe to repeat; it gets the connections of `airflow_settings.yaml`."""
    from airflow.utils import db

    from gamelake.airflow import settings_file
    from gamelake.settings import read_settings

    db.upgradedb()
    settings_file.apply(settings_file.load_settings(), read_settings())
