"""The service levels: their document, and how to read it.

    marts/quality/_service_levels.json   ServiceLevels   the newest figures (overwritten)
    marts/mart_service_levels.parquet    the mart: each night of each level (overwritten)

`gamelake.quality.service_levels` writes both.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from gamelake.lake.store import ObjectNotFoundError
from gamelake.marts.documents import Count, Document, read

if TYPE_CHECKING:
    from gamelake.lake.store import ReadableStore

MART = "mart_service_levels"
CURRENT = "marts/quality/_service_levels.json"
COPY = f"marts/{MART}.parquet"

Ratio = Annotated[float, Meta(ge=0, le=1)]


class LevelStatus(StrEnum):
    """How a service level stands."""

    MET = "met"
    """Its error budget lasts."""
    BURNING = "burning"
    """Bad nights come faster than the budget allows."""
    SPENT = "spent"
    """The target is met, and one more bad night misses it."""
    MISSED = "missed"
    """There were more bad nights than the target allows."""


class ServiceLevel(Document, frozen=True, kw_only=True):
    """One service level, as of its newest night."""

    name: Annotated[str, Meta(description="Its name in slo.yaml.")]
    title: Annotated[str, Meta(description="What it promises, for people.")]
    owner: Annotated[str, Meta(description="Who answers for it.")]
    runbook: Annotated[str, Meta(description="The page to read when it is missed, below docs/.")]
    status: Annotated[LevelStatus, Meta(description="How it stands.")]
    target: Annotated[Ratio, Meta(description="The share of nights that should be good.")]
    window: Annotated[int, Meta(ge=1, description="The nights over which the target holds.")]
    nights: Annotated[Count, Meta(description="The nights that were judged, at most the window.")]
    bad: Annotated[Count, Meta(description="The bad ones of them.")]
    allowed: Annotated[float, Meta(ge=0, description="The bad nights that the target allows in a whole window.")]
    attained: Annotated[Ratio | None, Meta(description="The share of good nights; null before the first night.")]
    budget_left: Annotated[
        float, Meta(le=1, description="The share of the error budget that is left; below 0: the target is missed.")
    ]
    burn_rates: Annotated[
        dict[str, float],
        Meta(
            description="How fast the budget is spent, by the last nights; 1 spends it in one window. No budget: empty."
        ),
    ]
    last_bad: Annotated[date | None, Meta(description="The newest bad night of the window.")]
    reason: Annotated[str | None, Meta(description="Why that night was bad.")] = None
    reason_ko: Annotated[str | None, Meta(description="The same in Korean.")] = None


class ServiceLevels(Document, frozen=True, kw_only=True):
    """All service levels at one moment."""

    checked_at: Annotated[datetime, Meta(tz=True, description="When they were computed.")]
    levels: Annotated[tuple[ServiceLevel, ...], Meta(description="In the order of slo.yaml.")]


def current(store: ReadableStore) -> ServiceLevels | None:
    """Return the newest service levels, None before the first check. One object is read.

    Raises:
        DocumentError: They are damaged; the next check writes them again.
        StoreError: The store cannot be read.
    """
    try:
        return read(store, CURRENT, ServiceLevels)
    except ObjectNotFoundError:
        return None
