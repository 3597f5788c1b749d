"""A store that goes down while the marts are built, or is down before: `transform` ends soon, with the cause first."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING

import pytest

from gamelake.lake.factory import open_store
from gamelake.marts.dbt_project import published_models
from gamelake.paths import REPOSITORY
from tests.support.airflow import airflow_environment
from tests.support.aws import settings_without_this_machine
from tests.support.command import GAMELAKE
from tests.support.seaweed import KEY, SECRET, running_seaweed
from tests.support.source import Source

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

DAY = date(2026, 11, 20)
NO_SOURCE = {"AIRFLOW_CONN_IGDB_DEFAULT": '{"conn_type": "igdb", "host": "unused"}'}
FEW = 20
"""Models and tests that may fail before dbt is ended; hundreds would follow."""


def test_a_store_that_goes_down_in_a_build_ends_it_soon(tmp_path: Path) -> None:
    source = Source(tmp_path / "loaded", DAY)
    source.load(DAY)
    with ExitStack() as server:
        (tmp_path / "seaweed").mkdir()
        seaweed = server.enter_context(running_seaweed(tmp_path / "seaweed"))
        seaweed.client().create_bucket(Bucket="lake")
        lake = open_store("s3://lake/a", s3=seaweed.client())
        for info in source.store.list(""):
            lake.put(info.key, source.store.get(info.key))
        environment = airflow_environment(tmp_path, lake="s3://lake/a", igdb=NO_SOURCE) | settings_without_this_machine(
            tmp_path, AWS_ENDPOINT_URL=seaweed.endpoint, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET
        )
        subprocess.run([GAMELAKE, "laptop", "prepare"], env=environment, check=True, capture_output=True)
        command = [GAMELAKE, "laptop", "airflow", "dags", "test", "transform", "-c", json.dumps({"date": str(DAY)})]
        with subprocess.Popen(
            command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as run:
            lines = []
            for line in run.stdout or ():
                lines.append(line.rstrip())
                if re.search(r"\b20 of \d+ OK\b", line):
                    server.close()
    told = "\n".join(lines)
    assert run.returncode == 1
    assert 0 < len(re.findall(r"\b\d+ of \d+ ERROR\b", told)) < FEW
    [cause] = re.findall(r"(?m)^transform failed in dbt\.build: (.*)$", told)
    assert re.search(r"Could not connect .*; is the server up, and AWS_ENDPOINT_URL right\?", cause)
    assert not any(f"dbt.marts.{name}" in told for name in published_models()), "no task shows what was not built"
