"""The graph of a build's tables, by the manifest of our dbt project."""

from __future__ import annotations

from pathlib import Path

import pytest

from gamelake.marts.dbt_project import published_models
from gamelake.marts.model_graph import CLAIMS, Table, model_graph, upstream


@pytest.fixture(scope="module")
def graph() -> dict[str, Table]:
    return model_graph()


OF_THE_PLATFORM = {"fct_loads", "fct_model_runs", "fct_game_change_steps"}
"""Marts of commits and builds, not of games."""


def test_every_mart_leads_back_to_raw_tables(graph: dict[str, Table]) -> None:
    for mart in published_models():
        origins = [table for table in upstream(graph, [f"marts/{mart}"]).values() if not table.reads]
        assert {table.kind for table in origins} <= {"raw", "inputs", "feeds"}, mart
        assert any(table.kind == "raw" for table in origins) or mart in OF_THE_PLATFORM
    (origin,) = [table for table in upstream(graph, ["marts/fct_loads"]).values() if not table.reads]
    assert origin.path == "inputs/commits"


def test_the_claims_of_files_are_no_origin(graph: dict[str, Table]) -> None:
    assert graph["staging/stg_igdb__genres"].reads == ("raw/igdb/genres",)
    assert CLAIMS not in upstream(graph, ["marts/dim_games"])


def test_two_sources_of_one_table_are_one(graph: dict[str, Table]) -> None:
    assert "raw/igdb/popscore" in graph["staging/stg_igdb__popscore"].reads
    assert "raw/igdb/popscore_newest" not in graph


def test_a_model_has_the_columns_of_its_contract(graph: dict[str, Table]) -> None:
    assert graph["marts/dim_games"].columns["game_id"] == "bigint"
    assert graph["marts/dim_games"].description


def test_a_missing_manifest_is_explained(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make setup"):
        model_graph(tmp_path / "manifest.json")
