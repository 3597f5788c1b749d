"""The assets that tie the DAGs together, and what the UI shows of them.

Other DAGs find them by name, as in `schedule=PartitionedAssetTimetable(assets=Asset("marts"))`. The events have
partitions, so a DAG with `schedule=[Asset("marts")]` never runs. The assets have no URI of their own: to Airflow the
same name with another URI is another asset, and it activates only one of them. The place is in the extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset

from gamelake.lake.factory import lake_uri

if TYPE_CHECKING:
    from gamelake.registry import Entity


def raw(entity: Entity) -> Asset:
    """Return a table of the raw lake: an event for each commit."""
    return Asset(
        entity.asset_name,
        group="raw",
        extra={"description": entity.description, "place": f"{lake_uri()}/{entity.table.prefix}"},
    )


MARTS = Asset(
    "marts",
    group="marts",
    extra={
        "description": "The published marts of a day: an event for each publication.",
        "place": f"{lake_uri()}/marts/_current.json",
    },
)
