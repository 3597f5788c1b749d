"""The audit of a whole lake on disk, where nothing else removes anything."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.cli.main import main
from gamelake.lake.factory import open_store, place_of
from gamelake.lake.inbox import Inbox
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.table import Table
from gamelake.maintenance.audit import audit
from gamelake.maintenance.foreign import FOLDERS, audit_foreign
from gamelake.marts import findings
from gamelake.marts.audit import KEEP_PUBLISHED
from gamelake.marts.documents import POINTER, RECORD, History, PublishedMart, encode
from gamelake.marts.findings import Observation, Severity
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.rollback import rollback, rollforward
from gamelake.paths import REPOSITORY
from gamelake.quality.record import record
from gamelake.registry import load_sources
from tests.support.generations import COPY, current_generation, document_of, entry, finished, published
from tests.support.tables import IGDB_GAMES, IGDB_GENRES

if TYPE_CHECKING:
    from collections.abc import Callable

GENRES = load_sources()["igdb"].entities["genres"]
HOURS_48 = timedelta(hours=48)
ORPHAN = "raw/igdb/genres/dt=2026-11-21/killed/part-00000.jsonl.gz"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    draft = Draft(
        run_id="r", partition="2026-11-21", mode=Mode.SNAPSHOT, cursor=None, source_count=0, row_count=0, files=()
    )
    Table(store, IGDB_GENRES).commit(lambda _: draft)
    return store


def age(store: Any, key: Any, **time: Any) -> None:
    moment = (datetime.now(UTC) - timedelta(**time)).timestamp()
    os.utime(store.url(key), (moment, moment))


def generation(store: Any, run_id: Any, *, days: Any = 0, published: Any = False) -> Any:
    key = open_generation(store, [GENRES], day=date(2026, 11, 21), run_id=run_id)
    store.put(f"{key}/genres.parquet", b"not read here")
    if published:
        file, copy = f"{key}/genres.parquet", "marts/genres.parquet"
        mart = PublishedMart(name="genres", key=file, rows=1, bytes=13, sha256="0" * 64, copy=copy)
        document = document_of(key, day="2026-11-21", marts=(mart,))
        store.put(document.history, encode(History(days=(), left_out=())))
        store.put(copy, b"not read here")
        for written in (f"{key}/{RECORD}", POINTER):
            store.put(written, encode(document))
    for info in list(store.list(key)):
        age(store, info.key, days=days)
    return key


def test_old_orphans_are_removed_and_young_ones_are_not(store: Any) -> None:
    for key, hours in ((ORPHAN, 49), (ORPHAN.replace("00000", "00001"), 47)):
        store.put(key, b"x", tags={"status": "temp"})
        age(store, key, hours=hours)
    listed = audit(store, [GENRES.table], older_than=HOURS_48, remove=False)
    assert (len(listed.orphans), listed.removed, listed.broken) == (2, set(), [])
    report = audit(store, [GENRES.table], older_than=HOURS_48, remove=True)
    assert [finding.key for finding in report.removed] == [ORPHAN]
    assert [info.key for info in store.list("raw/igdb/genres/dt=")] == [ORPHAN.replace("00000", "00001")]
    assert not Path(store.url(ORPHAN)).with_name(".part-00000.jsonl.gz.tags").exists()


def test_old_tables_of_the_data_quality_go_and_the_newest_stays(store: Any) -> None:
    """A report names its table, and only the newest report is read; reports and profiles are kept for 400 days."""
    late = Observation(
        check="freshness", severity=Severity.P1, subject="igdb.games", value=31, expected="a load", message="late"
    )
    reports = [record(store, seen, at=datetime.now(UTC), generation=None)[0] for seen in ([late], [], [late])]
    profile = "marts/quality/_profiles/dt=2025-01-01/run.json"
    store.put(profile, b"{}")
    assert audit(store, [GENRES.table], older_than=HOURS_48, remove=True).orphans == []

    for each in reports:
        age(store, each.table, days=9)
        age(store, findings.report_key(each.number), days=401)
    age(store, profile, days=401)
    age(store, reports[1].table, days=6)
    report = audit(store, [GENRES.table], older_than=HOURS_48, remove=True)
    assert {finding.key for finding in report.removed} == {
        reports[0].table, *(findings.report_key(each.number) for each in reports[:2]), profile,
    }  # fmt: skip
    again, is_new = record(store, [], at=datetime.now(UTC), generation=None)
    rows = duckdb.sql(f"select count(*), count(recovered_at) from '{store.url(again.table)}'").fetchone()
    assert (again.number, is_new, rows) == (4, True, (2, 2)), "the history is whole"


def test_while_no_report_can_be_read_nothing_of_the_data_quality_goes(store: Any) -> None:
    kept = f"{findings.TABLES}00000001-a.parquet"
    for key in (kept, findings.CURRENT, findings.report_key(1)):
        store.put(key, b'{"torn')
        age(store, key, days=500)
    assert audit(store, [GENRES.table], older_than=HOURS_48, remove=True).orphans == []


def test_what_killed_writers_left_on_a_disk_goes(store: Any) -> None:
    folder = Path(store.url(ORPHAN)).parent
    folder.mkdir(parents=True)
    old = datetime.now(UTC) - timedelta(hours=49)
    for name in (".0123.tmp", ".lost.tags"):
        (folder / name).write_text("{}")
        os.utime(folder / name, (old.timestamp(),) * 2)
    (folder / ".young.tmp").write_text("")
    store.put("raw/igdb/genres/dt=2026-11-21/kept", b"x", tags={"status": "final"})
    report = audit(store, [], older_than=HOURS_48, remove=True)
    assert sorted(Path(finding.key).name for finding in report.removed) == [".0123.tmp", ".lost.tags"]
    assert sorted(path.name for path in folder.iterdir()) == [".young.tmp"]
    assert store.tags("raw/igdb/genres/dt=2026-11-21/kept") == {"status": "final"}


def test_rejected_rows_are_kept_for_30_days(store: Any) -> None:
    old, young = (f"raw/igdb/genres/_rejected/dt=2026-11-21/{number}.jsonl" for number in (1, 2))
    for key, days in ((old, 31), (young, 29)):
        store.put(key, b"{}")
        age(store, key, days=days)
    report = audit(store, [GENRES.table], older_than=HOURS_48, remove=True)
    assert [(finding.key, finding.reason) for finding in report.removed] == [
        (old, "rejected rows are kept for 30 days")
    ]
    assert [info.key for info in store.list("raw/igdb/genres/_rejected/")] == [young]


def test_generations_without_readers_are_removed(store: Any) -> None:
    old, older, oldest = (generation(store, f"run-{days}", days=days) for days in (8, 9, 10))
    young = generation(store, "young", days=6)
    shown = generation(store, "shown", days=20, published=True)
    report = audit(store, [], older_than=HOURS_48, remove=True)
    assert {finding.key.rpartition("/")[0] for finding in report.removed} == {old, older, oldest}
    assert {info.key.rpartition("/")[0] for info in store.list("marts/dt=")} == {young, shown}


def test_the_last_published_generations_are_kept_at_any_age(store: Any) -> None:
    published = [
        generation(store, f"run-{days}", days=days, published=True) for days in range(30, 30 - KEEP_PUBLISHED - 2, -1)
    ]
    report = audit(store, [], older_than=HOURS_48, remove=True)
    assert {finding.key.rpartition("/")[0] for finding in report.removed} == set(published[:2])


def test_a_generation_that_a_rollback_shows_meanwhile_stays(store: Any) -> None:
    """An audit that reads all parts takes an hour, and removes orphans at its end."""
    oldest, *_ = published(store, *(f"2026-11-{day}" for day in range(10, 11 + KEEP_PUBLISHED)))
    for info in store.list("marts/dt="):
        age(store, info.key, days=9)
    slow: Any = Interrupted(store, findings.REPORTS, lambda: rollback(store, oldest, by="hana"))
    report = audit(slow, [GENRES.table], older_than=HOURS_48, remove=True)
    assert {each.key.rpartition("/")[0] for each in report.orphans} == {oldest}
    assert report.removed == set()
    assert current_generation(store).generation == oldest
    assert not audit(store, [GENRES.table], older_than=HOURS_48, remove=True).broken


@pytest.mark.parametrize("at", ["marts/dt=2026-11-20/run/dim_games.parquet", COPY])
def test_a_publication_while_the_audit_looks_is_no_fault(store: Any, at: str) -> None:
    published(store, "2026-11-19", "2026-11-20")
    newer = finished(store, "2026-11-21", run="longer-name")
    slow: Any = Interrupted(store, at, lambda: publish(store, newer, {}))
    later = datetime.now(UTC) + timedelta(hours=1)  # those of a new publication are not compared
    assert not audit(slow, [GENRES.table], older_than=HOURS_48, remove=True, now=later).broken
    assert current_generation(store).generation == newer


class Interrupted:
    """A store in which something else happens once, right before a list or a look at an object."""

    def __init__(self, store: Any, at: str, then: Callable[[], object]) -> None:
        self._store, self._at = store, at
        self._then: Callable[[], object] | None = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def list(self, prefix: str, **options: Any) -> Any:
        self._interrupt(prefix)
        return self._store.list(prefix, **options)

    def info(self, key: str) -> Any:
        self._interrupt(key)
        return self._store.info(key)

    def _interrupt(self, at: str) -> None:
        if at == self._at and self._then:
            then, self._then = self._then, None
            then()


def test_a_published_mart_that_is_missing_or_cut_is_found(store: Any) -> None:
    shown = generation(store, "shown", published=True)
    store.put(f"{shown}/genres.parquet", b"cut")
    (finding,) = audit(store, [], older_than=HOURS_48, remove=True).broken
    assert finding.reason == "marts/_current.json names it with 13 bytes, the store has 3"
    store.delete(f"{shown}/genres.parquet")
    (finding,) = audit(store, [], older_than=HOURS_48, remove=True).broken
    assert (finding.problem.value, finding.key) == ("missing", f"{shown}/genres.parquet")


def test_what_a_rollback_and_a_rollforward_would_show_is_kept(store: Any) -> None:
    old, new = (finished(store, f"2026-11-{day}") for day in (18, 19))
    for key in (old, new):
        publish(store, key, {})
    rollback(store, old, by="hana")
    for key in (old, new):
        for info in store.list(f"{key}/"):
            age(store, info.key, days=60)
    for number in range(KEEP_PUBLISHED + 1):
        generation(store, f"run-{number}", days=30, published=True)
    report = audit(store, [], older_than=HOURS_48, remove=True)
    assert not {finding.key.rpartition("/")[0] for finding in report.removed} & {old, new}
    assert rollforward(store, by="hana")[0].generation == new


def test_a_pointer_that_does_not_follow_the_newest_publication_is_found(store: Any) -> None:
    old, new = (finished(store, f"2026-11-{day}") for day in (20, 21))
    for key in (old, new):
        publish(store, key, {})
    store.put(POINTER, store.get(f"{old}/{RECORD}"))
    later = datetime.now(UTC) + timedelta(hours=1)
    (finding,) = audit(store, [], older_than=HOURS_48, remove=True, now=later).broken
    assert (finding.problem.value, finding.key) == ("damaged", POINTER)
    assert f"0002.json shows {new}, the pointer {old}: `make rollforward` repairs it" in finding.reason
    rollforward(store, by="hana")
    assert audit(store, [GENRES.table], older_than=HOURS_48, remove=True).findings == []


def test_what_publish_writes_is_sound(store: Any) -> None:
    key = open_generation(store, [GENRES], day=date(2026, 11, 21), run_id="run")
    duckdb.sql(f"copy (select 1 as id) to '{store.url(key)}/genres.parquet' (format parquet)")
    publish(store, key, {"genres": "marts/genres.parquet"})
    assert current_generation(store).generation == key
    assert audit(store, [GENRES.table], older_than=HOURS_48, remove=False, verify=True).findings == []


def test_events_stay_where_the_newest_commit_is_damaged(store: Any) -> None:
    inbox = Inbox(store, GENRES.table)
    store.put(GENRES.table.manifest_key(2), b"{}")
    for number in range(2):
        inbox.add(b'{"id":%d}\n' % number)
    report = audit(store, [GENRES.table], older_than=HOURS_48, remove=True, now=datetime.now(UTC) + timedelta(days=60))
    found = {finding.key: finding.problem.value for finding in report.findings}
    assert found == {GENRES.table.manifests_prefix: "damaged", inbox.key(1): "unread"}
    assert not report.removed


def test_what_is_not_the_lakes_is_named_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that the registry lacks, files that a person put there, and other programs' folders beside the lake's."""
    tables = [GENRES.table, IGDB_GAMES, TableName("rawg", "games")]
    many = [f"raw/igdb/retired/dt=2026-11-21/run/part-{number:05}.jsonl.gz" for number in range(4)]
    foreign = {
        "notes.txt": ["notes.txt"],
        "rawdata/": ["rawdata/a", "rawdata/b"],
        "raw/old/": ["raw/old/games/_manifest.json", "raw/old/games/x"],
        "raw/igdb/retired/": many,
        "raw/igdb/games.csv": ["raw/igdb/games.csv"],
        "raw/igdb/genres/copy/": ["raw/igdb/genres/copy/dt=1", "raw/igdb/genres/copy/dt=2"],
        "raw/igdb/genres/_manifests/42.json": ["raw/igdb/genres/_manifests/42.json"],
        "feeds/igdb/retired/": ["feeds/igdb/retired/a", "feeds/igdb/retired/b"],
    }
    own = [
        "raw/rawg/_quota/2026-11/00000000000000000042.json",
        *(f"raw/igdb/genres/{key}" for key in ("_manifest.json", "_rejected/dt=2026-11-21/1.jsonl")),
        *(f"{folder}own" for folder in FOLDERS if folder not in {"raw/", "feeds/"}),
    ]
    monkeypatch.setattr("gamelake.maintenance.foreign._MOST_OBJECTS", 3)
    monkeypatch.setattr("gamelake.maintenance.foreign._MOST_FOLDERS", 2)
    lake = open_store((tmp_path / "other").as_uri())
    for key in [*own, *chain.from_iterable(foreign.values())]:
        lake.put(key, b"12")
    found = {each.key: each for each in audit_foreign(lake, tables, whole=True)}
    assert found.keys() == foreign.keys()
    assert found["raw/igdb/retired/"].reason.startswith("3 or more objects, such as dt=2026-11-21/run/part-00000")
    assert found["rawdata/"].bytes == 4
    of_table = {each.key for each in audit_foreign(lake, [GENRES.table], whole=False)}
    assert of_table == {key for key in foreign if key.startswith("raw/igdb/genres/")}
    for number in range(3):
        lake.put(f"raw/z{number}/a", b"")
    assert [each.key for each in audit_foreign(lake, tables, whole=True) if each.key.startswith("raw/z")] == [
        "raw/z0/a", "raw/z1/",
    ]  # fmt: skip


def test_every_folder_of_a_lake_is_known() -> None:
    page = (REPOSITORY / "docs/reference/lake-format.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^    ([a-z]+/)", page, re.MULTILINE)) == set(FOLDERS)


def test_an_age_at_which_a_load_may_still_run_is_refused(store: Any) -> None:
    with pytest.raises(ValueError, match="older_than: found 23:00:00, expected 24 hours or more"):
        audit(store, [], older_than=timedelta(hours=23), remove=True)
    for hours in ("5", "99999999999999"):
        assert main(["lake", "audit", "--older-than-hours", hours]) == 2


def test_the_command_lists_removes_and_fails_where_something_is_missing(
    store: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lake", "audit"]) == 0
    assert capsys.readouterr().out == f"{place_of(store)}: every object is as it should be\n"
    store.put(ORPHAN, b"x")
    age(store, ORPHAN, hours=30)
    assert main(["lake", "audit", "igdb.genres"]) == 0
    assert "0 orphans removed, 1 left; 0 objects missing, damaged or unread" in capsys.readouterr().out
    assert main(["lake", "audit", "igdb.genres", "--remove", "--older-than-hours", "29"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[2].split()[0] == "removed"
    assert printed[2].endswith(f"{ORPHAN}  no commit of the last 7 days names it")
    generation(store, "shown", published=True)
    for info in list(store.list("marts/dt=")):
        store.delete(info.key)
    assert main(["lake", "audit"]) == 1
    assert "4 objects missing, damaged or unread" in capsys.readouterr().out
    store.put("raw/igdb/retired/dt=2026-11-21/a", b"x")
    main(["lake", "audit"])
    assert "raw/igdb/retired/dt=2026-11-21/a" in capsys.readouterr().out


def test_a_day_of_history_goes_when_no_generation_lists_it(store: Any) -> None:
    listed, unlisted = (f"marts/history/popularity/day=2026-11-{day}/abc" for day in (20, 21))
    for key in (f"{day}.{ending}" for day in (listed, unlisted) for ending in ("parquet", "json")):
        store.put(key, b"day")
        age(store, key, hours=49)
    key = generation(store, "shown", published=True)
    days = [entry(f"{listed}.parquet"), entry("marts/history/popularity/lost.parquet")]
    store.put(f"{key}/_history.json", encode(History(days=tuple(days), left_out=())))
    report = audit(store, [GENRES.table], older_than=HOURS_48, remove=True)
    assert {finding.key for finding in report.removed} == {f"{unlisted}.json", f"{unlisted}.parquet"}
    assert [finding.key for finding in report.broken] == ["marts/history/popularity/lost.parquet"]
    assert len(list(store.list("marts/history/"))) == 2
