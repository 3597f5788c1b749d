"""A lake of invented nights: manifests, generations and publications with chosen figures and times, without rows."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gamelake.days import KST
from gamelake.kinds import Kind
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import Manifest, Mode, Part, Proof, Summary
from gamelake.marts import findings
from gamelake.marts.build_inputs import Inputs, RunInput
from gamelake.marts.commits import figures_of
from gamelake.marts.documents import (
    INPUTS,
    POINTER,
    RECORD,
    RESULTS,
    Action,
    BuildResults,
    Generation,
    History,
    HistoryDay,
    Publication,
    PublishedMart,
    encode,
)
from gamelake.marts.findings import Finding, Report, Severity, State
from gamelake.marts.pointer import publication_key
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gamelake.lake.store import Store
    from gamelake.registry import Entity

ENTITIES = load_sources()["igdb"].entities
NAMES = tuple(ENTITIES)
RUN = "manual__2026-11-28T16:01:59.612688+00:00"
"""A run's id, as Airflow makes them."""
INJECTION = "<img src=x onerror=alert(1)>"


def moment(day: str, clock: str) -> datetime:
    """A time of a Korean day."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=KST)


def days(first: str, count: int) -> list[str]:
    return [(date.fromisoformat(first) + timedelta(days=each)).isoformat() for each in range(count)]


def _part(entity: Entity, day: str, rows: int) -> Part:
    return Part(
        key=f"{entity.table.prefix}dt={day}/run/part-00000.jsonl.gz",
        partition=day,
        rows=rows,
        bytes=100,
        sha256="ab" * 32,
        min_id=1,
        max_id=rows,
        max_updated_at=None,
        claims=(IdRange(0, None),),
    )


def finding(check: str, severity: Severity, *, since: datetime, state: State = State.NEW) -> Finding:
    """A finding about the games."""
    return Finding(
        check=check, severity=severity, subject="igdb.games", value=31.0, expected="at most 30 hours",
        message="The games are late.", state=state, since=since, seen_at=since,
    )  # fmt: skip


def _history(day: str) -> History:
    key = f"marts/history/fct_game_popularity_daily/day={day}/a.parquet"
    counts = {"rows": 1, "bytes": 70, "current_rows": 1, "superseded_rows": 0, "voided_rows": 0}
    return History(days=(HistoryDay(day=date.fromisoformat(day), key=key, sha256="0" * 64, **counts),), left_out=())


class NightLake:
    """Writes what loads and builds would have left."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.commits: list[Manifest] = []
        self.versions: Counter[str] = Counter()
        self.publications = 0

    def load(self, entity: Entity, day: str, *, at: datetime, **changes: Any) -> Manifest:
        """Commit a load of a day."""
        self.versions[str(entity)] += 1
        figures = {name: changes.pop(name) for name in tuple(changes) if name in Summary.__struct_fields__}
        rows = changes.pop("rows", 1000)
        mode = Mode.INCREMENTAL if entity.kind is Kind.INCREMENTAL else Mode.SNAPSHOT
        summary: dict[str, Any] = {"rows_read": 10, "requests": 8, "seconds": 4.0, "proof": Proof.COUNTED} | figures
        fields: dict[str, Any] = {
            "source": entity.source,
            "entity": entity.name,
            "version": self.versions[str(entity)],
            "committed_at": at,
            "run_id": f"scheduled__{day}",
            "partition": day,
            "mode": mode,
            "cursor": "1763700000",
            "source_count": rows,
            "row_count": rows,
            "summary": Summary(**summary),
            "files": (_part(entity, day, rows),) if rows else (),
            "origin": "sandbox",
        }
        manifest = Manifest(**fields | changes)
        self.store.put(entity.table.manifest_key(manifest.version), manifest.to_json())
        self.commits.append(manifest)
        return manifest

    def loads(self, day: str, *, without: Iterable[str] = (), **changes: Any) -> None:
        """Load every entity of a day but some, one after another from 04:00."""
        at = moment(day, "04:00")
        for name, entity in ENTITIES.items():
            at += timedelta(seconds=20)
            if name not in without:
                self.load(entity, day, at=at, **changes)

    def build(self, day: str, *, at: datetime, run: str = "run", **changes: Any) -> Generation:
        """Finish the build of a day."""
        key = f"marts/dt={day}/{run}"
        commits = [each for each in self.commits if each.partition <= day]
        newest = {each.table: each.version for each in commits}
        inputs = Inputs(
            run=(RunInput(day=date.fromisoformat(day), run_id=run, build="b", previous=None),),
            sources=(), files=(), claims=(), absent=(), previous=(), days=(), days_left_out=(),
            commits=tuple(replace(figures_of(each), is_read=each.version == newest[each.table]) for each in commits),
        )  # fmt: skip
        self.store.put(f"{key}/{INPUTS}", encode(inputs))
        mart = PublishedMart(
            name="dim_games",
            key=f"{key}/dim_games.parquet",
            rows=5000,
            bytes=1,
            sha256="0" * 64,
            copy="marts/a.parquet",
        )
        fields: dict[str, Any] = {
            "generation": key,
            "previous": None,
            "day": date.fromisoformat(day),
            "run_id": run,
            "built_at": at,
            "sources": {},
            "marts": (mart,),
            "history": f"{key}/_history.json",
            "days_left_out": {},
        }
        made = Generation(**fields | changes)
        self.store.put(made.history, encode(_history(day)))
        self.results(day, at=at, run=run, tests={"pass": 40, "warn": 1})
        self.store.put(f"{key}/{RECORD}", encode(made))
        return made

    def results(self, day: str, *, at: datetime, run: str = "run", tests: dict[str, int]) -> None:
        """End dbt for the build of a day."""
        ended = BuildResults(at=at, models={"success": 30}, tests=tests)
        self.store.put(f"marts/dt={day}/{run}/{RESULTS}1.json", encode(ended))

    def check(self, *found: Finding, at: datetime) -> None:
        """Store a check of the data quality with these findings."""
        report = Report(
            number=1, checked_at=at, generation=None, day=None, findings=found, table="marts/quality/a.parquet"
        )
        self.store.put(findings.CURRENT, encode(report))

    def mart(self, day: str, name: str, query: str, *, run: str = "run", folder_of_copy: str = "") -> PublishedMart:
        """Write a mart of a build as DuckDB writes it: a real Parquet file."""
        import duckdb

        key = f"marts/dt={day}/{run}/{name}.parquet"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mart.parquet"
            duckdb.execute(f"copy ({query}) to '{path}' (format parquet, compression zstd)")
            data = path.read_bytes()
            (rows,) = duckdb.sql(f"select count(*) from '{path}'").fetchone() or (0,)
        self.store.put(key, data)
        digest = hashlib.sha256(data).hexdigest()
        return PublishedMart(
            name=name, key=key, rows=rows, bytes=len(data), sha256=digest, copy=f"marts/{folder_of_copy}{name}.parquet"
        )

    def publish(self, made: Generation, *, at: datetime, action: Action = Action.PUBLISH, **changes: Any) -> None:
        """Show a generation to readers."""
        self.publications += 1
        publication = Publication(
            action=action, generation=made.generation, day=made.day, by=made.run_id, number=self.publications, at=at,
            replaced=None, **changes,
        )  # fmt: skip
        self.store.put(publication_key(self.publications), encode(publication))
        self.store.put(POINTER, encode(made))

    def night(self, day: str, *, without: Iterable[str] = (), **changes: Any) -> Generation:
        """A whole night without a fault."""
        self.loads(day, without=without, **changes)
        made = self.build(day, at=moment(day, "04:16"))
        self.publish(made, at=moment(day, "04:17"))
        return made
