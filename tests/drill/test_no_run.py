"""No run at all: the scheduler is dead for a night, and so is all that sends messages. Prometheus tells a person."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from gamelake.lake.factory import open_store
from gamelake.lake.manifest import Manifest
from gamelake.registry import load_sources
from tests.drill.stack import stack_of_its_own
from tests.support.alerting import MISSING, QUIET_SECONDS, alerting, until

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

pytestmark = [
    pytest.mark.drill,
    pytest.mark.skipif(MISSING, reason="Debian's prometheus and prometheus-alertmanager are missing"),
]
log = logging.getLogger(__name__)

LOADED = ("genres", "themes")


def date_back(s3: S3Client, bucket: str) -> None:
    """Let the commits be those of the night before: a drill cannot wait for a night."""
    store = open_store(f"s3://{bucket}/lake", s3=s3)
    for name in LOADED:
        key = load_sources()["igdb"].entities[name].table.manifest_key(1)
        manifest = Manifest.from_json(store.get(key))
        store.put(key, replace(manifest, committed_at=manifest.committed_at - timedelta(days=1)).to_json())


def test_a_dead_scheduler_is_told_once_and_so_is_its_end(s3: S3Client, moto_endpoint: str, tmp_path: Path) -> None:
    s3.create_bucket(Bucket="no-run")
    with stack_of_its_own(tmp_path, upstream=moto_endpoint, bucket="no-run") as stack:
        stack.up(AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE="False")
        loads = [f"igdb_{name}" for name in LOADED]
        for dag_id in loads:
            stack.run(dag_id)
        for dag_id in loads:
            stack.wait_for(dag_id, "success")
        stack.kill("scheduler")
        date_back(s3, "no-run")
        page = f"{stack.airflow.address.removeprefix('http://')}/gamelake/metrics"
        folder = tmp_path / "watch"
        folder.mkdir()
        with alerting(folder, scraped=page, alert="NoLoadAtAll") as receiver:
            planted = time.monotonic()
            until(lambda: bool(receiver.messages), "the message arrives", 300)
            told = time.monotonic() - planted
            stack.wait(lambda: stack.airflow.health("scheduler") == "unhealthy", "Airflow finds its scheduler dead")
            smoke = stack.smoke()
            time.sleep(QUIET_SECONDS)
            assert len(receiver.texts()) == 1
            assert stack.told == [], "Airflow itself tells nothing"
            healed = time.monotonic()
            with stack.scheduler():
                until(lambda: len(receiver.messages) > 1, "the second message arrives", 600)
                over = time.monotonic() - healed
                time.sleep(QUIET_SECONDS)
        log.info("no run at all: told after %.0f s, over %.0f s after it was removed", told, over)
        log.info("%s\n", smoke)
        for title, text in receiver.texts():
            log.info("%s\n%s\n", title, text)
        titles = ["P0 night: No table that the marts need was loaded tonight", "Over: P0 night"]
        assert [title for title, _ in receiver.texts()] == titles
        assert "scheduler is unhealthy" in smoke
