"""Sample rows of an endpoint of IGDB that no entity declares yet."""

from __future__ import annotations

from typing import Any

from gamelake.sources.base import Sample
from igdb.apicalypse import MAX_LIMIT, Query, matching
from igdb.hook import IgdbHook


async def sample_rows(connection: str, endpoint: str, condition: str | None) -> Sample:
    """Return up to 1,000 rows: the oldest and the newest, because newer rows have more fields.

    Args:
        connection: Airflow's name of the connection.
        endpoint: Such as `game_engines`.
        condition: An Apicalypse condition that the rows meet.

    Raises:
        ApiError: Status 404 for an endpoint that IGDB does not have.
    """
    where = () if condition is None else (matching(condition),)
    async with IgdbHook(connection).client() as client:
        oldest = await client.query(endpoint, Query(where=where), list[Any])
        rows = {row["id"]: row for row in oldest.rows if isinstance(row, dict) and "id" in row}
        if len(oldest.rows) == MAX_LIMIT:
            newest = await client.query(endpoint, Query(where=where, sort="id desc"), list[Any])
            rows |= {row["id"]: row for row in newest.rows if isinstance(row, dict) and "id" in row}
    return Sample(list(rows.values()), len(rows) if oldest.total is None else oldest.total)
