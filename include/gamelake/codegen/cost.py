"""What the lake costs on AWS in a month, with the arithmetic: the tables of docs/guides/deploy/cost.md.

Requests are counted on real loads and builds (tests/deploy/test_cost.py holds the formulas to a recording); sizes are
those of docs/reference/performance.md or, where it has none, assumed and marked. Prices are parameters: look yours up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from pathlib import Path

PAGE = REPOSITORY / "docs" / "guides" / "deploy" / "cost.md"
BEGIN = "<!-- Generated from include/gamelake/codegen/cost.py by `make generate`; do not edit. -->\n"
END = "<!-- end -->\n"

NIGHTS = 30
CHECKS = 5
"""Checks of a day: four by the clock, and one of the publication."""
FULL_READS = 30 / 7
"""Mondays of a month."""
ENTITIES = len(load_sources()["igdb"].entities)
MARTS = 38
"""Published marts: a test compares it with dbt's manifest."""
DAYS_KEPT = 7
"""For which outdated parts and earlier generations are kept."""
DAYS_AS_PARTS = 35 + 15 + 4 + DAYS_KEPT
"""Of a time series, on average: a month is compacted at the first weekly audit 35 days after its end, and its parts are
kept for a week more."""
COMPACTED_MB = 11
"""A day of popularity in the file of its month, if every value changes each day (docs/reference/performance.md)."""
NONCURRENT_DAYS = 30
"""For which S3 keeps what was replaced or removed: Terraform's variable `noncurrent_days`."""


@dataclass(frozen=True)
class Prices:
    """US dollars, S3 Standard and CloudFront in Seoul, no free tier, as of 2025. They are approximate."""

    as_of: str = "2025"
    thousand_writes: float = 0.0045  # PUT, COPY, POST, LIST
    thousand_reads: float = 0.00035  # GET, HEAD and all others
    storage_gb: float = 0.025
    cdn_gb: float = 0.12
    cdn_ten_thousand: float = 0.012


@dataclass(frozen=True)
class Requests:
    """Requests to S3, by what they cost."""

    writes: float
    reads: float

    def __add__(self, other: Requests) -> Requests:
        return Requests(self.writes + other.writes, self.reads + other.reads)

    def times(self, number: float) -> Requests:
        """So many of them."""
        return Requests(self.writes * number, self.reads * number)

    def dollars(self, prices: Prices) -> float:
        """Return what they cost."""
        return (self.writes * prices.thousand_writes + self.reads * prices.thousand_reads) / 1000


def load(*, new: int, live: int = 0, outdated: int = 0, checked: int = 0, earlier: int = 6) -> Requests:
    """Return the requests of one load.

    new: parts that it puts. live: parts of the table, whose ids it reads to compare (a time series reads none).
    outdated: parts that no longer count after its commit. checked: parts whose tag it looks at. earlier: commits of the
    last seven days before the newest, with which the volume guard compares.
    """
    lists, commit, part = 5, 2, 3  # a part is put, tagged final, and noted in _progress.json
    return Requests(lists + commit + part * new + outdated, 9 + live + 2 * new + checked + earlier)


def build(*, raw_mb: float, marts_mb: float, entities: int = ENTITIES, marts: int = MARTS) -> Requests:
    """Return the requests of one `transform`.

    It lists and reads commits and the feed of games, lists the days of the history and the marts of the day before,
    reads parts in 2 MB ranges, and writes marts, read column by column by what builds on them (345,000 games: 500
    requests for 39 MB), and copied.

    Equal builds differ by one or two reads, because DuckDB's threads share them.
    """
    return Requests(entities + 2 * marts + 26, 5 * entities + raw_mb / 2 + 7 * marts + 10 * marts_mb + 8)


def month() -> list[tuple[str, str, Requests]]:
    """Return what is done in a month of 345,000 games: name, arithmetic, requests."""
    full, night = load(new=13, live=20, outdated=20, checked=33), load(new=1, live=17, checked=1)
    popularity, snapshot = load(new=3), load(new=1, live=1, outdated=1, checked=2)
    transform = build(raw_mb=280, marts_mb=150)
    others = ENTITIES - 2
    return [
        ("`igdb_games`, whole", f"{FULL_READS:.1f} × 13 parts of 64 MB plain", full.times(FULL_READS)),
        ("`igdb_games`, a night", f"{NIGHTS - FULL_READS:.1f} × 1 part", night.times(NIGHTS - FULL_READS)),
        ("`igdb_popscore`", f"{NIGHTS} × 3 parts", popularity.times(NIGHTS)),
        (f"the other {others}", f"{others} × {NIGHTS} × 1 part", snapshot.times(others * NIGHTS)),
        ("`transform`", f"{NIGHTS} × (280 MB read, 150 MB of marts)", transform.times(NIGHTS)),
        (
            "change feeds",
            f"{NIGHTS} × {ENTITIES - 1} tables × (4 lists, 6 documents, 2 parts read, 2 objects written)",
            Requests(NIGHTS * (ENTITIES - 1) * 6, NIGHTS * (ENTITIES - 1) * 8),
        ),
        (
            "incidents",
            f"{NIGHTS} × ({CHECKS} checks × 8 lists, {ENTITIES + 1} successes × 2 lists)",
            Requests(NIGHTS * (8 * CHECKS + 2 * (ENTITIES + 1)), NIGHTS * CHECKS),
        ),
        (
            "`lake_audit`",
            f"4 × lists of {ENTITIES} tables, their months and feeds, the marts and lineage",
            Requests(32 * ENTITIES + 16, 200 * ENTITIES),
        ),
        (
            "compaction",
            f"1 month of {NIGHTS} × 3 parts, each read and tagged, and 4 × lists of the others",
            Requests(NIGHTS * 3 + 60, 2 * NIGHTS * 3 + 80),
        ),
        (
            "lineage, where it is on",
            f"{NIGHTS} × ({ENTITIES} loads, 4 tasks of `transform`)",
            Requests(NIGHTS * (ENTITIES + 4), 0),
        ),
        (
            "`data_quality`",
            f"{NIGHTS * CHECKS} × lists and manifests of {ENTITIES} tables, and 42 profiles",
            Requests(CHECKS * (ENTITIES + 3), CHECKS * (ENTITIES + 44)).times(NIGHTS),
        ),
    ]


def storage() -> list[tuple[str, str, float]]:
    """Return what lies in the bucket after a year: name, arithmetic, GB."""
    return [
        ("games", "115 MB whole, twice (the last one outdated), and 7 nights of 0.85 MB", (2 * 115 + 7 * 0.85) / 1000),
        (
            "popscore",
            f"{DAYS_AS_PARTS} × 23 MB in parts, and {365 - DAYS_AS_PARTS} × {COMPACTED_MB} MB in files of months: its "
            "past is kept",
            (DAYS_AS_PARTS * 23 + (365 - DAYS_AS_PARTS) * COMPACTED_MB) / 1000,
        ),
        ("covers, websites and the small snapshots", "33 MB (assumed) × 8 nights", 33 * 8 / 1000),
        ("the other incremental tables", "85 MB (assumed) whole, twice", 2 * 85 / 1000),
        (
            "marts",
            f"150 MB (assumed) × {2 * DAYS_KEPT + 1} generations: the audit is weekly",
            150 * (2 * DAYS_KEPT + 1) / 1000,
        ),
        ("change feeds", "400 × 3 MB (1.2 MB of games, the rest assumed)", 400 * 3 / 1000),
        ("history of popularity", "365 × 6 MB (assumed)", 365 * 6 / 1000),
        ("copies of the marts at fixed paths", "150 MB (assumed)", 150 / 1000),
        (
            "noncurrent versions",
            f"{NONCURRENT_DAYS} days of what expires or is replaced: 33 MB of snapshots and 150 MB of copies a day, "
            f"200 MB of games and {DAYS_KEPT} generations of marts a week",
            NONCURRENT_DAYS * (33 + 150 + (200 + DAYS_KEPT * 150) / 7) / 1000,
        ),
    ]


def tables(prices: Prices) -> str:
    """Return the page's tables."""
    lines = [
        f"Approximate prices in US dollars, Seoul, {prices.as_of}; **check the current ones**: "
        f"1,000 writes (PUT, COPY, POST, LIST) {prices.thousand_writes}; 1,000 reads (GET and others) "
        f"{prices.thousand_reads}; a GB of storage a month {prices.storage_gb}; a GB from the CDN {prices.cdn_gb}, "
        f"10,000 of its requests {prices.cdn_ten_thousand}.",
        "",
        "| requests to S3, a month | arithmetic | writes | reads | $ |",
        "| --- | --- | --- | --- | --- |",
    ]
    total = Requests(0, 0)
    for name, how, requests in month():
        total += requests
        lines.append(
            f"| {name} | {how} | {requests.writes:,.0f} | {requests.reads:,.0f} | {requests.dollars(prices):.2f} |"
        )
    lines.append(f"| **all** | | {total.writes:,.0f} | {total.reads:,.0f} | **{total.dollars(prices):.2f}** |")
    lines += ["", "| storage after a year | arithmetic | GB | $ a month |", "| --- | --- | --- | --- |"]
    gigabytes = 0.0
    for name, how, size in storage():
        gigabytes += size
        lines.append(f"| {name} | {how} | {size:.2f} | {size * prices.storage_gb:.2f} |")
    lines.append(f"| **all** | | {gigabytes:.1f} | **{gigabytes * prices.storage_gb:.2f}** |")
    lines += ["", "| the CDN, a month | arithmetic | GB | $ |", "| --- | --- | --- | --- |"]
    for readers, files in ((10, 3), (1000, 3)):
        size = readers * NIGHTS * files * 2 / 1000
        asked = readers * NIGHTS * files * 4
        dollars = size * prices.cdn_gb + asked / 10_000 * prices.cdn_ten_thousand
        how = f"{readers:,} readers × {NIGHTS} days × {files} marts of 2 MB, 4 requests each"
        lines.append(f"| {readers:,} readers | {how} | {size:,.1f} | {dollars:.2f} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Return the page with its tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{tables(Prices())}{END}{rest.partition(END)[2]}"


def generated() -> dict[Path, str]:
    """Return the page, by its path."""
    return {PAGE: page(PAGE.read_text(encoding="utf-8"))}
