"""A test of dbt that fails leaves the published marts as they are, and the run red; in one process, like `make run`."""

from __future__ import annotations

import gzip
import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING

import pytest

from include.lake.manifest import Table
from include.transform.generation import POINTER, current
from tests.e2e.running import REPOSITORY, airflow_environment
from tests.loading import Source

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

DAYS = (date(2026, 11, 20), date(2026, 11, 21))


def test_what_fails_its_tests_is_not_published(tmp_path: Path) -> None:
    source = Source(tmp_path / "lake", DAYS[0])
    environment = airflow_environment(tmp_path, lake=source.store.uri, igdb={"conn_type": "igdb", "host": "unused"})

    def airflow(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "include.local", *arguments]
        return subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    def transform(day: date) -> subprocess.CompletedProcess[str]:
        return airflow("airflow", "dags", "test", "transform", "-c", f'{{"date": "{day}"}}')

    assert airflow("prepare").returncode == 0
    source.load(DAYS[0])
    done = transform(DAYS[0])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    before = source.store.get(POINTER)

    source.load(DAYS[1])
    latest = Table(source.store, "genres").latest()
    assert latest is not None
    (part,) = latest.files
    whole = source.store.get(part.key)
    source.store.put(part.key, gzip.compress(b"".join(gzip.decompress(whole).splitlines(keepends=True)[:-1])))
    done = transform(DAYS[1])
    assert done.returncode != 0
    assert "FAIL 1 whole_files" in done.stdout + done.stderr
    assert source.store.get(POINTER) == before
    for mart in (current(source.store) or {})["marts"]:
        assert source.store.get(mart["copy"]) == source.store.get(mart["key"])

    source.store.put(part.key, whole)
    assert transform(DAYS[1]).returncode == 0
    assert (current(source.store) or {})["day"] == str(DAYS[1])
