"""docs/reference/pipeline.md, as far as it does not follow from the DAGs of this repository."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, MultipleCronTriggerTimetable

from gamelake.codegen import pipeline

CLOCK = CronTriggerTimetable("*/30 * * * *", timezone="Asia/Seoul")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (None, "when triggered"),
        (CLOCK, "`*/30 * * * *`, Asia/Seoul"),
        (MultipleCronTriggerTimetable("0 6 * * *", "30 7 * * *", timezone="UTC"), "`0 6 * * *`, `30 7 * * *`, UTC"),
        ([Asset("marts")], "after `marts`"),
        (Asset("a") & (Asset("b") | Asset("c")), "after `a`, `b`, `c`"),
        (AssetOrTimeSchedule(timetable=CLOCK, assets=Asset("marts")), "after `marts` and `*/30 * * * *`, Asia/Seoul"),
    ],
)
def test_when_a_dag_starts(schedule: Any, words: str) -> None:
    assert pipeline.starts(DAG("some", schedule=schedule)) == words


def test_a_dag_that_does_not_tell_what_to_do_is_refused() -> None:
    dag = DAG("some", schedule=None, doc_md="# some\n\nDoes it.", default_args={"retry_delay": timedelta(minutes=1)})
    with pytest.raises(ValueError, match="some: its file has no paragraph that starts with 'If it fails: '"):
        pipeline.page([dag])
