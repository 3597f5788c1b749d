"""The connection types that Airflow finds, and their forms."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gamelake.airflow.provider import get_provider_info


@pytest.mark.parametrize("schema", ["provider_info.schema.json", "provider.yaml.schema.json"])
def test_airflows_own_schemas_accept_it(schema: str) -> None:
    import airflow

    rules = json.loads((Path(airflow.__file__).parent / schema).read_text())
    if schema.startswith("provider.yaml"):
        # The one that knows conn-fields; the rest of it is about Airflow's own providers.
        rules = rules["properties"]["connection-types"]
        jsonschema.validate(get_provider_info()["connection-types"], rules)
    else:
        jsonschema.validate(get_provider_info(), rules)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, gamelake.airflow.provider; "
        "print([m for m in sys.modules if m in ('airflow', 'aiohttp', 'igdb.client', 'rawg.client')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize(
    ("kind", "hook_class", "name", "host", "extra"),
    [
        (
            "igdb",
            "igdb.hook.IgdbHook",
            "IGDB",
            "API base URL",
            ["token_url", "static_token", "requests_per_second", "max_open_requests"],
        ),
        ("rawg", "rawg.hook.RawgHook", "RAWG", "API base URL", ["requests_per_second", "monthly_requests"]),
    ],
)
def test_the_connection_form_of_airflow_has_it(
    kind: str, hook_class: str, name: str, host: str, extra: list[str]
) -> None:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    manager: Any = ProvidersManagerTaskRuntime  # its __init__ has no types
    hook = manager().hooks[kind]
    assert hook is not None
    assert (hook.hook_class_name, hook.hook_name, hook.connection_id_attribute_name) == (
        hook_class,
        name,
        f"{kind}_conn_id",
    )
    (form,) = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == kind]
    assert form.hook_name == name
    assert form.standard_fields is not None
    assert form.standard_fields.host is not None
    assert form.standard_fields.host.title == host
    assert form.extra_fields is not None
    assert list(form.extra_fields) == extra
    shown = json.loads(form.model_dump_json())["extra_fields"]
    assert "***" not in [field["value"] for field in shown.values()], "a default that Airflow masks would be stored"
    if kind == "igdb":
        assert shown["static_token"]["schema"]["format"] == "password"
        assert shown["requests_per_second"]["value"] == 4
