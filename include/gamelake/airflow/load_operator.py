"""LoadEntityOperator: one load of one entity into the lake."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from apiclient.operator import CancellableOperator
from gamelake.airflow import lineage
from gamelake.airflow.lasting_errors import lasting_errors
from gamelake.airflow.run_partition import run_partition
from gamelake.days import KST, partition_bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from gamelake.lake.keys import LoadRun
    from gamelake.load.report import LoadReport
    from gamelake.registry import Entity, Source


class LoadEntityOperator(CancellableOperator):
    """Loads one entity of a source into the lake; its figures become the events of the outlets, and the XCom.

    A run without a partition key gives its events the partition of the load, so that `transform` sees it. A load that
    is refused or held fails without a retry.

    Args:
        source: where the rows are; its connection is used.
        entity: what to load.
        lake_uri: where the lake is; a template.
        full_refresh_weekday: scheduled runs of this day of the week read an incremental entity whole: 0 is Monday.
            None: no scheduled run does.

    Example:
        source = load_sources()["igdb"]
        games = source.entities["games"]
        LoadEntityOperator(
            task_id="extract_load", source=source, entity=games, lake_uri="s3://bucket/prefix", outlets=[raw(games)]
        )

    Raises:
        ValueError: There is no such day of the week.
    """

    template_fields: Sequence[str] = ("lake_uri",)
    shallow_copy_attrs: Sequence[str] = ("source", "entity")
    ui_color = "#e8dff5"

    def __init__(
        self, *, source: Source, entity: Entity, lake_uri: str, full_refresh_weekday: int | None = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if full_refresh_weekday not in {None, *range(7)}:
            raise ValueError(f"full_refresh_weekday: found {full_refresh_weekday!r}, expected 0 (Monday) to 6, or None")
        self.source = source
        self.entity = entity
        self.lake_uri = lake_uri
        self.full_refresh_weekday = full_refresh_weekday

    async def aexecute(self, context: Context) -> dict[str, Any]:
        """Load, then have the CDN fetch the new pointer."""
        from gamelake.airflow.stores import invalidate_changed  # imports that cost a DAG parse too much
        from gamelake.lake.keys import LoadRun

        with lasting_errors():
            partition = run_partition(context, self.source.partition)
            address, report = await self._load(
                LoadRun(self.entity.table, partition, context["dag_run"].run_id), context
            )
        commit = f"{self.entity} version {report.version}"
        await asyncio.to_thread(invalidate_changed, [self.entity.table.pointer_key], change=commit)
        self._emit(report, context)
        await asyncio.to_thread(lineage.load_done, address, self.entity, report)
        return report.as_dict()

    async def _load(self, run: LoadRun, context: Context) -> tuple[str, LoadReport]:
        """Load. Returns: the URL of the entity at the source, and what was done."""
        from gamelake.airflow.stores import connected_store
        from gamelake.limits import Allow
        from gamelake.load.load import Load
        from gamelake.sources.base import Lake, open_reader

        params = context["params"]
        allow = Allow(shrink=bool(params.get("allow_shrink")), unproven=bool(params.get("allow_unproven")))
        store = await asyncio.to_thread(connected_store, uri=self.lake_uri)
        async with open_reader(self.source, self.entity, Lake(store, run)) as reader:
            full_refresh = self._is_full_refresh(run.partition, context)
            load = Load(reader, store, self.entity, run, full_refresh=full_refresh, allow=allow)
            return reader.address, await load.run()

    def _is_full_refresh(self, partition: str, context: Context) -> bool:
        # Backfills and manual runs of that weekday load only that day, unless `full_refresh` is set.
        start = partition_bounds(partition)[0].astimezone(KST)
        due = start.hour == 0 and start.weekday() == self.full_refresh_weekday  # of hours, the day's first one
        weekly = context["dag_run"].run_type == "scheduled" and due
        return bool(context["params"].get("full_refresh")) or weekly

    def _emit(self, report: LoadReport, context: Context) -> None:
        for outlet in self.outlets:
            if not isinstance(outlet, Asset):
                continue
            event = context["outlet_events"][outlet]
            event.extra = report.as_dict()
            if not context["dag_run"].partition_key:
                event.add_partitions(report.partition)
