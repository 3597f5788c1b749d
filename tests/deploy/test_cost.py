"""Loads make the requests that docs/guides/deploy/cost.md multiplies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from apps.event_collector.spool import Batching
from gamelake.codegen import cost
from gamelake.lake.factory import open_store
from gamelake.lake.inbox import RETENTION
from gamelake.marts.dbt_project import published_models
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources
from gamelake.sources.rawg.plan import Plan
from tests.deploy.recorded_s3 import recording_server
from tests.support.loads import load_once, small_sandbox, token_of
from tests.support.loads import new_client as new_igdb_client
from tests.support.stores import new_client
from tests.support.tables import newest_commit


def test_a_load_makes_the_requests_that_are_counted() -> None:
    with recording_server() as recordings, small_sandbox(1100) as (sandbox, url):
        store = open_store("s3://lake/lake", s3=new_client(recordings[0].endpoint))
        token = token_of(sandbox)

        def load(run_id: str, **options: Any) -> tuple[int, int]:
            recordings.append(replace(recordings[0], needs=set(), requests={}))
            load_once(new_igdb_client(url, token), store, run_id=run_id, **options)
            return recordings[-1].writes_and_reads()

        found = {"whole": load("a", part_bytes=10_000), "quiet": load("b")}
        sandbox.upsert("games", [{"id": 3, "name": "Changed"}])
        found["night"] = load("c")
        found["whole again"] = load("d", part_bytes=10_000, full_refresh=True)
        assert len(newest_commit(store).files) == 3
    others = len(load_sources()["igdb"].entities) - 1  # it is the first of its source: it looks for a commit of each
    counted = {
        "whole": cost.load(new=3, earlier=0) + cost.Requests(writes=others, reads=others),
        "quiet": cost.load(new=0, live=3, checked=0, earlier=0),
        "night": cost.load(new=1, live=3, earlier=1),
        "whole again": cost.load(new=3, live=4, outdated=4, checked=4, earlier=2),
    }
    for name, (writes, reads) in found.items():
        assert counted[name].writes - 2 <= writes <= counted[name].writes, name
        assert counted[name].reads - 3 <= reads <= counted[name].reads, name


def test_the_event_collector_costs_what_the_page_states() -> None:
    page = cost.PAGE.read_text(encoding="utf-8")
    for seconds in (Batching().seconds, 60):
        dollars = 86_400 / seconds * cost.NIGHTS * cost.Prices().thousand_writes / 1000
        assert f" {dollars:.2f}" in page
    assert f"at most {86_400 / Batching().seconds:,.0f} a day" in page
    assert f"Parts stay {RETENTION.days} days" in page


def test_rawg_costs_what_the_page_states() -> None:
    page = " ".join(cost.PAGE.read_text(encoding="utf-8").split())
    requests = Plan().month
    dollars = 2 * requests * cost.Prices().thousand_writes / 1000
    assert f"at most {requests:,} a month on the free plan, writes two objects" in page
    assert f"and its reply: {dollars:.2f} dollars" in page


def test_the_figures_that_others_state_are_theirs() -> None:
    variable = (
        (REPOSITORY / "deploy" / "terraform" / "variables.tf").read_text("utf-8").partition('"noncurrent_days"')[2]
    )
    assert f"default     = {cost.NONCURRENT_DAYS}\n" in variable.partition("validation")[0]
    assert len(published_models()) == cost.MARTS


def test_the_figures_that_the_pages_state_by_hand_are_those_of_the_tables() -> None:
    page = " ".join(cost.PAGE.read_text(encoding="utf-8").split())
    paths = cost.ENTITIES + 1 + cost.MARTS
    month = paths * cost.NIGHTS
    assert (
        f"invalidate {paths} paths: {cost.ENTITIES} pointers of tables, the pointer of the marts and their "
        f"{cost.MARTS} copies. That is {month:,} a month." in page
    )
    assert f"of the others: {(month - 1000) * 0.005:.2f} dollars" in page
    sizes = {name: size for name, _, size in cost.storage()}
    dollars = sum(sizes.values()) * cost.Prices().storage_gb
    assert f"storage {100 * dollars:.0f} cents a month" in page
    every, old = sum(sizes.values()), sizes["noncurrent versions"]
    backup = (cost.PAGE.parent / "backup.md").read_text(encoding="utf-8")
    assert backup.count(f"{every - old:.0f} GB") == 2
    assert f"{every:.0f} GB, of which {old:.0f} are old versions" in (cost.PAGE.parent / "sizing.md").read_text("utf-8")
    dollars += sum(requests.dollars(cost.Prices()) for _, _, requests in cost.month())
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert f"about {every:.0f} GB after a year, on AWS {round(100 * dollars, -1):.0f} cents a month" in readme
