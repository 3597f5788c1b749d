"""Tell people each morning what changed: in the world of games, and in the platform.

At 09:00 Korean time, when the marts of the day are published. The brief is made once, from the marts that readers have
then, and kept as `reports/<day>.json` in the lake. Its pages are in Airflow's web UI and beside it in the lake; each
channel of `GAMELAKE_NOTIFY` gets it as a message. If the marts of the day are published later, `data_quality_of_marts`
makes the newest brief and its pages again, and sends no second message.

If it fails: the brief is made at most once, so clear the failed task. A channel that fails holds back no other one;
docs/guides/notifications.md tells how to try it.

- **date**: a Korean day, `YYYY-MM-DD`: sends the brief of that day again, as it was. A day that has none gets one, and
  one without the lists of its day is made again if they are published.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context, CronPartitionTimetable, Param, task
from airflow.sdk.exceptions import AirflowSkipException

from gamelake.airflow.dag import LakeDAG
from gamelake.airflow.failures import run_callbacks, task_callbacks
from gamelake.airflow.lasting_errors import lasting_errors
from gamelake.airflow.pods import executor_config
from gamelake.airflow.repaired import SENT
from gamelake.airflow.run_partition import run_partition
from gamelake.days import KEY_FORMAT, KST, TIMEZONE, parse_day
from gamelake.incidents.documents import Severity


def part_of(context: Context) -> str:
    """Return which part of the brief a task is: each channel is one, so that a sound one does not hide another."""
    channel = getattr(context["task"], "op_kwargs", {}).get("channel")
    return f"{SENT}{channel}" if channel else str(context["ti"].task_id)


CALLBACKS = task_callbacks("daily_brief", part=part_of, severity=Severity.P1)


@task(executor_config=executor_config("transform"), **CALLBACKS)
def make(**context: Any) -> str:
    """Make the brief of the run's day, unless there is one with the lists of that day. Returns: the day.

    Skipped before the first night of a new lake, unless a person asks for it.
    """
    from gamelake.airflow.language_model import chosen_writer
    from gamelake.airflow.stores import connected_store
    from gamelake.brief import brief
    from gamelake.nights.late_publication import has_deadline
    from gamelake.nights.report import NightReports
    from gamelake.registry import switched_on

    with lasting_errors():
        day, store, sources = parse_day(run_partition(context)), connected_store(), switched_on()
        if context["dag_run"].run_type == "scheduled" and not has_deadline(store, sources, day):
            raise AirflowSkipException(f"no brief of {day}: the lake had no night yet")
        reports = NightReports(store, sources)
        brief.make(store, reports, day, now=datetime.now(UTC), writer=chosen_writer())
    return day.isoformat()


@task(executor_config=executor_config("transform"), **CALLBACKS)
def publish_pages(day: str) -> list[str]:
    """Write the pages of the brief into the lake. Returns: their keys."""
    from gamelake.airflow.stores import connected_store
    from gamelake.brief import brief

    store = connected_store()
    return brief.publish_pages(store, brief.read(store, parse_day(day)))


@task(executor_config=executor_config("transform"))
def channels() -> list[str]:
    """Return the connections that get the brief."""
    from gamelake.airflow.notifications import channels as chosen

    return list(chosen())


@task(executor_config=executor_config("transform"), map_index_template="{{ task.op_kwargs['channel'] }}", **CALLBACKS)
def send(day: str, channel: str) -> None:
    """Send the brief to one channel."""
    from gamelake.airflow.channels import send as send_text
    from gamelake.airflow.stores import connected_store
    from gamelake.brief import brief
    from gamelake.brief.wording import worded
    from gamelake.incidents.wording import Text
    from gamelake.settings import read_settings

    text = worded(brief.read(connected_store(), parse_day(day)), read_settings().gamelake_notify_language)
    send_text(channel, Text(text.title, text.lines), {"id": f"brief-{day}", "event": "brief"})


with LakeDAG(
    dag_id="daily_brief",
    description="What changed since yesterday, for people: a page and a message.",
    doc_md=f"# daily_brief\n\n{__doc__}",
    schedule=CronPartitionTimetable("0 9 * * *", timezone=TIMEZONE, key_format=KEY_FORMAT),
    start_date=datetime(2026, 1, 1, tzinfo=KST),
    catchup=False,
    max_active_runs=1,
    **run_callbacks("daily_brief", ends=True, severity=Severity.P1),
    tags=["lake", "notifications"],
    params={
        "date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Korean day",
            description="The day whose brief is sent again. Empty: the run's own day.",
        ),
    },
    default_args={
        "owner": "gamelake",
        "retries": 3,
        "retry_delay": timedelta(minutes=2),
        "execution_timeout": timedelta(minutes=15),
    },
) as dag:
    made = make()
    publish_pages(made)  # type: ignore[arg-type]  # an XComArg becomes its value at run time
    send.partial(day=made).expand(channel=channels())
