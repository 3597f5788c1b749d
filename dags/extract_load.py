"""Load one entity of a source into the lake.

Every night at 04:00 Korean time, or when triggered. The load reads the entity's rows from the API, stages them as JSONL
parts and commits a manifest; the asset event has the figures of the load. A failed load leaves the table as it was, and
holds back that day's `transform` until the load is cleared and succeeds.

If it fails: the task's log ends with the cause and what to do. A load that is held is in
docs/guides/runbooks/held-load.md, a source that does not answer in docs/guides/runbooks/source-is-down.md, all else in
docs/guides/runbooks/troubleshooting.md.

- **full_refresh**: read an incremental entity whole. Scheduled runs do it by themselves on Mondays
  (`GAMELAKE_FULL_REFRESH_WEEKDAY`, 0 to 6, or `never`).
- **date**: a Korean day, `YYYY-MM-DD`. An incremental entity reads that day's changes again, as `airflow backfill
  create` does for several days; the others can only be read today. A partition key wins over it.
- **allow_shrink**: commit the table although it lost more rows than one load may remove. Without it such a load is
  held: nothing is committed, and the task fails with both numbers (docs/guides/runbooks/held-load.md).
- **allow_unproven**: commit the rows although the source's own count differs from them by more than one load may leave
  unproven.
"""

from __future__ import annotations

from gamelake.airflow.load_dags import load_dag
from gamelake.registry import loaded_sources
from gamelake.settings import read_settings

# The weekly full refresh also catches changes that did not update `updated_at`.
settings = read_settings()
weekday = settings.gamelake_full_refresh_weekday
for source in loaded_sources().values():
    for entity in source.entities.values():
        globals()[entity.dag_id] = load_dag(
            source,
            entity,
            lake_uri=settings.gamelake_uri,
            full_refresh_weekday=None if weekday == "never" else int(weekday),
            doc_md=__doc__ or "",
        )
