from __future__ import annotations

import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from gamelake.lake.disk import DiskStore
from gamelake.local.report import _query, counted, load_line, published_line

if TYPE_CHECKING:
    from pathlib import Path

LOAD = {"entity": "games", "mode": "full", "rows": 5000, "row_count": 5000, "requests": 1, "seconds": 1.25,
        "repaired_ranges": 0, "rejected": 0, "unproven": []}  # fmt: skip


def test_a_load_is_one_line() -> None:
    assert load_line(LOAD).split(", ") == [
        "games                full             5,000 rows read",
        "    5,000 in the table",
        "   1 request",
        "   1.2 s",
    ]
    odd = LOAD | {"requests": 2, "repaired_ranges": 1, "rejected": 1200, "unproven": [{}, {}]}
    assert load_line(odd).endswith("1.2 s, 1 id range read again, 1,200 rejected, 2 id ranges unproven")


@pytest.mark.parametrize(("number", "text"), [(0, "0 requests"), (1, "1 request"), (1200, "1,200 requests")])
def test_things_are_counted(number: int, text: str) -> None:
    assert counted(number, "request") == text


def test_a_publication_says_its_korean_time_or_why_there_is_none() -> None:
    document = {"published": True, "day": "2026-11-29", "built_at": "2026-11-28T19:05:00+00:00", "publication": 3}
    assert published_line(document) == "Published 2026-11-29 at 04:05 Korean time (publication 3)."
    assert published_line({"published": False, "reason": "not published: readers already have 2026-11-30"}) == (
        "not published: readers already have 2026-11-30"
    )


@pytest.mark.parametrize("folder", ["lake", "my lake 한글", "it's", 'a "quoted" $HOME'])
def test_the_query_can_be_pasted(tmp_path: Path, folder: str) -> None:
    marts = tmp_path / folder / "marts" / "marketing"
    marts.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.sql("select 'Seen' as game").write_parquet(str(marts / "mart_top_rated.parquet"))
    command = _query(DiskStore(tmp_path / folder)).replace(".venv/bin/python", shlex.quote(sys.executable))
    ran = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - as a person
    assert "Seen" in ran.stdout, ran.stderr
