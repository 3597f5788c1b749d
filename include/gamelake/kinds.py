"""The kinds of sources and of entities: how their rows reach the lake."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """How an entity is kept up to date."""

    INCREMENTAL = "incremental"
    SNAPSHOT = "snapshot"
    TIME_SERIES = "time_series"
    CHANGES = "changes"
    """It has no load: each change of its table in a database is applied, and a snapshot is the first one."""


LOADED_KINDS = (Kind.INCREMENTAL, Kind.SNAPSHOT, Kind.TIME_SERIES)
"""The kinds that an entity of an API has."""


class SourceKind(StrEnum):
    """How the rows of a source reach the lake."""

    API = "api"
    """Loads ask an API for them."""
    DEBEZIUM = "debezium"
    """Debezium reads the log of a PostgreSQL database, and every change is applied."""
