"""The groups of `transform`'s tasks."""

from __future__ import annotations

import pytest

from gamelake.airflow.layers import layer_of


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("models/staging/igdb/stg_igdb__games.sql", "staging"),
        ("models/intermediate/int_game_ratings.sql", "intermediate"),
        ("models/marts/dim_games.sql", "marts"),
        ("models/marts/marketing/mart_top_rated.sql", "marketing"),
    ],
)
def test_the_layer_of_a_model_is_its_folder(path, layer):
    assert layer_of(path) == layer
