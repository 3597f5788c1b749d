"""Lineage of a day: from each published file back to the API, by the events that the lake and a receiver have."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.airflow.lineage import FROM_NO_TABLE
from gamelake.lake.factory import open_store
from gamelake.lake.lineage_events import PREFIX, read
from gamelake.marts.dbt_project import published_models
from gamelake.registry import load_sources
from tests.support.airflow import airflow_environment
from tests.support.command import GAMELAKE
from tests.support.generations import current_generation
from tests.support.receiver import running_webhook

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.long]

KEY = "a-secret-key-of-the-receiver"
Dataset = tuple[str, str]


def origins(events: Iterable[dict[str, Any]], dataset: Dataset) -> set[Dataset]:
    """The datasets to which a walk against the events leads, and that no event writes."""
    made_of: dict[Dataset, set[Dataset]] = defaultdict(set)
    for event in events:
        for output in event["outputs"]:
            made_of[output["namespace"], output["name"]] |= {(i["namespace"], i["name"]) for i in event["inputs"]}
    seen, wanted = set(), [dataset]
    while wanted:
        if (each := wanted.pop()) not in seen:
            seen.add(each)
            wanted += made_of.get(each, ())
    return {each for each in seen if each not in made_of}


def test_every_published_file_leads_back_to_the_api(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    with running_webhook() as receiver:
        auth = {"type": "airflow_connection_api_key", "conn_id": "lineage"}
        environment = airflow_environment(tmp_path, lake=store.uri, igdb={}) | {
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {
                    "type": "gamelake.airflow.lineage_transport.LakeTransport",
                    "forward": {"type": "http", "url": receiver.address, "auth": auth},
                }
            ),
            "AIRFLOW_CONN_LINEAGE": json.dumps({"conn_type": "http", "password": KEY}),
            "GAMELAKE_SANDBOX_GAMES": "300",
        }
        ran = subprocess.run([GAMELAKE, "run"], env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-5000:]
        forwarded = [event for event in receiver.got if event["inputs"] or event["outputs"]]
        assert set(receiver.authorizations) == {f"Bearer {KEY}"}

    days = {info.key.split("/")[1].removeprefix("dt=") for info in store.list(PREFIX)}
    events = [json.loads(line) for day in sorted(days) for line in read(store, day)]
    assert {json.dumps(each, sort_keys=True) for each in events} == {
        json.dumps(each, sort_keys=True) for each in forwarded
    }
    for secret in (KEY, "sandbox-secret"):
        assert secret not in json.dumps(receiver.got), "no event has a secret"

    lake = (tmp_path / "lake").as_posix()
    sources = load_sources()
    # Models name them too, though the shop is off: their tables are empty.
    not_loaded = FROM_NO_TABLE | {f"raw/shop/{name}" for name in sources["shop"].entities}
    apis = set()
    for mart in current_generation(store).marts:
        found = origins(events, ("file", f"{lake}/{mart.copy}"))
        api = {each for each in found if each[0].startswith("http://127.0.0.1:")}
        assert api or mart.name == "fct_model_runs", mart.name  # what builds cost
        assert {name for _, name in found - api} <= {f"{lake}/{path}" for path in not_loaded}, mart.name
        apis |= {name for _, name in api}
    assert len(current_generation(store).marts) == len(published_models())
    assert apis == {
        *(f"/v4/{entity.options['endpoint']}" for entity in sources["igdb"].entities.values()),
        *(f"/api/{entity.options['path']}" for entity in sources["rawg"].entities.values()),
    }
    (opened,) = [each for each in events if each["job"]["name"] == "transform.open_generation"]
    read_tables = {f"{lake}/raw/{name}/{entity}" for name in ("igdb", "rawg") for entity in sources[name].entities}
    assert {each["name"] for each in opened["inputs"]} == read_tables
    (genres,) = [each for each in events if each["job"]["name"] == "igdb_genres.extract_load"]
    assert genres["outputs"][0]["name"] == f"{lake}/raw/igdb/genres"
