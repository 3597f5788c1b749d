"""The pages, by their names in addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.dashboard.views import companies, compare, game, lists, overview, pipeline, trends

if TYPE_CHECKING:
    from collections.abc import Callable

    from apps.dashboard.parts.view import View

SHOW: dict[str, Callable[[View], None]] = {
    "overview": overview.show,
    "lists": lists.show,
    "game": game.show,
    "trends": trends.show,
    "companies": companies.show,
    "compare": compare.show,
    "pipeline": pipeline.show,
}
