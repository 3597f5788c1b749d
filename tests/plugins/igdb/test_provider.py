from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from igdb.addresses import DEFAULT_BASE_URL, DEFAULT_TOKEN_URL
from igdb.provider import get_provider_info
from igdb.settings import DEFAULT_MAX_OPEN_REQUESTS, DEFAULT_REQUESTS_PER_SECOND


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


def test_the_form_shows_the_defaults_that_the_settings_have() -> None:
    (form,) = get_provider_info()["connection-types"]
    fields = form["conn-fields"]
    assert form["ui-field-behaviour"]["placeholders"]["host"] == DEFAULT_BASE_URL
    assert fields["token_url"]["description"].endswith(DEFAULT_TOKEN_URL)
    assert fields["requests_per_second"]["schema"]["default"] == DEFAULT_REQUESTS_PER_SECOND
    assert fields["max_open_requests"]["schema"]["default"] == DEFAULT_MAX_OPEN_REQUESTS


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, igdb.provider; print([m for m in sys.modules if m in ('airflow', 'aiohttp', 'igdb.client')])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_the_connection_form_of_airflow_has_it() -> None:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    manager: Any = ProvidersManagerTaskRuntime  # its __init__ has no types
    hook = manager().hooks["igdb"]
    assert hook is not None
    assert (hook.hook_class_name, hook.hook_name, hook.connection_id_attribute_name) == (
        "igdb.hook.IgdbHook",
        "IGDB",
        "igdb_conn_id",
    )
    (form,) = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "igdb"]
    assert form.hook_name == "IGDB"
    assert form.standard_fields is not None
    assert form.standard_fields.host is not None
    assert form.standard_fields.host.title == "API base URL"
    assert form.extra_fields is not None
    assert list(form.extra_fields) == ["token_url", "static_token", "requests_per_second", "max_open_requests"]
    shown = json.loads(form.model_dump_json())["extra_fields"]
    assert shown["static_token"]["schema"]["format"] == "password"
    assert shown["requests_per_second"]["value"] == 4
    assert "***" not in [field["value"] for field in shown.values()], "a default that Airflow masks would be stored"
