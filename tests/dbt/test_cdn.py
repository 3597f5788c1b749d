"""A whole build whose sources come through a CDN, while its marts go to a folder or to the lake behind the CDN."""

from __future__ import annotations

import gzip
import hashlib
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.https import HttpsStore
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import Part
from gamelake.lake.store import Store
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.dbt_project import published_models
from gamelake.marts.documents import read
from gamelake.marts.duckdb_extensions import link_extensions
from gamelake.marts.generation import open_generation, publish
from gamelake.registry import load_entities, load_sources
from tests.support.committed_lake import commit, commit_lake
from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cdn import CachingCdn

REGISTRY = load_sources()["igdb"].entities
DAY, NEXT_DAY = date(2026, 11, 21), date(2026, 11, 22)
HISTORY = ("stg_igdb__popularity_types", "stg_igdb__popscore_day", "fct_game_popularity_daily", "stg_previous_ranks")


@pytest.fixture
def remote(s3: Any, bucket: str, small_lake: Lake) -> Store:
    """The small lake in moto's S3, committed."""
    store = open_store(f"s3://{bucket}/some/lake", s3=s3)
    commit_lake(store, small_lake)
    return store


def commit_next_day(store: Store) -> None:
    """Popularity of another day, beside that of the days before."""
    newest = newest_commit(store, "popscore")
    data = gzip.compress(b'{"id": 1, "game_id": 1, "popularity_type": 3, "value": 0.5}\n')
    key = f"raw/igdb/popscore/dt={NEXT_DAY}/run/part-00000.jsonl.gz"
    store.put(key, data)
    part = Part(key, f"{NEXT_DAY}", 1, len(data), hashlib.sha256(data).hexdigest(), 1, 1, None, (IdRange(0, None),))
    commit(store, "popscore", (*newest.files, part), {"source_count": 1, "row_count": 1}, NEXT_DAY)


def inputs_of(store: Store, generation: str) -> dict[str, Any]:
    inputs: dict[str, Any] = msgspec.to_builtins(read(store, f"{generation}/_inputs.json", Inputs))
    return inputs


@pytest.mark.e2e
def test_a_lake_on_s3_is_built_and_read_through_its_cdn(
    remote: Store, cdn: CachingCdn, small_lake: Lake, tmp_path: Path
) -> None:
    sources = HttpsStore(f"{cdn.url}/some/lake")
    dbt = Dbt(
        tmp_path,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION="us-east-1",
        AWS_ENDPOINT_URL=cdn.s3.meta.endpoint_url,
        GAMELAKE_URI=remote.uri,
        GAMELAKE_CDN_URL=sources.uri,
        GAMELAKE_DUCKDB_EXTENSIONS=str(link_extensions(tmp_path / "extensions")),
    )
    first = open_generation(remote, load_entities(), day=DAY, run_id="first", sources=sources)
    done = dbt("run", generation=remote.url(first))
    assert done.success, done.messages
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        query = "select entity, sum(current_rows)::int from base_file_row_counts where current_rows > 0 group by all"
        staged = dict(database.execute(query).fetchall())
    expected = {
        entity: sum(counts["current"] for counts in small_lake.row_counts(entity).values()) for entity in REGISTRY
    }
    assert staged == {entity: rows for entity, rows in expected.items() if rows}
    assert publish(remote, first, published_models()).is_published
    assert {request.split("/")[3] for request in cdn.requests} == {"raw"}

    commit_next_day(remote)
    cdn.cloudfront.create_invalidation(
        DistributionId=cdn.distribution,
        InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": ["/some/lake/raw/igdb/popscore/_manifest.json"]},
            "CallerReference": "next day",
        },
    )
    second = open_generation(remote, load_entities(), day=NEXT_DAY, run_id="second", sources=sources)
    inputs = inputs_of(remote, second)
    places = [(day["url"] or "").partition("marts/")[0] for day in inputs["days"]]
    assert places == [f"{sources.uri}/", f"{sources.uri}/", ""]  # what is built is read, the rest written
    of_marts = {("/restricted/" in mart["url"], mart["url"].partition("marts/")[0]) for mart in inputs["previous"]}
    assert of_marts == {(False, f"{sources.uri}/"), (True, remote.url("marts").removesuffix("marts"))}, (
        "no CDN shows a restricted mart"
    )
    cdn.requests.clear()
    done = dbt("run", "-s", *HISTORY, generation=remote.url(second))
    assert done.success, done.messages
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        assert database.execute("select count(*) from inputs.previous_ranks").fetchone() != (0,)
    assert any("/marts/marketing" in request or "/mart_" in request for request in cdn.requests)
    assert any("/marts/history/" in request for request in cdn.requests)


@pytest.mark.slow
def test_a_folder_has_its_own_marts_of_the_sources_behind_the_cdn(
    remote: Store, cdn: CachingCdn, small_lake: Lake, tmp_path: Path
) -> None:
    folder, sources = open_store((tmp_path / "mine").as_uri()), HttpsStore(f"{cdn.url}/some/lake")
    dbt = Dbt(tmp_path, GAMELAKE_CDN_URL=sources.uri, GAMELAKE_DUCKDB_EXTENSIONS=str(link_extensions(tmp_path / "x")))
    generation = open_generation(folder, load_entities(), day=DAY, run_id="r", sources=sources)
    inputs = inputs_of(folder, generation)
    assert [day["url"] for day in inputs["days"]] == [None, None]  # the build writes both
    models = ("stg_igdb__genres", "stg_igdb__popularity_types", "stg_igdb__popscore_day", "fct_game_popularity_daily")
    done = dbt("run", "-s", *models, generation=folder.url(generation))
    assert done.success, done.messages
    days = duckdb.execute("select count(*) from read_parquet(?)", [f"{folder.url(generation)}/_day=*.parquet"])
    assert days.fetchone() == (90,)

    part = f"{sources.uri}/raw/igdb/genres/dt=2026-11-21/run/part-00000.jsonl.gz"
    for fault, message in (
        ("cut", "Transferred a partial file"),
        ("html", f"Input is not a GZIP stream: {part}"),
        ("404", f"HTTP GET error on '{part}' (HTTP 404 Not Found)"),
    ):
        cdn.faults = {"raw/igdb/genres/": fault}
        done = dbt("run", "-s", "stg_igdb__genres", generation=folder.url(generation))
        assert done.statuses["stg_igdb__genres"] == "error", fault
        assert message in done.messages["stg_igdb__genres"]
