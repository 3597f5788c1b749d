"""What follows from the shapes of the marts' documents: their JSON Schemas, and the tables of dbt's source `inputs`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect as types

from gamelake.codegen import schemas
from gamelake.marts.build_inputs import INPUT_TABLES, CommitInput, Inputs, ModelRunInput
from gamelake.marts.documents import BuildPlans, BuildResults, Generation, History, Publication
from gamelake.marts.findings import Report
from gamelake.marts.levels import ServiceLevels
from gamelake.paths import REPOSITORY
from gamelake.quality.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMAS = REPOSITORY / "include/gamelake/marts/schemas"
MACRO = REPOSITORY / "dbt/macros/_input_columns.sql"
DOCS: dict[Path, tuple[str, type[msgspec.Struct]]] = {
    REPOSITORY / "dbt/models/staging/inputs/_commits.md": ("load", CommitInput),
    REPOSITORY / "dbt/models/staging/inputs/_model_runs.md": ("model_run", ModelRunInput),
}
"""The files of dbt's doc blocks for the columns of `fct_loads` and `fct_model_runs`."""
SOURCE = REPOSITORY / "dbt/models/staging/inputs/_inputs.yml"

_HEADER = "Generated from include/gamelake/marts/build_inputs.py by `make generate`; do not edit."
_SQL_TYPES = {
    types.BoolType: "boolean",
    types.DateTimeType: "timestamptz",
    types.DateType: "date",
    types.FloatType: "double",
    types.IntType: "bigint",
    types.StrType: "varchar",
}


def generated() -> dict[Path, str]:
    """Return the text of each file, by its path."""
    documents = {
        SCHEMAS / f"{kind.__name__.lower()}.schema.json": schemas.text_of(msgspec.json.schema(kind))
        for kind in (BuildPlans, BuildResults, Generation, History, Inputs, Profile, Publication, Report, ServiceLevels)
    }
    docs = {path: column_docs(start, kind) for path, (start, kind) in DOCS.items()}
    return {**documents, **docs, MACRO: input_columns_macro(), SOURCE: inputs_yaml()}


def input_columns_macro() -> str:
    """Return the text of the macro that gives the columns of each list of `_inputs.json`, with their types."""
    lines = [f"{{# {_HEADER} #}}", "{% macro input_columns() %}", "    {{", "        return(", "            {"]
    for name in Inputs.__struct_fields__:
        if name in INPUT_TABLES:
            lines.append(f'                "{name}": {{')
            lines += [f'                    "{column}": "{sql}",' for column, sql, _ in _columns(INPUT_TABLES[name])]
            lines.append("                },")
    return "\n".join([*lines, "            }", "        )", "    }}", "{% endmacro %}"]) + "\n"


def inputs_yaml() -> str:
    """Return the text of the YAML file of dbt's source `inputs`."""
    lines = [
        f"# {_HEADER}",
        "version: 2",
        "",
        "sources:",
        "  - name: inputs",
        "    schema: inputs",
        "    description: What this build reads. Made at the start of every run from the generation's _inputs.json.",
        "    tables:",
    ]
    for name, kind in INPUT_TABLES.items():
        lines += [f"      - name: {name}", f"        description: {json.dumps(kind.__doc__)}", "        columns:"]
        lines += [
            f"          - {{name: {column}, data_type: {json.dumps(sql)}, description: {json.dumps(description)}}}"
            for column, sql, description in _columns(kind)
        ]
    return "\n".join(lines) + "\n"


def column_docs(start: str, kind: type[msgspec.Struct]) -> str:
    """Return the text of dbt's doc blocks for the columns of a kind of row; their names begin with `start`."""
    blocks = [f"{{% docs {start}_{name} %}}\n{text}\n{{% enddocs %}}\n" for name, _, text in _columns(kind)]
    return "\n".join([f"<!-- {_HEADER} -->\n", *blocks])


def _columns(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str, str]]:
    """Yield the name, DuckDB type and description of each field."""
    struct = types.type_info(kind)
    assert isinstance(struct, types.StructType)  # noqa: S101 - a type has no other information
    for field in struct.fields:
        sql, description = _column(field.type)
        yield field.name, sql, description


def _column(kind: types.Type) -> tuple[str, str]:
    if isinstance(kind, types.Metadata):
        sql, description = _column(kind.type)
        return sql, _text(kind.extra_json_schema) or description
    if isinstance(kind, types.UnionType):
        return next(_column(each) for each in kind.types if not isinstance(each, types.NoneType))
    if isinstance(kind, types.VarTupleType):
        return f"{_column(kind.item_type)[0]}[]", ""
    if isinstance(kind, types.DateTimeType) and kind.tz is False:
        return "timestamp", ""
    return _SQL_TYPES[type(kind)], ""


def _text(schema: dict[str, Any] | None) -> str:
    return str((schema or {}).get("description", ""))
