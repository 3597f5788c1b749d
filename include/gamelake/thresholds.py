"""The thresholds of the data quality: their names and defaults, stated once.

Those of a table are in its source's `entities.yaml`, below `quality`. Those of a model are in its YAML file, below
`config: meta: quality`. docs/guides/data-quality.md explains each check.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Change = Annotated[float, Meta(gt=0, le=10)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Columns = Annotated[tuple[str, ...], Meta(description="Names of columns of the mart.")]


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Thresholds of one subject."""


class TableThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The thresholds of a table."""

    late_after_hours: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="The age of the newest load in hours from which it is late; null: by the schedule."),
    ] = None
    max_rows_change: Annotated[
        Change, Meta(description="The share of the usual rows by which the rows may differ from them.")
    ] = 0.2
    still_days: Annotated[
        Annotated[int, Meta(ge=1, le=30)],
        Meta(description="Loads in a row without a change, from which a table that always changed stands still."),
    ] = 2


class ModelThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The thresholds of a model that is no mart."""

    max_slowdown: Annotated[
        float,
        Meta(ge=1, le=100, description="How many times as long as usual the model may take to build."),
    ] = 2.0
    min_slowdown_seconds: Annotated[
        float, Meta(ge=0, description="The least seconds above the usual from which a model is slow.")
    ] = 5.0


class MartThresholds(ModelThresholds, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The thresholds of a mart, and what more is checked of its columns."""

    max_rows_change: Annotated[
        Change, Meta(description="The share of the usual rows by which the rows may differ from them.")
    ] = 0.3
    max_null_change: Annotated[
        Share, Meta(description="By how much the share of nulls of a column may rise above the usual one.")
    ] = 0.05
    max_duplicate_change: Annotated[
        Share, Meta(description="By how much the share of repeated values of a column may rise above the usual one.")
    ] = 0.1
    max_drift: Annotated[
        Change, Meta(description="How far the quantiles of a score may move, as a share of its usual range.")
    ] = 0.15
    max_orphans: Annotated[
        Share, Meta(description="The share of rows whose key may be missing in the mart of that key.")
    ] = 0.0
    still_days: Annotated[
        Annotated[int, Meta(ge=1, le=30)],
        Meta(description="Days in a row with the same figures, from which a score that always moved stands still."),
    ] = 2
    scores: Annotated[Columns, Meta(description="Columns of numbers whose distribution is watched.")] = ()
    lookups: Annotated[
        Columns, Meta(description="Columns whose values are listed: a new or vanished one is told.")
    ] = ()
    may_be_deleted: Annotated[
        Columns,
        Meta(description="Key columns that may name deleted rows, such as games. The check `references` skips them."),
    ] = ()
