"""Airflow's metadata database on this laptop: migrated, with the connections and the pool that the DAGs name."""

from __future__ import annotations


def prepare() -> list[str]:
    """Bring the database up to date. Safe to repeat; it gets the connections of `airflow_settings.yaml`.

    Returns: a line for each connection and pool.
    Raises: SettingsFileError.
    """
    from airflow.utils import db

    from gamelake.airflow import settings_file
    from gamelake.local.environment import sandbox_url
    from gamelake.settings import read_settings

    db.upgradedb()
    file = settings_file.load_settings()
    return settings_file.apply(file, read_settings(), sandbox=sandbox_url())
