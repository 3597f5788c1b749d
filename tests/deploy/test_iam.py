"""Each role may do what its work does, and nothing else: the requests of real work against the rendered policies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.codegen import cost
from gamelake.paths import REPOSITORY
from gamelake.registry import load_entities
from tests.deploy.flows import record
from tests.deploy.iam import BUCKET, Policy, matches
from tests.deploy.recorded_s3 import Need

if TYPE_CHECKING:
    from tests.deploy.recorded_s3 import Recording

ROLES = ("load", "transform", "maintain", "setup", "read", "read_restricted", "logs", "read_logs", "collect", "send")
LAKE = "deep/lake"
RESTRICTED = (
    f"{LAKE}/raw/rawg/games/dt=2026-11-21/run/part-00000.jsonl.gz",
    f"{LAKE}/raw/rawg/games/_manifests/00000000000000000001.json",
    f"{LAKE}/raw/rawg/games/_manifest.json",
    f"{LAKE}/feeds/rawg/games/dt=2026-11-21/00000000000000000002-00000-32c6e7535285fcab.jsonl.gz",
    f"{LAKE}/marts/dt=2026-11-21/run/restricted/mart_market_overview.parquet",
    f"{LAKE}/marts/dt=2026-11-21/run/_spark/try/gamelake.db/stg_rawg__games/part-0.parquet",
    f"{LAKE}/marts/restricted/mart_market_overview.parquet",
    f"{LAKE}/marts/quality/_profiles/dt=2026-11-21/run.json",
    f"{LAKE}/raw/rawg/games/_months/2026-09/00000000000000000001-3f2a9c1b.parquet",
    f"{LAKE}/marts/_restored/3f2a9c1b/raw/rawg/games/dt=2026-11-21/run/part-00000.jsonl.gz",
)
"""What no CDN may show. The role `read` has the commits, which have no rows."""

WRITTEN = {
    "raw/*/*/dt=*/*/*": "raw/rawg/games/dt=2026-11-21/run/part-00000.jsonl.gz",
    "raw/*/*/_months/*": "raw/rawg/games/_months/2026-09/00000000000000000001-3f2a9c1b.parquet",
    "raw/*/*/_rejected/*": "raw/rawg/games/_rejected/dt=2026-11-21/1.jsonl",
    "raw/*/*/_manifests/*": None,
    "raw/*/*/_manifest.json": None,
    "raw/*/_quota/*": None,
    "feeds/*": "feeds/rawg/games/dt=2026-11-21/00000000000000000002-00000-32c6e7535285fcab.jsonl.gz",
    "inbox/*/*": "inbox/rawg/games/00000000000000000001.jsonl.gz",
    "inbox/*.json": None,
    "marts/*": "marts/restricted/mart_market_overview.parquet",
    "incidents/*": "incidents/load.rawg.refused/00000000000000000001.json",
    "reports/*": None,
    "lineage/*": None,
    "topics/*": None,
}
"""Every place of the lake that a role writes to, with an object there that may have something of a reply of RAWG."""

MARTS = {
    "marts/dt=": ("marts/dt=2026-11-21/run/restricted/a.parquet", "marts/dt=2026-11-21/run/_spark/a/b/part-0.parquet"),
    "marts/_restored/": ("marts/_restored/3f2a9c1b/raw/rawg/games/dt=2026-11-21/run/part-00000.jsonl.gz",),
    "marts/restricted/": ("marts/restricted/mart_market_overview.parquet",),
    "marts/quality/_profiles/": ("marts/quality/_profiles/dt=2026-11-21/run.json",),
    "marts/quality/": (),
    "marts/history/": (),
    "marts/marketing/": (),
    "marts/_publications/": (),
    "marts/": (),
}
"""The folders below `marts/`, in the same way; an object is of the first one that fits."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    """What each role's real work asked of S3."""
    return record(tmp_path_factory.mktemp("flows"))


@pytest.fixture(scope="module")
def policies(access: dict[str, Any]) -> dict[str, Policy]:
    return {role: Policy.of(text) for role, text in access["policies"].items()}


@pytest.fixture(scope="module")
def on_bucket(access: dict[str, Any]) -> Policy:
    return Policy.of(access["bucket_policy"])


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_every_request_is_allowed(
    role: Any, policies: dict[str, Policy], on_bucket: Policy, work: dict[str, Recording]
) -> None:
    assert len(work[role].needs) > 20
    assert [need for need in work[role].needs if not policies[role].allows(need)] == []
    assert [need for need in work[role].needs if on_bucket.denies(need)] == []


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_every_right_is_used(role: Any, policies: dict[str, Policy], work: dict[str, Recording]) -> None:
    asked = [(need.action, f"{BUCKET}/{need.key}" if need.key else BUCKET) for need in work[role].needs]
    unused = [
        (statement["Sid"], action, resource)
        for statement, action, resource in policies[role].grants()
        if not action.startswith("cloudfront:")
        and not any(name == action and matches(resource, arn) for name, arn in asked)
    ]
    assert unused == []


@pytest.mark.slow
def test_every_tag_that_a_load_may_set_is_set(policies: dict[str, Policy], work: dict[str, Recording]) -> None:
    (tagging,) = [each for each, action, _ in policies["load"].grants() if action == "s3:PutObjectTagging"]
    may = set(tagging["Condition"]["StringEquals"]["s3:RequestObjectTag/status"])
    assert may == {need.status for need in work["load"].needs if need.action == "s3:PutObjectTagging"}


@pytest.mark.slow
def test_every_tag_that_a_compaction_may_set_is_set(policies: dict[str, Policy], work: dict[str, Recording]) -> None:
    may = {
        (resource, status)
        for statement, action, resource in policies["maintain"].grants()
        if action == "s3:PutObjectTagging"
        for status in statement["Condition"]["StringEquals"]["s3:RequestObjectTag/status"]
    }
    set_by_it = [need for need in work["maintain"].needs if need.action == "s3:PutObjectTagging"]
    assert may == {
        (resource, need.status)
        for need in set_by_it
        for resource, _ in may
        if matches(resource, f"{BUCKET}/{need.key}")
    }


@pytest.mark.parametrize(
    ("role", "need"),
    [
        ("load", Need("s3:DeleteObject", f"{LAKE}/raw/igdb/games/dt=2026-11-21/run/part-00000.jsonl.gz")),
        ("load", Need("s3:PutObject", f"{LAKE}/marts/_current.json")),
        ("load", Need("s3:PutObjectTagging", f"{LAKE}/raw/igdb/games/dt=2026-11-21/run/part-00000.jsonl.gz", "keep")),
        ("load", Need("s3:DeleteObject", f"{LAKE}/raw/rawg/_quota/2026-11/00000000000000000001.json")),
        ("maintain", Need("s3:DeleteObject", f"{LAKE}/raw/rawg/_quota/2026-11/00000000000000000001.json")),
        ("transform", Need("s3:PutObject", f"{LAKE}/raw/igdb/games/_manifest.json")),
        ("transform", Need("s3:DeleteObject", f"{LAKE}/marts/dt=2026-11-21/run/dim_games.parquet")),
        ("maintain", Need("s3:DeleteObject", f"{LAKE}/raw/igdb/games/_manifests/00000000000000000001.json")),
        ("maintain", Need("s3:DeleteObject", f"{LAKE}/raw/igdb/popscore/_months/2026-09/00000000000000000001.json")),
        ("load", Need("s3:PutObject", f"{LAKE}/raw/igdb/popscore/_months/2026-09/00000000000000000001.json")),
        ("transform", Need("s3:PutObject", f"{LAKE}/raw/igdb/popscore/_months/2026-09/00000000000000000001.json")),
        (
            "maintain",
            Need("s3:PutObjectTagging", f"{LAKE}/raw/igdb/popscore/dt=2026-09-01/run/part-00000.jsonl.gz", "final"),
        ),
        ("maintain", Need("s3:DeleteObject", f"{LAKE}/marts/_current.json")),
        ("maintain", Need("s3:DeleteObject", f"{LAKE}/marts/_publications/00000000000000000001.json")),
        ("maintain", Need("s3:PutObject", f"{LAKE}/raw/igdb/games/_manifest.json")),
        ("read", Need("s3:GetObject", f"{LAKE}/incidents/load.igdb.held/00000000000000000001.json")),
        ("load", Need("s3:GetObject", f"{LAKE}/lineage/dt=2026-11-21/041702-3f2a9c1b.jsonl.gz")),
        ("read", Need("s3:GetObject", f"{LAKE}/lineage/dt=2026-11-21/041702-3f2a9c1b.jsonl.gz")),
        ("collect", Need("s3:PutObject", f"{LAKE}/raw/igdb/games/_manifest.json")),
        ("collect", Need("s3:DeleteObject", f"{LAKE}/inbox/igdb/games/00000000000000000001.jsonl.gz")),
        ("read", Need("s3:GetObject", f"{LAKE}/inbox/igdb/games/00000000000000000001.jsonl.gz")),
        ("send", Need("s3:PutObject", f"{LAKE}/feeds/igdb/games/_manifests/00000000000000000001.json")),
        ("send", Need("s3:GetObject", f"{LAKE}/marts/_current.json")),
        ("send", Need("s3:DeleteObject", f"{LAKE}/topics/gamelake.igdb.games/00000000000000000001.json")),
        ("load", Need("s3:GetObject", f"{LAKE}/feeds/igdb/games/_manifests/00000000000000000001.json")),
        ("read", Need("s3:PutObject", f"{LAKE}/feeds/igdb/games/_manifests/00000000000000000001.json")),
        ("maintain", Need("s3:PutObject", f"{LAKE}/feeds/igdb/games/_manifests/00000000000000000001.json")),
        ("maintain", Need("s3:PutLifecycleConfiguration")),
        ("setup", Need("s3:DeleteObject", f"{LAKE}/raw/igdb/games/dt=2026-11-21/run/part-00000.jsonl.gz")),
        ("read", Need("s3:GetObject", f"{LAKE}/raw/igdb/games/_rejected/dt=2026-11-21/1.jsonl")),
        ("load", Need("s3:DeleteObject", f"{LAKE}/raw/igdb/games/_rejected/dt=2026-11-21/_progress.json")),
        *(("read", Need("s3:GetObject", key)) for key in RESTRICTED if "_manifest" not in key),
        ("read", Need("s3:GetObject", "elsewhere/in/the/bucket")),
        ("read", Need("s3:GetObject", "logs/dag_id=igdb_games/1.log")),
        ("logs", Need("s3:GetObject", f"{LAKE}/raw/igdb/games/_manifest.json")),
        ("read_logs", Need("s3:PutObject", "logs/dag_id=igdb_games/1.log")),
    ],
)
def test_the_rest_is_not_allowed(role: str, need: Any, policies: dict[str, Policy]) -> None:
    assert not policies[role].allows(need)


def test_the_role_read_has_no_rows_that_may_not_be_passed_on(policies: dict[str, Policy]) -> None:
    """A role that gets a new place to write to fails this test, until its author states here what may lie there."""
    start = f"{BUCKET}/{LAKE}/"
    grants = {
        resource.removeprefix(start)
        for role, policy in policies.items()
        if role != "setup"  # it restores what the others wrote
        for _, action, resource in policy.grants()
        if action == "s3:PutObject" and resource.startswith(start)
    }
    assert grants == set(WRITTEN)
    keys = [key for key in WRITTEN.values() if key] + [key for found in MARTS.values() for key in found]
    assert [key for key in keys if policies["read"].allows(Need("s3:GetObject", f"{LAKE}/{key}"))] == []


@pytest.mark.slow
def test_the_folders_of_marts_are_those_that_are_judged(work: dict[str, Recording]) -> None:
    written = {need.key for each in work.values() for need in each.needs if need.action == "s3:PutObject"}
    folders = {key.removeprefix(f"{LAKE}/") for key in written if key and key.startswith(f"{LAKE}/marts/")}
    known = {next(folder for folder in MARTS if key.startswith(folder)) for key in folders}
    others = {key for key in folders if next(f for f in MARTS if key.startswith(f)) == "marts/" and key.count("/") > 1}
    assert others == set()
    assert known == set(MARTS)


@pytest.mark.parametrize(
    "folder",
    [
        "raw/igdb/games/_manifests",
        "raw/rawg/_quota/2026-11",
        "raw/igdb/popscore/_months/2026-09",
        "marts/_publications",
        "incidents/load.igdb.held",
        "inbox/igdb/games",
        "feeds/igdb/games/_manifests",
        "topics/gamelake.igdb.games",
    ],
)
def test_the_bucket_takes_tls_only_and_replaces_no_commit(on_bucket: Policy, folder: str) -> None:
    commit = f"{LAKE}/{folder}/00000000000000000001.json"
    assert on_bucket.denies(Need("s3:GetObject", commit), secure=False)
    assert on_bucket.denies(Need("s3:PutObject", commit))
    assert not on_bucket.denies(Need("s3:PutObject", commit, if_none_match=True))


def test_the_cdn_shows_what_readers_may_read_but_no_change_feed(on_bucket: Policy, policies: dict[str, Policy]) -> None:
    (cdn,) = [each for each in on_bucket.document["Statement"] if each["Effect"] == "Allow"]
    (hidden,) = [each for each in on_bucket.document["Statement"] if each["Sid"] == "CloudFrontReadsNothingRestricted"]
    read = [resource for _, action, resource in policies["read"].grants() if action == "s3:GetObject"]
    feeds = f"{BUCKET}/{LAKE}/feeds/*"
    assert feeds in read
    assert (cdn["Action"], cdn["Resource"]) == (["s3:GetObject"], [each for each in read if each != feeds])
    assert set(cdn["Condition"]["StringEquals"]) == {"AWS:SourceArn"}
    assert (hidden["Principal"], hidden["Condition"]) == (cdn["Principal"], cdn["Condition"])

    def is_hidden(key: str) -> bool:
        return any(matches(pattern, f"{BUCKET}/{key}") for pattern in hidden["Resource"])

    assert [key for key in RESTRICTED if "/feeds/" not in key and not is_hidden(key)] == []  # it shows no feed at all
    shown = (
        f"{LAKE}/raw/igdb/games/dt=2026-11-21/run/part-00000.jsonl.gz",
        f"{LAKE}/marts/dt=2026-11-21/run/dim_games.parquet",
        f"{LAKE}/marts/marketing/mart_top_rated.parquet",
        f"{LAKE}/marts/_current.json",
    )
    assert [key for key in shown if is_hidden(key)] == []
    assert all(policies["read_restricted"].allows(Need("s3:GetObject", key)) for key in RESTRICTED)


def test_who_commits_may_invalidate_what_a_cdn_keeps(policies: dict[str, Policy]) -> None:
    """The policy of the page for a bucket that Terraform does not manage is the same."""
    page = (REPOSITORY / "docs" / "guides" / "runbooks" / "read-through-a-cdn.md").read_text(encoding="utf-8")
    (policy,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    documented = {action for _, action, _ in Policy.of(policy).grants()}
    allowed = {
        role: {action for _, action, _ in policies[role].grants() if action.startswith("cloudfront:")} for role in ROLES
    }
    assert allowed == {role: documented if role in {"load", "transform"} else set() for role in ROLES}


@pytest.mark.slow
def test_a_build_makes_the_requests_that_are_counted(work: dict[str, Recording]) -> None:
    """One build, and two that only listed what they would read: that of gamelake.codegen.cost, with next to no data."""
    writes, reads = work["transform"].writes_and_reads()
    counted, opened = cost.build(raw_mb=0, marts_mb=0), (cost.ENTITIES + 7, 2 * cost.ENTITIES + 9)
    of_spark = 2
    for other in ("incident", "brief", "check", "lineage", "feed", "restore"):
        of_other = work[other].writes_and_reads()
        writes, reads = writes - of_other[0], reads - of_other[1]
    never_loaded = 3 * (len(load_entities()) - cost.ENTITIES)  # each of the three looks for their commits, and the copy
    writes, reads = writes - never_loaded, reads - 2 * never_loaded
    assert counted.writes - 6 <= writes - of_spark - 2 * opened[0] <= counted.writes
    assert counted.reads - 40 <= reads - 2 * opened[1] <= counted.reads
