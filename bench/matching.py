"""How right the matching of IGDB's games with RAWG's is, and what it costs, on generated worlds whose truth is known.

    .venv/bin/python bench/matching.py                              # five worlds of 5,000 games
    .venv/bin/python bench/matching.py pages --games 20000 --seeds 7 11

pages   with the page and the store links of each game of RAWG
lists   with RAWG's list of games alone, as after the first night

Each matching is one `dbt build` of what `bridge_igdb_rawg` needs, without tests, in a process of its own.

right   of the pairs with confidence 0.9 and above, the share that is one game
found   of the games that both sides have, the share that such a pair has
missed  the others, by what was in the way
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import duckdb

from gamelake.marts import dbt_project
from sandbox.igdb import World
from sandbox.rawg import RawgWorld
from tests.support.raw_lake import EVERY_ID, Lake, Row

DAY = date(2026, 11, 20)
SURE = 0.9
SEEDS = (7, 11, 23, 42, 1001)
CASES = ("pages", "lists")
MODELS = ("int_game_match_pairs", "int_game_matches", "bridge_igdb_rawg")
STORES = {1, 5, 26}
SITES = {1, 13, 16, 17}


@dataclass(frozen=True, slots=True)
class Matched:
    """What one matching found and took. own: the seconds of its three models; the others are those of the build."""

    pairs: int
    right: int
    known: int
    missed: Counter[str]
    cpu: float
    wall: float
    peak: int
    own: float

    def __str__(self) -> str:
        return (
            f"{self.pairs:7,} pairs, right {self.right / max(self.pairs, 1):8.3%}, found "
            f"{self.right / self.known:7.2%} of {self.known:,}; {self.own:5.2f} s of {self.wall:5.1f}, "
            f"{self.cpu:5.1f} CPU s, {self.peak / 2**20:5.0f} MiB"
        )


def main() -> None:
    """Match each world, and print the figures of each and of all."""
    parser = argparse.ArgumentParser(description="how right the matching is, and what it costs")
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--games", type=int, default=5_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / ".local" / "bench")
    arguments = parser.parse_args()
    cases = arguments.cases or CASES
    if not {*cases} <= {*CASES}:
        parser.error(f"cases: found {' '.join(cases)}, expected some of {', '.join(CASES)}")
    folder = arguments.folder.resolve() / "matching"
    for case in cases:
        print(f"{case}, worlds of {arguments.games:,} games", flush=True)
        all_pairs, all_right, all_known, missed = 0, 0, 0, Counter[str]()
        for seed in arguments.seeds:
            found = matched(folder, seed, arguments.games, has_pages=case == "pages")
            print(f"  seed {seed:>5} {found}", flush=True)
            all_pairs, all_right = all_pairs + found.pairs, all_right + found.right
            all_known, missed = all_known + found.known, missed + found.missed
        print(
            f"  all        {all_pairs:7,} pairs, right {all_right / all_pairs:8.3%}, found {all_right / all_known:7.2%}"
        )
        for reason, games in missed.most_common():
            print(f"    missed {games / all_known:6.2%}  {reason}", flush=True)


def matched(folder: Path, seed: int, games: int, *, has_pages: bool) -> Matched:
    """Match one world."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # In a process of its own: what a large process starts counts as large.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        generation, truth = pool.submit(fill, folder, seed, games, has_pages=has_pages).result()
    database, target = folder / "gamelake.duckdb", folder / "target"
    outputs = ["--target-path", str(target), "--log-path", str(target), "--quiet"]
    without = ["--exclude-resource-types", "test", "--exclude-resource-types", "unit_test"]
    environment = {
        **os.environ,
        **dbt_project.environment(),
        "GAMELAKE_URI": (folder / "lake").as_uri(),
        "GAMELAKE_DUCKDB": str(database),
        "GAMELAKE_GENERATION": str(generation),
    }
    dbt = str(Path(sys.executable).with_name("dbt"))
    program = [dbt, "build", "-s", "+bridge_igdb_rawg", *without, *dbt_project.arguments(), *outputs]
    began = time.monotonic()
    process = subprocess.Popen(program, env=environment)  # noqa: S603
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    if process.returncode:
        sys.exit(f"dbt failed; see {target / 'dbt.log'}")
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    own = sum(each["execution_time"] for each in results if each["unique_id"].rpartition(".")[2] in MODELS)
    with duckdb.connect(str(database), read_only=True) as connection:
        right, pairs, missed = compared(connection, truth)
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
    return Matched(pairs, right, len(truth), missed, cpu, wall, peak, own)


def fill(folder: Path, seed: int, games: int, *, has_pages: bool) -> tuple[Path, dict[int, int]]:
    """Make a world and a lake of what the matching reads. Returns: its generation, and IGDB's ids by RAWG's."""
    igdb = World.generate(seed=seed, games=games, first_day=DAY, today=DAY)
    rawg = RawgWorld(igdb, seed=seed)
    names = ("games", "involved_companies", "companies", "release_dates", "game_localizations")
    tables: dict[str, list[Row]] = {name: list(igdb.rows(name)) for name in names}
    tables["external_games"] = [row for row in igdb.rows("external_games") if row["external_game_source"] in STORES]
    tables["websites"] = [row for row in igdb.rows("websites") if row["type"] in SITES]
    found = tables["rawg.games"] = rawg.games()
    if has_pages:
        tables["rawg.game_details"] = [rawg.details(row) for row in found]
        tables["rawg.game_stores"] = [{"id": row["id"], "items": rawg.stores_of(row)} for row in found]
    lake = Lake(folder / "lake", str(DAY))
    for name, rows in tables.items():
        lake.add(name, rows, claims=EVERY_ID)
    return lake.generation(), rawg.truth()


def compared(database: duckdb.DuckDBPyConnection, truth: dict[int, int]) -> tuple[int, int, Counter[str]]:
    """Compare the bridge with the truth. Returns: right and all sure pairs, and what was in the way of the others."""
    database.execute("create temp table truth (rawg_game_id bigint, igdb_game_id bigint)")
    database.execute("insert into truth select unnest(?::bigint[]), unnest(?::bigint[])", [[*truth], [*truth.values()]])
    counted = database.execute(
        """
        select count(*) filter (truth.igdb_game_id is not distinct from found.igdb_game_id), count(*)
        from bridge_igdb_rawg as found left join truth using (rawg_game_id)
        where found.confidence >= ?
        """,
        [SURE],
    ).fetchone()
    right, pairs = counted or (0, 0)
    reasons = database.execute(REASONS, [SURE]).fetchall()
    return right, pairs, Counter(dict(reasons))


REASONS = """
with sure as (from bridge_igdb_rawg where confidence >= $1)
select
    case
        when games.game_id is null then 'IGDB has no such game any more'
        when pairs.igdb_game_id is null then 'no name and no page in a store in common'
        when exists (
            from sure where sure.igdb_game_id = truth.igdb_game_id or sure.rawg_game_id = truth.rawg_game_id
        ) then 'another pair of one of the games is sure'
        when pairs.games_of_name > 1 then 'several games of IGDB have the name'
        when pairs.rawg_released is null or pairs.igdb_released is null then 'a release date is unknown'
        when abs(year(pairs.rawg_released) - year(pairs.igdb_released)) = 1 then 'released a year apart'
        else 'other'
    end as in_the_way,
    count(*)
from truth
left join dim_games as games on games.game_id = truth.igdb_game_id
left join int_game_match_pairs as pairs
    on pairs.igdb_game_id = truth.igdb_game_id and pairs.rawg_game_id = truth.rawg_game_id
where not exists (
    from sure where sure.igdb_game_id = truth.igdb_game_id and sure.rawg_game_id = truth.rawg_game_id
)
group by in_the_way
"""


if __name__ == "__main__":
    main()
