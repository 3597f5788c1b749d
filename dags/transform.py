"""Build, test and publish the marts of one Korean day.

A run starts once every load of that day has succeeded, of all sources whose `entities.yaml` has `gates_transform`. A
failed load holds the run back; clear that load to release it.

If it fails: readers keep the marts that they have. docs/guides/runbooks/on-call.md has the first five minutes,
docs/guides/runbooks/marts-are-wrong.md what to do about figures.

1. `change_feeds` states for each new commit which rows changed (docs/guides/change-feed.md). If it fails, the marts are
   built all the same, and the next run makes what is missing.
2. `open_generation` fixes which commits the build reads.
3. `dbt.build` builds and tests everything, in one process of dbt or on Spark (docs/guides/runbooks/spark.md). After it,
   a task for each model shows how the model and its tests ended, and its SQL. `dbt.has_results` skips these tasks at
   once if dbt did not run, or was ended because the lake could not be reached.
4. `publish` moves the pointer `marts/_current.json`, if nothing failed. It is skipped, and sends no event of the asset
   `marts`, when readers already have a later day. Its log states so.

- **date**: a Korean day, `YYYY-MM-DD`: builds that day again from the commits up to it. Empty for the run's own day. A
  day after the newest load is refused.
- **fresh**: build also from the events that were applied since the loads of that day (docs/guides/events.md).
"""

from __future__ import annotations

from gamelake.airflow.transform_dag import transform_dag

dag = transform_dag(doc_md=__doc__ or "")
