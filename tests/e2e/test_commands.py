"""Every command of README and docs that can run here, typed literally, in a copy of the repository."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from gamelake.days import day_of, format_day
from sandbox.igdb import World
from tests.docs.commands import RUN
from tests.support.command import environment_without
from tests.support.copies import copy_of_the_repository

pytestmark = [pytest.mark.e2e, pytest.mark.long]

SECONDS = 600
GAMES = "400"
TODAY = day_of(datetime.now(UTC))


def test_each_command_does_what_its_help_states(tmp_path: Path) -> None:
    copy = copy_of_the_repository(tmp_path / "gamelake")
    given = {"DAY": format_day(TODAY), "FOLDER": str(saved_responses(tmp_path / "saved")),
             "/another/folder": str(tmp_path / "another")}  # fmt: skip
    failed = {}
    try:
        for command in RUN:
            line = command
            for word, value in given.items():
                line = line.replace(word, value)
            ran = subprocess.run(
                ["bash", "-ec", line], cwd=copy, env=environment(), capture_output=True, text=True,
                stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
            )  # fmt: skip
            printed = ran.stdout + ran.stderr
            if ran.returncode != 0 or "Traceback" in printed:
                failed[command] = f"exit status {ran.returncode}: {printed[-3000:]}"
    finally:
        subprocess.run(["make", "down"], cwd=copy, env=environment(), capture_output=True, check=False)
    assert failed == {}, failed


def environment() -> dict[str, str]:
    """A user's, without what this test run was given."""
    return environment_without("AIRFLOW", "GAMELAKE", "IGDB", "AWS", "DBT", "PYTEST") | {
        "GAMELAKE_SANDBOX_GAMES": GAMES
    }


def saved_responses(folder: Path) -> Path:
    """A small IGDB as a folder of JSONL files, one for each endpoint."""
    folder.mkdir()
    world = World.generate(seed=3, games=int(GAMES), first_day=TODAY, today=TODAY)
    for endpoint in world.tables:
        rows = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in world.rows(endpoint))
        (folder / f"{endpoint}.jsonl").write_bytes(rows)
    # An endpoint that is no entity yet.
    (folder / "multiplayer_modes.jsonl").write_bytes(b'{"id": 1, "game": 5, "dropin": true}\n')
    return folder
