"""What an `entities.yaml` declares: a source that loads ask, or a database whose changes are captured.

`registry` reads these files. The JSON Schema for editors follows from these classes (`make generate`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gamelake.days import Scheme
from gamelake.kinds import Kind
from gamelake.thresholds import TableThresholds

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Meta(pattern=r"\S", description="A text that is not empty.")]
Schedule = Annotated[str, Meta(pattern=r"^\S+( \S+){4}$", description="A cron expression of 5 fields, in Korean time.")]
Share = Annotated[float, Meta(ge=0, lt=1, description="A share of the table's rows, such as 0.05.")]
_Fields = Annotated[
    dict[str, Any],
    Meta(
        description="The source's names, each with a type and its rules, such as `int required min 0`.",
        min_length=1,
        extra_json_schema={
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
            "additionalProperties": {"type": "string"},
        },
    ),
]
_SourceName = Annotated[str, Meta(pattern="^[a-z][a-z0-9]*$", description="The name of the source and of its folder.")]


class EntityDeclaration(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One table of a source."""

    description: Text
    kind: Annotated[Kind, Meta(description="How it is kept up to date.")]
    fields: _Fields
    schedule: Schedule | msgspec.UnsetType = msgspec.UNSET
    options: Annotated[dict[str, Any], Meta(description="A mapping for the source's own reader.")] = msgspec.field(
        default_factory=dict
    )
    max_shrink: Share | msgspec.UnsetType = msgspec.UNSET
    max_rejected: Share | msgspec.UnsetType = msgspec.UNSET
    max_unproven: Share | msgspec.UnsetType = msgspec.UNSET
    quality: TableThresholds = TableThresholds()
    read_whole: Annotated[
        bool,
        Meta(
            description="false: an incremental entity that is too large to be read whole; its reader chooses with "
            "which rows it begins."
        ),
    ] = True


class SourceDeclaration(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A source's `entities.yaml`."""

    source: _SourceName
    description: Text
    connection: Annotated[Text, Meta(description="Airflow's connection; not empty.")]
    pool: Annotated[Text, Meta(description="Airflow's pool; not empty.")]
    schedule: Schedule
    partition: Annotated[Scheme, Meta(description="What one load is for.")]
    gates_transform: Annotated[bool, Meta(description="The marts of a day wait for all of its loads: true or false.")]
    entities: Annotated[dict[Name, EntityDeclaration], Meta(min_length=1)]
    optional: Annotated[bool, Meta(description="true: it is loaded only where GAMELAKE_OPTIONAL_SOURCES names it.")] = (
        False
    )
    kind: Annotated[Literal["api"], Meta(description="Loads ask an API for the rows.")] = "api"


class TableOptions(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which table of the database an entity is."""

    table: Annotated[str, Meta(pattern=r"^[^.]+\.[^.]+$", description="Schema and table, such as public.orders.")]
    key: Annotated[
        str,
        Meta(pattern=r"^[^,]+$", description="The column of the primary key: one, of whole numbers of 0 or more."),
    ] = "id"


class ChangesDeclaration(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One table of a database whose changes are captured."""

    description: Text
    kind: Annotated[Literal["changes"], Meta(description="Every change of the table is applied: `changes`.")]
    options: TableOptions
    fields: _Fields
    max_shrink: Share | msgspec.UnsetType = msgspec.UNSET
    max_rejected: Share | msgspec.UnsetType = msgspec.UNSET
    quality: TableThresholds = TableThresholds()


class DatabaseDeclaration(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The `entities.yaml` of a source of the kind `debezium`: a PostgreSQL database."""

    source: _SourceName
    kind: Annotated[Literal["debezium"], Meta(description="Debezium reads the log of a PostgreSQL database.")]
    description: Text
    connection: Annotated[Text, Meta(description="A name for the database, in documents; not empty.")]
    entities: Annotated[dict[Name, ChangesDeclaration], Meta(min_length=1)]
    optional: Annotated[
        bool, Meta(description="true: its changes are applied only where GAMELAKE_OPTIONAL_SOURCES names it.")
    ] = False
