"""The statements of the docs that read the files of a lake with DuckDB."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

CHANGE = {"op": "u", "id": 7, "changed": ["hypes"], "before": {"hypes": 1}, "after": {"hypes": 2}}
EVENT = {"id": 7, "op": "update", "received_at": "2026-11-21T04:17:02Z", "body": {"name": "Hades"}}
LINEAGE = {"inputs": [{"name": "raw"}], "outputs": [{"name": "mart"}]}


@pytest.mark.parametrize(
    ("page", "line", "row"),
    [
        ("guides/change-feed.md", CHANGE, ("u", 7, ["hypes"], "1", "2")),
        ("guides/events.md", EVENT, (7, "update", "Hades")),
        ("guides/lineage.md", LINEAGE, ("mart", "raw")),
    ],
)
def test_folders_of_a_path_become_no_columns(
    page: str, line: dict[str, Any], row: tuple[Any, ...], tmp_path: Path
) -> None:
    """Such as `dt=` of the files, and `op=` above the lake, which would replace a column of the lines."""
    text = (REPOSITORY / "docs" / page).read_text("utf-8")
    (statement,) = re.findall(r"(?:^|\n)( *select [^`]*?from read_json\([^`]*?)(?:\n\s*\n|\n```|;)", text)
    (path,) = re.findall(r"read_json\('(.*?)'", statement)
    file = tmp_path / "op=folder" / "id=8" / path.split("lake/", 1)[1].replace("*", "part")
    file.parent.mkdir(parents=True)
    file.write_bytes(gzip.compress(json.dumps(line).encode()))
    here = statement.replace(path, str(file))
    found = duckdb.sql(here).fetchall()
    assert [tuple(value for value in each if not hasattr(value, "year")) for each in found] == [row]
    columns = duckdb.sql("describe " + re.sub(r"select .*?\bfrom\b", "from", here, count=1, flags=re.DOTALL))
    assert [name for name, *_ in columns.fetchall()] == list(line)
