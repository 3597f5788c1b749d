"""The metrics dictionary, docs/reference/metrics.md: what each published column is, from the YAML of dbt's models."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import yaml

from gamelake.paths import REPOSITORY
from gamelake.yaml_loader import SafeLoader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODELS = REPOSITORY / "dbt" / "models"
PAGE_PATH = REPOSITORY / "docs" / "reference" / "metrics.md"

UNITS = {
    "fct_rawg_daily.rating": "1 to 5",
    "*_users": "users",
    "*_users_*": "users",
    "playing_gained_*": "users",
    "want_to_play_gained_*": "users",
    "visit_count": "visits",
    "visits_gained_*": "visits",
    "steam_peak_players": "players",
    "steam_24hr_peak_players_gained_*": "players",
    "exceptional_count": "ratings",
    "recommended_count": "ratings",
    "meh_count": "ratings",
    "skip_count": "ratings",
    "*ratings_count": "ratings",
    "rawg_games_count": "games",
    "games_*": "games",
    "reviews_text_count": "reviews",
    "suggestions_count": "games",
    "added*": "users",
    "released_in_a_year": "games",
    "*playtime": "hours",
    "*metacritic": "0 to 100",
    "rawg_rating": "1 to 5",
    "median_rating": "1 to 5",
    "rawg_rating_of_100": "0 to 100",
    "*difference": "points of 100",
    "uncertainty": "points of 100",
    "steam_*_count": "reviews",
    "*_points": "points",
    "steam_global_top_sellers_gained_*": "points",
    "twitch_hours_watched": "hours",
    "twitch_24hr_hours_watched_gained_*": "hours",
    "*rating_count": "ratings",
    "hypes": "followers",
    "*games": "games",
    "releases*": "games",
    "judged_*": "games",
    "*_percentile": "0 to 100",
    "*rating": "0 to 100",
    "*_score": "score",
    "*_share": "share of 1",
    "*_share_*": "share of 1",
    "*_growth_*": "share of 1",
    "score_evidence": "share of 1",
    "turnover_*": "share of 1",
    "*_per_*": "ratio",
}
"""The unit of the columns that a pattern fits, the name of the mart before it or not; the first one decides. A share of
a total has the unit of its type."""
NUMBERS = ("bigint", "integer", "double", "decimal")
"""The types of columns that have a unit: a text such as esrb_rating has none."""


def generated() -> dict[Path, str]:
    """Return the page by its path."""
    return {PAGE_PATH: page()}


def page() -> str:
    """Return the text of the page."""
    texts = dict(re.findall(r"\{% docs (\w+) %\}\n(.*?)\n\{% enddocs %\}", _docs(), re.DOTALL))
    lines = [
        "<!-- Generated from dbt/models by `make generate`; do not edit. -->",
        "",
        "# Metrics",
        "",
        "Every column of the published marts. [data-model.md](data-model.md) has the formulas in full.",
    ]
    for model in sorted(_models(), key=lambda model: str(model["name"])):
        lines += _section(model, texts)
    return "\n".join(lines) + "\n"


def _docs() -> str:
    """Return the docs blocks of all models."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(MODELS.glob("**/*.md")))


def _models() -> Iterator[dict[str, Any]]:
    """Yield each model below marts with its owner."""
    groups = _document(MODELS / "_groups.yml")["groups"]
    owner = next(group["owner"]["name"] for group in groups if group["name"] == "marts")
    for path in sorted(MODELS.glob("marts/**/*.yml")):
        yield from (model | {"owner": owner} for model in _document(path).get("models", ()))


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=SafeLoader)  # noqa: S506 - it is safe
    return document


def _section(model: dict[str, Any], texts: dict[str, str]) -> Iterator[str]:
    meta = model["config"]["meta"]
    yield from ("", f"## {model['name']}", "", " ".join(model["description"].split()), "")
    yield f"- Grain: one row per {', '.join(f'`{column}`' for column in _key(model))}"
    if "caveat" in meta:
        yield f"- Caveat: {meta['caveat']}"
    yield f"- Owner: {model['owner']}"
    yield from ("", "| Column | Type | Unit | Definition |", "| --- | --- | --- | --- |")
    for column in model["columns"]:
        name = column["name"]
        unit = _unit(f"{model['name']}.{name}", column["data_type"])
        text = re.sub(r"\{\{ doc\('(\w+)'\) \}\}", lambda found: texts[found[1]], column["description"])
        yield f"| `{name}` | {column['data_type']} | {unit} | {' '.join(text.split()).replace('|', '&#124;')} |"


def _unit(column: str, data_type: str) -> str:
    """Return the unit of a column, given with its mart; nothing for a text, a date or a flag."""
    if data_type.partition("(")[0] not in NUMBERS:
        return ""
    names = (column, column.partition(".")[2])
    return next((unit for pattern, unit in UNITS.items() if any(fnmatchcase(name, pattern) for name in names)), "")


def _key(model: dict[str, Any]) -> list[str]:
    """Return the columns that identify a row, as the tests state them."""
    for test in model.get("data_tests", ()):
        if isinstance(test, dict) and "unique_combination_of_columns" in test:
            return list(test["unique_combination_of_columns"]["arguments"]["combination_of_columns"])
    return [column["name"] for column in model["columns"] if "primary_key" in column.get("data_tests", ())][:1]
