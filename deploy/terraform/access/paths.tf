# How long a cache may keep objects, by path below the lake: the first pattern that matches. `*` matches slashes too.

locals {
  # Never written twice: parts, commits, months, generations of marts, their publications, days of the history, and what checks
  # of the data quality stored.
  immutable_paths = [
    "/raw/*/*/dt=*/*/*", "/raw/*/*/_manifests/*", "/raw/*/*/_months/*", "/marts/dt=*", "/marts/_publications/*", "/marts/history/*",
    "/marts/quality/_reports/*", "/marts/quality/_profiles/*", "/marts/quality/mart_data_quality/*",
  ]

  # Replaced by every load, publication or check. They come after the ones above, or `/marts/*.parquet` would take those too.
  mutable_paths = ["/raw/*/*/_manifest.json", "/marts/_current.json", "/marts/quality/_current.json", "/marts/quality/_service_levels.json", "/marts/marketing/*.parquet", "/marts/*.parquet"]

  # Beside the lake, not in it: who may read the lake may not read logs, and no rule of the lake removes them.
  logs_prefix = "logs/"
}
