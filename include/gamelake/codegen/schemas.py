"""The JSON Schemas of manifests, compacted months, steps of feeds and registry files, generated from their structs."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import msgspec

from gamelake.declarations import DatabaseDeclaration, SourceDeclaration
from gamelake.feeds.documents import Step
from gamelake.lake.manifest import FIELD_ORDER, Manifest, Summary
from gamelake.lake.month_documents import Month
from gamelake.paths import REPOSITORY
from gamelake.thresholds import MartThresholds

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY_PATH = REPOSITORY / "include/gamelake/sources/entities.schema.json"
THRESHOLDS_PATH = REPOSITORY / "dbt/quality.schema.json"
STEP_PATH = REPOSITORY / "include/gamelake/feeds/step.schema.json"
MONTH_PATH = REPOSITORY / "include/gamelake/lake/month.schema.json"
MANIFEST_PATH = REPOSITORY / "include/gamelake/lake/manifest.schema.json"


def manifest_schema() -> str:
    """Return the schema of a manifest, with every field that a stored one has as required."""
    schema = msgspec.json.schema(Manifest)
    schema["$defs"]["Summary"]["required"] = list(Summary.__struct_fields__)
    manifest = schema["$defs"]["Manifest"]
    manifest["required"] = list(FIELD_ORDER)
    manifest["properties"] = {name: manifest["properties"][name] for name in FIELD_ORDER}
    return text_of(schema)


def registry_schema() -> str:
    """Return the schema of an `entities.yaml`: of an API, or of a database."""
    kinds = (SourceDeclaration, DatabaseDeclaration)
    schemas, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return text_of({"anyOf": list(schemas), "$defs": definitions})


def text_of(schema: dict[str, Any]) -> str:
    """Return the text of a schema's file, given what msgspec generates."""
    for each in schema["$defs"].values():
        each["description"] = inspect.cleandoc(each["description"]).partition("\n\nRaises:")[0]
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def generated() -> dict[Path, str]:
    """Return the text of each file, by its path."""
    return {
        MANIFEST_PATH: manifest_schema(),
        MONTH_PATH: text_of(msgspec.json.schema(Month)),
        REGISTRY_PATH: registry_schema(),
        STEP_PATH: text_of(msgspec.json.schema(Step)),
        THRESHOLDS_PATH: text_of(msgspec.json.schema(MartThresholds)),
    }
