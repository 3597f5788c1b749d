"""Airflow's metadata database on this laptop: migrated, with the connections and the pool that the DAGs name."""

from __future__ import annotations


def prepare() -> list[str]:
    """Bring the database up to date. Safe to repeat; it gets the connections of `airflow_settings.yaml`.

    Returns: a line for each connection and pool.
    Raises: SettingsFileError.
    """
    from airflow.utils import db

    db.upgradedb()
    return store_settings()


def store_settings() -> list[str]:
    """Write the connections and the pools of `airflow_settings.yaml`, with an account of the environment.

    Returns: a line for each connection and pool.
    Raises: SettingsFileError.
    """
    from gamelake.airflow import settings_file
    from gamelake.local.environment import sandbox_url
    from gamelake.settings import read_settings

    return settings_file.apply(settings_file.load_settings(), read_settings(), sandbox=sandbox_url())
