# How long a cache may keep objects, by path below the lake: the first pattern that matches. `*` matches slashes too.

locals {
  # Never written twice: parts, commits, generations of marts, their publications, days of the history.
  immutable_paths = ["/raw/*/*/dt=*/*/*", "/raw/*/*/_manifests/*", "/marts/dt=*", "/marts/_publications/*", "/marts/history/*"]

  # Replaced by every load or publication. They come after the ones above, or `/marts/*.parquet` would take those too.
  mutable_paths = ["/raw/*/*/_manifest.json", "/marts/_current.json", "/marts/marketing/*.parquet", "/marts/*.parquet"]
}
