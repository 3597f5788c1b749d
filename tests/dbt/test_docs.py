"""dbt's docs as `make setup` leaves them, and as Cosmos serves them in Airflow's UI."""

from __future__ import annotations

import json
import re
import sys

import pytest
import yaml
from cosmos.plugin.airflow3 import create_cosmos_fastapi_app
from fastapi.testclient import TestClient

from gamelake.local.environment import environment
from gamelake.marts.dbt_project import MANIFEST
from gamelake.paths import REPOSITORY

SETTING = "AIRFLOW__COSMOS__DBT_DOCS_PROJECTS"
FILES = ("index.html", "manifest.json", "catalog.json")


@pytest.fixture(scope="module")
def docs() -> dict[str, str]:
    """The files that Cosmos serves, by name, as `make` wrote them beside the manifest."""
    return {name: MANIFEST.with_name(name).read_text("utf-8") for name in FILES}


def test_types_are_those_of_contracts_and_sources(docs: dict[str, str]) -> None:
    manifest, catalog = json.loads(docs["manifest.json"]), json.loads(docs["catalog.json"])
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    assert set(catalog["nodes"]) == set(models)
    assert set(catalog["sources"]) == set(manifest["sources"])
    for key, node in {**models, **manifest["sources"]}.items():
        found = {**catalog["nodes"], **catalog["sources"]}[key]["columns"]
        declared = {name: column["data_type"] for name, column in node["columns"].items() if column["data_type"]}
        assert {name: column["type"] for name, column in found.items()} == declared
    assert catalog["nodes"]["model.gamelake.dim_games"]["columns"]["genre_names"]["type"] == "varchar[]"


def test_they_name_no_folder_of_this_machine(docs: dict[str, str]) -> None:
    for name, text in docs.items():
        assert str(REPOSITORY) not in text, name
        assert sys.prefix not in text, name


def test_they_need_nothing_from_the_internet(docs: dict[str, str]) -> None:
    assert re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?https?:""", docs["index.html"]) == []
    assert json.loads(docs["manifest.json"])["metadata"]["send_anonymous_usage_stats"] is False  # else a tracker


def test_cosmos_serves_them_without_a_login(docs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, environment()[SETTING])
    client = TestClient(create_cosmos_fastapi_app())
    page = client.get("/gamelake/dbt_docs_index.html")
    assert page.status_code == 200
    assert docs["index.html"].split("</head>")[0] in page.text
    for name in ("manifest.json", "catalog.json"):
        assert client.get(f"/gamelake/{name}").json() == json.loads(docs[name])


def test_the_compose_stack_serves_those_of_its_image() -> None:
    services = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text("utf-8"))["services"]
    served = json.loads(services["airflow-apiserver"]["environment"][SETTING])
    image = MANIFEST.parent.relative_to(REPOSITORY)
    assert served["gamelake"]["dir"] == f"/opt/airflow/{image}"
    assert set(served) == set(json.loads(environment()[SETTING]))
