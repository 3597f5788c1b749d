"""The page of the service levels, docs/reference/service-levels.md, and the JSON Schema of slo.yaml."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from gamelake.codegen.schemas import text_of
from gamelake.paths import REPOSITORY
from gamelake.quality.objectives import SLO_PATH, Objective, load_objectives

if TYPE_CHECKING:
    from pathlib import Path

PAGE_PATH = REPOSITORY / "docs" / "reference" / "service-levels.md"
SCHEMA_PATH = SLO_PATH.with_name("slo.schema.json")
HEAD = """<!-- Generated from include/gamelake/quality/slo.yaml by `make generate`; do not edit. -->

# Service levels

What the platform promises, and how it is measured. `.venv/bin/gamelake slo` computes the figures now.
`mart_service_levels` has each night of each level. They come from commits and publications in the lake alone, so that a
level that is declared today has its history at once.

| Level | Promise | Target | Judged at (Korean time) | Owner | Runbook |
| --- | --- | --- | --- | --- | --- |
"""
TAIL = """
## What counts

- A **night** is a Korean day after that of the first load that a schedule started. A day that left nothing in the lake
  is a bad night. A lake whose days are run by hand, as by `make run`, has no nights and misses no deadline.
- A night is judged at its time, or earlier if it is good by then. What is repaired later stays bad: readers waited.
- The **error budget** is the number of bad nights that the target allows in its window. A target of 100 % has none.
- The **budget left** is 100 % without a bad night, 0 % when the target allows no more, below 0 when it is missed.
- The dashboard's queries have no level: the lake keeps nothing of them. [Performance](performance.md#the-dashboard) has
  the seconds of each page.

## Burn rates

The burn rate of the last nights is the share of bad ones among them, divided by the share that the target allows. At 1
the budget lasts exactly one window. One bad night in 7 at a target of 98 % is `(1 / 7) / 0.02`, a rate of 7.1.

One window alone is not enough: of 1 night it is too hasty, of 30 nights too slow to end. So a budget is **burning**
only if the last 30 nights and the last 7 both have a rate above 1.

| Status | Meaning | Finding |
| --- | --- | --- |
| met | the budget lasts | none |
| burning | bad nights come faster than the budget allows | P2 |
| spent | the target is met, and one more bad night misses it | P2 |
| missed | there were more bad nights than the target allows | P2 |

What to do: [the error budget is spent](../guides/runbooks/error-budget-is-spent.md).

## Change a level

Edit [slo.yaml](../../include/gamelake/quality/slo.yaml) and run `make generate`. A wrong key or value is an error that
names it. A window has at most 100 nights. A target must allow a whole bad night in its window, or none (`1.0`).
"""


def generated() -> dict[Path, str]:
    """Return the text of each file, by its path."""
    rows = []
    for name, each in load_objectives().items():
        share = f"{each.target * 100:g} % of {each.window} nights"
        link = f"[{PurePosixPath(each.runbook).stem.replace('-', ' ')}](../{each.runbook})"
        rows.append(f"| `{name}` | **{each.title}.** {each.good} | {share} | {each.by} | {each.owner} | {link} |\n")
    schema = msgspec.json.schema(dict[str, Objective])
    return {PAGE_PATH: HEAD + "".join(rows) + TAIL, SCHEMA_PATH: text_of(schema)}
