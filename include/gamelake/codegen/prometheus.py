"""The page of Prometheus' metrics, docs/reference/prometheus.md, from `gamelake.nights.metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.nights.metrics import METRICS
from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

PAGE_PATH = REPOSITORY / "docs" / "reference" / "prometheus.md"
HEAD = """<!-- Generated from include/gamelake/nights/metrics.py by `make generate`; do not edit. -->

# Metrics for Prometheus

Airflow's API server answers `/gamelake/metrics` in Prometheus' text format if `GAMELAKE_METRICS_TOKEN` is set for it.
Each scrape sends that token; Airflow's login is not asked for. Choose a long random one: `openssl rand -hex 32`.
`make env` writes one for the compose stack.

```yaml
scrape_configs:
  - job_name: gamelake
    metrics_path: /gamelake/metrics
    scrape_interval: 2m
    authorization:
      credentials_file: /etc/prometheus/gamelake-token
    static_configs:
      - targets: ["airflow-api-server:8080"]
```

Every figure comes from manifests, generations and publications in the lake, as on the page
[Last night](../guides/last-night.md), and not from task logs or Airflow's database. The lake is
read at most once a minute. For 20 tables a read asks an S3 store for 22 listings and 22 objects: 3 USD a month on AWS,
with the interval above. It takes 0.04 s of CPU, and the page has 530 series.

A damaged document is counted in `gamelake_lake_damaged_documents`. Of a lake that cannot be read the page has
`gamelake_lake_readable 0` alone, and the log of the API server has the reason.

Labels are names of the registry and of marts, and statuses. A moment is in unix seconds: the age of a table's newest
commit is `time() - gamelake_load_committed_timestamp_seconds`. It is late above `gamelake_load_late_after_seconds`.
A load that was held commits nothing: `gamelake_load_uncommitted` is 1 once it is late. Marts are published after all of
their tests passed: a failed test shows in `gamelake_build_tests`, and as the age of the marts.
Sources that load by the hour are not included.

The figures are as old as `time() - gamelake_lake_read_timestamp_seconds`: at most a minute when they are scraped.
What a load or build reports is as old as its commit or its end, which have a metric each. Sizes leave out parts that
are outdated and wait for their removal, rejected rows, and builds that are older than 30 nights: no scrape lists them.

[Observe](../guides/observe.md) has the alert rules, the dashboards, and Airflow's own metrics.

| Metric | Type | Labels | Meaning |
| --- | --- | --- | --- |
"""


def generated() -> dict[Path, str]:
    """Return the page by its path."""
    rows = []
    for metric in METRICS:
        kind = "counter" if metric.name.endswith("_total") else "gauge"
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {kind} | {labels} | {metric.help} |\n")
    return {PAGE_PATH: HEAD + "".join(rows)}
