"""What follows from the registry alone: dbt's sources, the list of them, and docs/reference/entities.md.

`make generate` writes it after a change of entities.yaml.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamelake.codegen.yaml_text import scalar
from gamelake.kinds import Kind, SourceKind
from gamelake.marts.freshness import limits
from gamelake.paths import REPOSITORY
from gamelake.registry import Entity, Source, load_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STAGING_PATH = REPOSITORY / "dbt/models/staging"
MACRO_PATH = REPOSITORY / "dbt/macros/_current_tables.sql"
ENTITIES_PAGE_PATH = REPOSITORY / "docs/reference/entities.md"

_HEADER = "Generated from include/gamelake/sources/{}/entities.yaml by `make generate`; do not edit."

_KINDS = {
    Kind.INCREMENTAL: "incremental: changed rows every day, read whole once a week",
    Kind.SNAPSHOT: "snapshot: read whole every day",
    Kind.TIME_SERIES: "time series: read whole every day, every day is kept",
    Kind.CHANGES: "changes: a snapshot, then every change of the table in its database",
}


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of a dbt source: an entity's rows; of a time series those of one day, of the newest or any."""

    name: str
    entity: Entity
    newest_only: bool

    @property
    def description(self) -> str:
        """The description of the relation, for dbt's docs."""
        if self.newest_only:
            return f"{self.entity.description} The rows of its newest day."
        if self.entity.kind is Kind.TIME_SERIES:
            return f"{self.entity.description} The rows of one day, the one that is just being built into the history."
        return self.entity.description


def source_tables(source: Source) -> Iterator[SourceTable]:
    """Yield the tables of a dbt source; a time series has one more, of its newest day."""
    for entity in source.entities.values():
        yield SourceTable(entity.name, entity, newest_only=False)
        if entity.kind is Kind.TIME_SERIES:
            yield SourceTable(f"{entity.name}_newest", entity, newest_only=True)


def sources_yaml(source: Source) -> str:
    """Return the text of dbt's `_sources.yml`."""
    lines = [
        f"# {_HEADER.format(source.name)}",
        "version: 2",
        "",
        "sources:",
        f"  - name: {scalar(source.name)}",
        f"    schema: raw_{source.name}",
        "    description: >",
        "      Views over the files that this build reads, with declared columns. Each has two columns more than the",
        "      source sends: `_ordinal`, the place of the row's file among its table's files (higher is newer), and",
        "      `_partition`, the Korean day that loaded it.",
        "    tables:",
    ]
    for table in source_tables(source):
        lines += _table_yaml(table, optional=source.optional)
    return "\n".join(lines) + "\n"


def _table_yaml(table: SourceTable, *, optional: bool) -> Iterator[str]:
    yield f"      - name: {scalar(table.name)}"
    yield f"        description: {_quoted(table.description)}"
    yield "        config:"
    source, entity = table.entity.source, table.entity.name
    warn, error = limits(table.entity)
    if not optional and table.entity.has_load:  # else it may never be loaded
        yield "          freshness:"
        yield f"            warn_after: {{count: {warn}, period: hour}}"
        yield f"            error_after: {{count: {error}, period: hour}}"
        yield "          loaded_at_query: >"
        of_it = f"source = '{source}' and entity = '{entity}'"
        yield f"            select max(committed_at) from inputs.sources where {of_it}"  # noqa: S608 - names of ours
    yield "          meta:"
    yield f"            entity: {scalar(entity)}"
    yield f"            files: {_files(table)}"
    yield "        columns:"
    for field, field_type in table.entity.fields.items():
        yield f"          - {{name: {scalar(field, flow=True)}, data_type: {_quoted(field_type.duckdb)}}}"


def current_tables_macro(sources: Mapping[str, Source]) -> str:
    """Return the macro that lists the relations whose rows a build reads: dbt needs them while it parses."""
    lines = [
        f"{{# {_HEADER.format('*')} #}}",
        "{% macro current_tables() %}",
        "    {{",
        "        return(",
        "            [",
    ]
    for table in (table for source in sources.values() for table in source_tables(source)):
        if table.newest_only or table.entity.kind is not Kind.TIME_SERIES:
            lines += [
                "                {",
                f'                    "source": "{table.entity.source}",',
                f'                    "table": "{table.name}",',
                f'                    "entity": "{table.entity.name}",',
                f'                    "by_partition": {str(table.newest_only).lower()},',
                f'                    "rows_model": {_rows_model(table)},',
                "                },",
            ]
    lines += ["            ]", "        )", "    }}", "{% endmacro %}"]
    return "\n".join(lines) + "\n"


def _rows_model(table: SourceTable) -> str:
    """Return the name of the model that has all rows of a table's files, in quotes; `none` if there is none."""
    source, name = table.entity.source, f"base_{table.entity.source}__{table.name}_rows"
    return f'"{name}"' if (STAGING_PATH / source / f"{name}.sql").exists() else "none"


def _files(table: SourceTable) -> str:
    """Which of its entity's files a relation reads."""
    if table.newest_only:
        return "newest"
    return "by_day" if table.entity.kind is Kind.TIME_SERIES else "all"


def entities_page(sources: Mapping[str, Source]) -> str:
    """Return the text of docs/reference/entities.md."""
    lines = [
        f"<!-- {_HEADER.format('*')} -->",
        "",
        "# Entities",
        "",
        "What is loaded, from where, and under which names. To add one, edit",
        "`include/gamelake/sources/<source>/entities.yaml` and run `make generate`.",
        "A row that breaks a type or a rule is rejected; `.venv/bin/gamelake lake rejected` lists it.",
        "",
        "A load commits nothing ([why](../guides/runbooks/held-load.md)) if it would remove more than `max_shrink` of",
        "a table's rows, if more than `max_rejected` break the contract, or if the source's count differs by",
        "more than `max_unproven`. In small tables one row may always differ.",
    ]
    for source in sources.values():
        lines += _source_section(source)
    return "\n".join(lines) + "\n"


def _source_section(source: Source) -> Iterator[str]:
    yield from ("", f"## {source.name}", "", source.description, "")
    if source.kind is SourceKind.DEBEZIUM:
        yield "- A PostgreSQL database, whose [changes are captured](../guides/change-capture.md); no DAG loads it"
        yield "- The DAG `apply_events` applies what was captured; `transform` reads what is applied, and does not wait"
    else:
        yield f"- Connection `{source.connection}`, pool `{source.pool}`"
        yield f"- Schedule `{source.schedule}`, Korean time; partitioned by {source.partition}"
        for entity in source.entities.values():
            if entity.schedule != source.schedule:
                yield f"- Schedule of `{entity.name}`: `{entity.schedule}`"
        gate = "waits for all of its loads" if source.gates_transform else "does not wait for its loads"
        yield f"- The DAG `transform` {gate}"
    yield ""
    yield "| Entity | Kind | Fields | DAG | Asset | max_shrink | max_rejected | max_unproven |"
    yield "| --- | --- | ---: | --- | --- | ---: | ---: | ---: |"
    for entity in source.entities.values():
        yield (
            f"| [{entity.name}](#{source.name}{entity.name}) | {entity.kind.replace('_', ' ')} | {len(entity.fields)} "
            f"| {_named(entity.dag_id, entity)} | {_named(entity.asset_name, entity)} "
            f"| {_percent(entity.limits.max_shrink)} "
            f"| {_percent(entity.limits.max_rejected)} "
            f"| {_percent(entity.limits.max_unproven) if entity.has_load else 'none'} |"
        )
    for entity in source.entities.values():
        yield from _entity_section(entity)


def _entity_section(entity: Entity) -> Iterator[str]:
    yield from ("", f"### {entity}", "", entity.description, "")
    if entity.options:
        yield f"- Options: {', '.join(f'{name} `{value}`' for name, value in entity.options.items())}"
    yield f"- Kind {_KINDS[entity.kind]}"
    loaded = f"DAG `{entity.dag_id}`, asset `{entity.asset_name}`, " if entity.has_load else ""
    yield f"- {loaded}dbt `source('{entity.source}', '{entity.name}')`"
    yield from ("", "| Field | Type | Rule | DuckDB |", "| --- | --- | --- | --- |")
    for field, field_type in entity.fields.items():
        yield f"| `{field}` | {field_type.value} | {entity.rules.get(field, '')} | {field_type.duckdb} |"


def _named(name: str, entity: Entity) -> str:
    """Return the name of what only an entity with loads has."""
    return f"`{name}`" if entity.has_load else "none"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _quoted(text: str) -> str:
    """Return a YAML scalar: JSON's strings are YAML's double-quoted ones."""
    return json.dumps(text, ensure_ascii=False)


def generated() -> dict[Path, str]:
    """Return the text of each file, by its path. Raises: RegistryError."""
    sources = load_sources()
    return {
        **{STAGING_PATH / source.name / "_sources.yml": sources_yaml(source) for source in sources.values()},
        MACRO_PATH: current_tables_macro(sources),
        ENTITIES_PAGE_PATH: entities_page(sources),
    }
