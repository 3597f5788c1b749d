from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from gamelake.cli.main import main
from gamelake.lake.factory import open_store, place_of
from gamelake.lake.keys import LoadRun, TableName
from gamelake.lake.lifecycle import differences
from gamelake.lake.manifest import Draft, Mode, Part
from gamelake.lake.rejected import keep_rejected
from gamelake.lake.s3 import S3Store
from gamelake.lake.table import Table
from tests.support.aws import settings_without_this_machine
from tests.support.command import environment_without
from tests.support.series_lake import load_days
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from gamelake.lake.store import Store


@pytest.fixture
def on_disk(disk: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("GAMELAKE_URI", disk.uri)
    return disk


def commit(store: Store, entity: str, day: str, *files: Part) -> None:
    rows = sum(file.rows for file in files)
    Table(store, TableName("igdb", entity)).commit(
        lambda _: Draft(
            run_id=f"run of {day}",
            partition=day,
            mode=Mode.SNAPSHOT,
            cursor=None,
            source_count=rows,
            row_count=rows,
            files=files,
        )
    )


def test_show_an_empty_lake(on_disk: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lake", "show"]) == 0
    assert capsys.readouterr().out == f"{place_of(on_disk)}: nothing is committed yet\n"


def test_show_the_newest_commit_of_every_table(
    on_disk: Store, make_part: Callable[..., Part], capsys: pytest.CaptureFixture[str]
) -> None:
    commit(on_disk, "games", "2026-11-20")
    commit(on_disk, "games", "2026-11-21", make_part(rows=8, bytes=123_456))
    commit(on_disk, "genres", "2026-11-21")
    assert main(["lake", "show"]) == 0
    uri, header, games, genres = capsys.readouterr().out.splitlines()
    assert uri == place_of(on_disk)
    assert header.split()[:4] == ["table", "version", "partition", "mode"]
    assert games.split()[:9] == ["igdb.games", "2", "2026-11-21", "snapshot", "8", "8", "0", "1", "123,456"]
    assert games.endswith("run of 2026-11-21")
    assert genres.split()[:2] == ["igdb.genres", "1"]


def test_show_the_commits_of_a_table(on_disk: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(12):
        commit(on_disk, "games", "2026-11-21")
    assert main(["lake", "show", "igdb.games"]) == 0
    versions = [line.split()[1] for line in capsys.readouterr().out.splitlines()[2:]]
    assert versions == [str(version) for version in range(12, 2, -1)]


def test_a_table_without_commits_is_named(on_disk: Store, capsys: pytest.CaptureFixture[str]) -> None:
    commit(on_disk, "games", "2026-11-21")
    assert main(["lake", "show", "igdb.genres"]) == 0
    assert capsys.readouterr().out == f"{place_of(on_disk)}: nothing is committed of igdb.genres yet\n"


def damage(store: Store, entity: str, version: int) -> str:
    """Damage a commit of a table. Returns: its key."""
    key = TableName("igdb", entity).manifest_key(version)
    store.put(key, b"{")
    return key


def test_a_damaged_table_is_left_out_of_the_commits(on_disk: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for entity in ("games", "platforms", "genres"):
        commit(on_disk, entity, "2026-11-21")
    commit(on_disk, "platforms", "2026-11-22")
    on_disk.delete(TableName("igdb", "platforms").pointer_key)
    key = damage(on_disk, "platforms", 2)
    assert main(["lake", "show"]) == 1
    printed = capsys.readouterr()
    assert [line.split()[0] for line in printed.out.splitlines()[2:]] == ["igdb.games", "igdb.genres"]
    assert printed.err.startswith(f"igdb.platforms is damaged: {key}: ")
    assert "restore the object from a backup" in printed.err


def test_the_commits_after_a_damaged_one_are_shown(on_disk: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(4):
        commit(on_disk, "games", "2026-11-21")
    key = damage(on_disk, "games", 2)
    assert main(["lake", "show", "igdb.games"]) == 1
    printed = capsys.readouterr()
    assert [line.split()[1] for line in printed.out.splitlines()[2:]] == ["4", "3"]
    assert key in printed.err


def test_a_damaged_table_is_left_out_of_the_rejected_rows(on_disk: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for entity in ("games", "genres"):
        commit(on_disk, entity, "2026-11-21")
        run = LoadRun(TableName("igdb", entity), "2026-11-21", "a run")
        keep_rejected(on_disk, run, time_ns=10**18, rows=[{"reason": "no id", "row": {}}])
    on_disk.delete(TableName("igdb", "games").pointer_key)
    key = damage(on_disk, "games", 1)
    assert main(["lake", "rejected"]) == 1
    printed = capsys.readouterr()
    assert [line.split()[0] for line in printed.out.splitlines()[2:]] == ["igdb.genres"]
    assert printed.err.startswith(f"igdb.games is damaged: {key}: ")


def test_restore_a_lake_from_its_copy(on_disk: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = open_store((tmp_path / "copy").as_uri())
    commit(copy, "games", "2026-11-21")
    assert main(["lake", "restore", copy.uri]) == 0
    assert main(["lake", "restore", copy.uri]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{place_of(on_disk)}: 2 of 2 objects, 2 of them written")
    assert second.startswith(f"{place_of(on_disk)}: 2 of 2 objects, 0 of them written")

    commit(on_disk, "games", "2026-11-22")
    commit(copy, "games", "2026-11-21")
    assert main(["lake", "restore", copy.uri]) == 1
    assert "00000000000000000002.json" in capsys.readouterr().err


@pytest.mark.parametrize("uri", ["/a/folder", "gs://bucket/lake", "", "file:///dev/null"])
def test_a_copy_that_no_store_has_is_refused(on_disk: Store, uri: str) -> None:
    assert main(["lake", "restore", uri]) == 2


def test_show_of_no_entity_is_refused(on_disk: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lake", "show", "nothing"]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert "found 'nothing', expected one of igdb.games, " in printed.err


def test_a_disk_has_no_rules(on_disk: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lake", "lifecycle", "--apply"]) == 0
    assert "lifecycle rules are S3's" in capsys.readouterr().out


def test_rules_are_applied_and_read_back(
    s3: S3Client, bucket: str, moto_endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (
        ("AWS_ENDPOINT_URL", moto_endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("GAMELAKE_URI", f"s3://{bucket}/lake"),
    ):
        monkeypatch.setenv(name, value)
    assert main(["lake", "lifecycle"]) == 1
    assert "gamelake-temp-lake/raw: missing" in capsys.readouterr().err
    assert main(["lake", "lifecycle", "--apply"]) == 0
    printed = capsys.readouterr().out
    assert f"s3://{bucket}/lake: the rules are in place" in printed
    assert ["gamelake-outdated-lake/raw", "lake/raw/", "status=outdated", "7"] in [
        line.split() for line in printed.splitlines()
    ]
    lake = open_store(f"s3://{bucket}/lake", s3=s3)
    assert isinstance(lake, S3Store)
    assert differences(lake) == []
    assert main(["lake", "lifecycle"]) == 0


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        (("lake", "show"), "nothing is committed yet"),
        (("lake", "audit"), "nothing is committed yet, so nothing was checked"),
        (("lake", "rejected"), "no rejected rows are kept"),
        (("lake", "replay", "igdb.genres"), "nothing is committed yet"),
        (("marts", "list"), "no generation is finished yet"),
        (("marts", "rollback"), "nothing is published yet"),
        (("marts", "freshness"), "nothing is published yet"),
    ],
)
def test_each_command_takes_its_lake_from_one_place(
    disk: Store,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    printed: str,
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", "s3://not-asked/lake")
    monkeypatch.setattr("gamelake.cli.store.command_store", lambda: disk)
    main(list(command))
    assert printed in "".join(capsys.readouterr())


@pytest.mark.slow
def test_a_command_reaches_the_bucket_by_the_stored_connection(bucket: str, moto_endpoint: str, tmp_path: Path) -> None:
    """Outside of a task Airflow's hooks look for connections in the environment only."""
    extra = {"endpoint_url": moto_endpoint, "region_name": "us-east-1"}
    stored = {"aws_default": {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}}
    (tmp_path / "connections.json").write_text(json.dumps(stored), encoding="utf-8")
    ours = ("AIRFLOW", "AWS_", "GAMELAKE")
    environment = environment_without(*ours)
    environment |= settings_without_this_machine(
        tmp_path,
        GAMELAKE_URI=f"s3://{bucket}/lake",
        GAMELAKE_LOCAL=str(tmp_path / "local"),
        AIRFLOW__SECRETS__BACKEND="airflow.secrets.local_filesystem.LocalFilesystemBackend",
        AIRFLOW__SECRETS__BACKEND_KWARGS=json.dumps({"connections_file_path": str(tmp_path / "connections.json")}),
    )
    ran = subprocess.run(
        [sys.executable, "-m", "gamelake.cli", "lake", "show"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "nothing is committed yet" in ran.stdout + ran.stderr
    assert "redentials" not in ran.stdout + ran.stderr


def test_a_wrong_uri_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", "gs://bucket")
    assert main(["lake", "show"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "GAMELAKE_URI" in printed.err


COMMANDS = [
    ("lake", "show"),
    ("lake", "audit"),
    ("lake", "rejected"),
    ("lake", "compact"),
    ("lake", "lifecycle"),
    ("feed", "list"),
    ("feed", "make"),
    ("events", "list"),
    ("events", "apply"),
    ("marts", "list"),
    ("marts", "freshness"),
    ("marts", "rollback"),
    ("quality",),
    ("slo",),
    ("explain", "dim_games"),
]


@pytest.mark.parametrize(
    "command", [*COMMANDS, ("quality", "--check"), ("lake", "audit", "--remove"), ("marts", "rollforward")]
)
def test_no_command_begins_a_lake(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As with a mistyped GAMELAKE_URI."""
    monkeypatch.setenv("GAMELAKE_URI", (tmp_path / "lake").as_uri())
    main(list(command))
    assert list(tmp_path.rglob("*")) == []
    printed = capsys.readouterr()
    assert str(tmp_path / "lake") in printed.out + printed.err


@pytest.mark.parametrize("below", ["", "/lake"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_lake_that_is_a_file_is_one_line_on_stderr(
    command: tuple[str, ...],
    below: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GAMELAKE_URI", (tmp_path / "file").as_uri() + below)
    assert main(list(command)) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert f"found a file at {tmp_path / 'file'}, expected a folder" in printed.err
    assert "GAMELAKE_URI" in printed.err


def test_compact_months_and_skip_them_the_next_time(
    on_disk: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lake", "compact"]) == 0
    assert "no month ended 35 days ago or earlier" in capsys.readouterr().out
    days = [date(2025, 5, 30) + timedelta(days=each) for each in range(4)]
    load_days(on_disk, tmp_path / "scratch", days)
    assert main(["lake", "compact", "igdb.popscore"]) == 0
    printed = capsys.readouterr()
    assert [line.split()[:5] for line in printed.out.splitlines()[2:]] == [
        ["igdb.popscore", "2025-05", "compacted", "4", "14"],
        ["igdb.popscore", "2025-06", "compacted", "4", "14"],
    ]
    assert "igdb.popscore 2025-05: compacted: 4 parts, 14 rows, 6 of them as text, 0.00 MB to" in printed.err
    assert main(["lake", "compact"]) == 0
    assert capsys.readouterr().out.count("done before") == 2
    assert main(["lake", "compact", "--again"]) == 0
    assert capsys.readouterr().out.count("compacted") == 2


def test_a_month_that_cannot_be_compacted_is_named(
    on_disk: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_days(on_disk, tmp_path / "scratch", [date(2025, 5, 30)])
    (part, _) = newest_commit(on_disk, "popscore").files
    on_disk.delete(part.key)
    assert main(["lake", "compact"]) == 1
    printed = capsys.readouterr()
    assert "2025-05: failed: " in printed.err
    assert part.key in printed.err


def test_a_table_that_is_no_time_series_has_no_months(on_disk: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lake", "compact", "igdb.games"]) == 0
    assert "igdb.games: no time series: its loads replace its old parts" in capsys.readouterr().out
