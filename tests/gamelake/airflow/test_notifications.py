"""Messages by connections, to receivers that refuse, time out and recover; and the callbacks that cause them."""

from __future__ import annotations

import importlib
import json
import time
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import TimeoutPosix
from airflow.utils.types import DagRunType

from apiclient.errors import ServerError
from gamelake.airflow import failures, notifications
from gamelake.airflow.data_quality import check_data
from gamelake.airflow.dbt_build import FailedTestsError, FullDiskError, NoMemoryError, UnreachableLakeError
from gamelake.airflow.failures import (
    load_callbacks,
    load_run_callbacks,
    publication_skipped,
    run_callbacks,
    task_callbacks,
)
from gamelake.airflow.notifications import record, record_failure, record_success, store_of_this_machine
from gamelake.airflow.run_partition import ParamError
from gamelake.cli.main import main
from gamelake.days import PartitionError, day_of, format_day
from gamelake.incidents.documents import Fault
from gamelake.incidents.incidents import Incidents
from gamelake.lake.cloudfront import PendingInvalidationError
from gamelake.lake.factory import open_store
from gamelake.lake.manifest import Unproven
from gamelake.lake.store import StoreError
from gamelake.load.errors import ContractError, HeldError, UnprovenError, UnreadablePartitionError
from gamelake.load.guard import Loss
from gamelake.marts.errors import UnbuildableDayError
from gamelake.registry import load_sources, loaded_entities
from igdb.errors import AuthError
from tests.support.night_lake import RUN, NightLake, moment
from tests.support.receiver import MOST_UNREAD, running_mailbox, running_webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store
    from tests.support.receiver import Webhook

IGDB = load_sources()["igdb"]
COVERS = IGDB.entities["covers"]
NIGHT = "2026-11-30"
FAULT = Fault(scope="load.igdb", kind="source", part="games", night=NIGHT, cause="503")
SECRET = "a-secret-path"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as webhook:
        yield webhook


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, webhook: Webhook) -> Store:
    """A lake whose failures go to the webhook."""
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    monkeypatch.setenv("GAMELAKE_NOTIFY", "hook")
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", webhook.connection())
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return store


def context(error: BaseException | None = None, *, task: str = "extract_load", **more: Any) -> Any:
    run = SimpleNamespace(partition_key=NIGHT, run_id="a run", conf=None, run_type="scheduled")
    ti = SimpleNamespace(task_id=task, log_url="http://localhost:8080/dags/d/runs/r/tasks/t?try_number=1")
    return {"dag_run": run, "run_id": "a run", "params": {"date": None}, "ti": ti, "exception": error, **more}


def test_every_kind_of_channel_gets_the_message(lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_mailbox() as mailbox:
        monkeypatch.setenv("GAMELAKE_NOTIFY", "hook, slack ,mail")
        monkeypatch.setenv("AIRFLOW_CONN_SLACK", webhook.slack())
        monkeypatch.setenv("AIRFLOW_CONN_MAIL", mailbox.connection())

        record_failure(FAULT)

        (mail,) = mailbox.mails
    json_body, slack = webhook.got
    assert json_body["id"] == mail["X-Gamelake-Message"] == "load.igdb.source.1.opened"
    assert (json_body["event"], json_body["incident"], json_body["severity"]) == ("opened", "load.igdb.source", "P0")
    assert json_body["title"] == mail["Subject"] == "[P0] igdb cannot be loaded: games and perhaps others"
    assert "Cause: 503" in json_body["text"]
    assert slack["text"].startswith("*[P0] igdb cannot be loaded")
    assert mail["To"] == "ops@example.org"


def test_a_receiver_that_refuses_and_times_out_gets_the_message_when_it_recovers(
    lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gamelake.airflow.channels.REPLY_SECONDS", 0.5)
    webhook.status = 503
    record_failure(FAULT)
    webhook.hangs = True
    began = time.monotonic()
    record_failure(Fault(scope="load.igdb", kind="source", part="covers", night=NIGHT, cause="503"))
    assert time.monotonic() - began < notifications.BOUND
    assert webhook.got == []

    webhook.hangs, webhook.status = False, 200
    record(lambda *_: None)  # what the DAG data_quality does

    assert webhook.events == ["opened"]
    assert "the webhook answered 503" in caplog.text
    assert SECRET not in caplog.text


def test_an_endless_reply_is_not_read(lake: Store, webhook: Webhook) -> None:
    webhook.endless = True
    record_failure(FAULT)
    assert webhook.events == ["opened"]
    assert webhook.bytes < MOST_UNREAD


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        (None, "there is no connection of this id"),
        ('{"conn_type": "aws"}', "found 'aws', expected one of slackwebhook, http, smtp"),
        ('{"conn_type": "smtp", "host": "127.0.0.1"}', "the field 'to' is missing"),
        ('{"conn_type": "smtp", "host": "127.0.0.1", "extra": ["ops@example.org"]}', "the field 'to' is missing"),
        (
            '{"conn_type": "http", "host": "http://127.0.0.1:1/a-secret-path"}',
            "no connection to its address: Connection refused",
        ),
        (
            '{"conn_type": "slackwebhook", "password": "http://127.0.0.1:1/a-secret-path"}',
            "address: Connection refused",
        ),
    ],
)
def test_a_wrong_connection_is_named_without_its_secret(
    lake: Store,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    connection: str | None,
    reason: str,
) -> None:
    monkeypatch.setenv("GAMELAKE_NOTIFY", "other")
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", connection)

    assert main(["notify"]) == 1

    printed = capsys.readouterr().out
    assert printed.splitlines()[-1].startswith("other: not sent: ")
    assert reason in printed
    assert SECRET not in printed


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        ({"conn_type": "slackwebhook", "password": " "}, "password: it is empty"),
        ({"conn_type": "http"}, "host: it is empty"),
        ({"conn_type": "smtp", "host": ""}, "host: it is empty"),
        ({"conn_type": "smtp", "host": "127.0.0.1", "extra": {"to": "a@example.org"}}, "'from_email' is missing"),
        ({"conn_type": "smtp", "host": "127.0.0.1", "extra": {"to": [" ", ""]}}, "the field 'to' is missing"),
        ({"conn_type": "smtp", "host": "127.0.0.1", "extra": {"to": ["a@example.org", 5]}}, "expected one address, or"),
        ({"conn_type": "smtp", "host": "127.0.0.1", "extra": {"to": {"a@example.org": 1}}}, "expected one address, or"),
    ],
)
def test_a_blank_or_odd_field_is_named(
    lake: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], connection: Any, reason: str
) -> None:
    monkeypatch.setenv("GAMELAKE_NOTIFY", "other")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(connection))
    assert main(["notify"]) == 1
    assert reason in capsys.readouterr().out


@pytest.mark.parametrize("to", ["a@example.org, b@example.org;", ["a@example.org", " b@example.org"]])
def test_a_mail_has_several_recipients(lake: Store, monkeypatch: pytest.MonkeyPatch, to: Any) -> None:
    with running_mailbox() as mailbox:
        monkeypatch.setenv("GAMELAKE_NOTIFY", "mail")
        monkeypatch.setenv("AIRFLOW_CONN_MAIL", mailbox.connection(to=to))
        record_failure(FAULT)
        assert [mail["To"] for mail in mailbox.mails] == ["a@example.org, b@example.org"]


@pytest.mark.parametrize(
    ("status", "path", "is_taken"),
    [(301, "/other", False), (302, "/hook/a-secret-path", False), (302, "/the-result", True), (303, "/result", True)],
)
def test_a_webhook_that_has_moved_did_not_take_the_message(
    lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch, status: int, path: str, is_taken: bool
) -> None:
    """A client follows it with a GET, which has no message, and is answered 200: from http to https, for one."""
    with running_webhook() as other:
        webhook.status, webhook.location = status, f"{other.address}{path}"
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", webhook.connection())
        record_failure(FAULT)
        (message,) = Incidents(lake).newest()[0].messages
        assert bool(message.sent) is is_taken
        assert len(other.beats) == 1


def test_a_page_for_people_is_not_slack(lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack's client follows a redirect with a GET too, such as to a page to log in."""
    with running_webhook() as page:
        page.page = b"\n<!doctype html><title>Log in</title>"
        webhook.status, webhook.location = 302, f"{page.address}/login"
        monkeypatch.setenv("GAMELAKE_NOTIFY", "slack")
        monkeypatch.setenv("AIRFLOW_CONN_SLACK", webhook.slack())
        record_failure(FAULT)
        webhook.status, webhook.location = 200, None
        record(lambda *_: None)
    assert [each["text"].splitlines()[0] for each in webhook.got] == [
        "*[P0] igdb cannot be loaded: games and perhaps others*"
    ]


def test_a_fault_of_a_scope_without_sentences_is_told(lake: Store, webhook: Webhook) -> None:
    """It also held back the messages of all incidents after it."""
    for scope, kind in (("billing.daily", "nulls"), ("line", "do"), ("trial", "title"), ("load.igdb", "source")):
        record_failure(Fault(scope=scope, kind=kind, part="invoices", night=NIGHT, cause="12 %"))
    assert webhook.events == ["opened"] * 4
    assert webhook.got[0]["title"] == "[P0] billing.daily.nulls fails: invoices"
    record_success("billing.daily", night=NIGHT)
    assert webhook.events[4:] == ["over"]


def test_a_check_of_the_lake_ends_no_fault_of_another_dag(lake: Store, webhook: Webhook) -> None:
    NightLake(lake).loads(NIGHT)
    record_failure(Fault(scope="quality.igdb", kind="nulls", part="games.name", night=NIGHT, cause="12 % of 3 %"))
    check_data(loaded_entities())
    assert "quality.igdb.nulls" in [each.key for each in Incidents(lake).open()]
    record_success("quality.igdb", part="games.name", night=NIGHT)
    assert [each["event"] for each in webhook.got if each["incident"] == "quality.igdb.nulls"] == ["opened", "over"]


def test_what_was_sent_is_noted_although_other_channels_hang(
    lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "BOUND", 5.0)
    with running_webhook() as hanging:
        hanging.hangs = True
        names = ["one", "two", "three", "four"]
        for name in names:
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", hanging.connection())
        # Of two that answer one is before those that hang, and one is after them.
        monkeypatch.setenv("AIRFLOW_CONN_LAST", webhook.slack())
        monkeypatch.setenv("GAMELAKE_NOTIFY", ",".join(["hook", *names, "last"]))
        record_failure(FAULT)
        for _ in range(2):
            record(lambda *_: None)
    (message,) = Incidents(lake).newest()[0].messages
    assert sorted(message.sent) == ["hook", "last"]
    assert len(webhook.got) == 2


def test_the_trial_message_arrives(lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMELAKE_NOTIFY_LANGUAGE", "ko")

    assert main(["notify"]) == 0

    assert webhook.got[0]["title"] == "gamelake 시험 메시지입니다"


def test_without_connections_nothing_is_sent(lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAMELAKE_NOTIFY")

    record_failure(FAULT)
    record_success("load.igdb", night=NIGHT, part="games")

    assert webhook.got == []
    assert [each.is_open for each in Incidents(lake).newest()] == [False]


def test_a_quiet_night_sends_and_writes_nothing(lake: Store, webhook: Webhook) -> None:
    for entity in IGDB.entities.values():
        load_callbacks(IGDB, entity)["on_success_callback"](context())
    task_callbacks("transform", ends=True)["on_success_callback"](context(task="publish"))
    record(lambda *_: None)

    assert webhook.got == []
    assert list(lake.list("")) == []


LOSS = Loss("igdb.covers", 0, 0, 284_114, 14_205, 0.05, is_series=False)
ERRORS = [
    (HeldError(LOSS), "held", "igdb.covers: the source shows no rows"),
    (UnprovenError("igdb.covers", Unproven(low=0, high=500, rows=3, count=9), 6, 1), "unproven", "igdb.covers: "),
    (ContractError("igdb.covers", 5, 10, 1, "id 3", "raw/x"), "contract", "igdb.covers: 5 of the 10 rows"),
    (ServerError("it failed", endpoint="covers", api="IGDB", status=503), "source", "IGDB covers: it failed"),
    (AuthError("unknown client", endpoint="token", api="IGDB", status=403), "refused", "IGDB token: unknown client"),
    (StoreError("put", "raw/x", "access denied"), "lake", "put 'raw/x': access denied"),
    (ValueError("odd"), "other", "ValueError: odd"),
    (None, "lost", "Its process was killed"),
]


@pytest.mark.parametrize(("error", "kind", "cause"), ERRORS, ids=[kind for _, kind, _ in ERRORS])
def test_a_failed_load_is_an_incident_of_its_kind(
    lake: Store, webhook: Webhook, error: Exception | None, kind: str, cause: str
) -> None:
    callbacks = load_callbacks(IGDB, COVERS)
    shown: BaseException | None = error
    if isinstance(error, HeldError):  # as the operator raises it
        shown = AirflowFailException(f"not retried: {error}")
        shown.__cause__ = error

    callbacks["on_failure_callback"](context(shown))
    load_run_callbacks(IGDB, COVERS)["on_failure_callback"](context(reason="task_failure"))
    callbacks["on_success_callback"](context())

    assert webhook.events == ["opened", "over"]
    opened = webhook.got[0]
    assert opened["incident"] == f"load.igdb.{kind}"
    assert cause in opened["text"].splitlines()[1]
    assert "not retried" not in opened["text"]
    assert f"Loaded so far: 0 of {len(IGDB.entities)} tables." in opened["text"]
    assert "Task log: http://localhost:8080/dags/d/runs/r/tasks/t?try_number=1" in opened["text"]


def test_a_source_that_is_down_is_one_message_and_names_how_much_is_missing(lake: Store, webhook: Webhook) -> None:
    names = list(IGDB.entities)
    night_lake = NightLake(lake)
    night_lake.loads(NIGHT, without=names[3:])
    for name in names[3:]:
        error = ServerError("it failed", endpoint=name, api="IGDB", status=503)
        load_callbacks(IGDB, IGDB.entities[name])["on_failure_callback"](context(error))

    (message,) = webhook.got
    assert f"Loaded so far: 3 of {len(names)} tables." in message["text"]

    for name in names[3:]:
        load_callbacks(IGDB, IGDB.entities[name])["on_success_callback"](context())

    assert webhook.events == ["opened", "over"]
    assert f"Failed ({len(names) - 3}): {names[3]}" in webhook.got[1]["text"]


def test_a_killed_run_is_reported_by_its_dag(lake: Store, webhook: Webhook) -> None:
    load_run_callbacks(IGDB, COVERS)["on_failure_callback"](context(reason="task_failure"))

    assert webhook.got[0]["incident"] == "load.igdb.lost"
    assert "task_failure" in webhook.got[0]["text"]


@pytest.mark.parametrize("key", ["2199-01-01", "2199-01-01T04"])
def test_a_run_for_a_day_to_come_is_over_with_the_load_of_today(lake: Store, webhook: Webhook, key: str) -> None:
    """A person named a day that no run of these years loads; else the incident would explain late marts until then."""
    callbacks, wrong, right = load_callbacks(IGDB, COVERS), context(ValueError("in the future")), context()
    wrong["dag_run"].partition_key = key
    right["dag_run"].partition_key = format_day(day_of(datetime.now(UTC)))

    callbacks["on_failure_callback"](wrong)
    callbacks["on_success_callback"](right)

    assert webhook.events == ["opened", "over"]


@pytest.mark.parametrize("task", ["make", "channels", "send"])
def test_a_lost_brief_is_over_with_the_next_one(lake: Store, webhook: Webhook, task: str) -> None:
    """No task ends the whole scope, and each channel is a part of its own."""
    dag: Any = importlib.import_module("dags.daily_brief").dag
    dag.on_failure_callback(context(task=task, reason="task_failure"))
    (incident,) = Incidents(lake).open("daily_brief")
    dag.on_success_callback(context(task="send"))

    assert webhook.events == ["opened", "over"]
    assert incident.key == "daily_brief.lost"


@pytest.mark.parametrize("error", [ValueError("a full disk"), None])
@pytest.mark.parametrize(
    ("name", "task", "scope"), [("lake_audit", "compact", "compaction"), ("apply_events", "change_feeds", "feeds")]
)
def test_a_task_with_a_scope_of_its_own_fails_no_other(
    lake: Store, webhook: Webhook, name: str, task: str, scope: str, error: Exception | None
) -> None:
    """A month that cannot be compacted is no failed audit. Without an error its process is lost, and the run tells."""
    dag: Any = importlib.import_module(f"dags.{name}").dag
    failed = context(error, task=task, reason="task_failure") | {"task": dag.get_task(task)}
    if error:
        for callback in dag.get_task(task).on_failure_callback:
            callback(failed)
    dag.on_failure_callback(failed)

    assert [each.key for each in Incidents(lake).open()] == [f"{scope}.{'other' if error else 'lost'}"]
    assert [each["severity"] for each in webhook.got] == ["P2"]


@pytest.mark.parametrize(
    ("task", "started", "told"),
    [
        ("dbt.marketing.mart_top_rated", "04:10", []),
        ("dbt.marketing.mart_top_rated", "14:10", ["transform.lost"]),
        ("publish", "04:10", ["transform.lost"]),
    ],
    ids=["it only shows a model", "the run was cleared since", "it may have left copies as they were"],
)
def test_a_lost_task_after_the_publication_holds_nothing_back(
    lake: Store, task: str, started: str, told: list[str]
) -> None:
    made = NightLake(lake).night(NIGHT)
    dag: Any = importlib.import_module("dags.transform").dag
    lost = context(task=task, reason="task_failure") | {"run_id": made.run_id, "task": dag.get_task(task)}
    lost["dag_run"].start_date = moment(NIGHT, started)
    dag.on_failure_callback(lost)

    assert [each.key for each in Incidents(lake).open()] == told


@pytest.mark.parametrize(
    ("state", "is_told", "keys"),
    [("failed", False, ["feeds.lost"]), ("failed", True, ["feeds.other"]), ("success", False, [])],
    ids=["lost", "it failed, and was told", "made"],
)
def test_change_feeds_whose_process_was_lost_are_told(
    lake: Store, webhook: Webhook, state: str, is_told: bool, keys: list[str]
) -> None:
    """The marts do not wait for their success: the run succeeds, and Airflow calls no callback of a failure."""
    dag: Any = importlib.import_module("dags.transform").dag
    if is_told:
        for callback in dag.get_task("change_feeds").on_failure_callback:
            callback(context(ValueError("no memory"), task="change_feeds"))
    started = context(task="open_generation")
    started["ti"].dag_id = "transform"
    started["ti"].get_task_states = lambda **_: {"a run": {"change_feeds": state}}

    for _ in range(2):  # a retry
        for callback in dag.get_task("open_generation").on_execute_callback:
            callback(started)

    assert [each.key for each in Incidents(lake).open()] == keys
    assert [(each["event"], each["severity"]) for each in webhook.got] == [("opened", "P2") for _ in keys]


def test_a_brief_that_one_channel_refuses_is_one_incident(lake: Store, webhook: Webhook) -> None:
    module: Any = importlib.import_module("dags.daily_brief")
    failed = context(ValueError("refused"), task="send", reason="task_failure")
    failed["task"] = SimpleNamespace(task_id="send", op_kwargs={"channel": "mail"})
    module.CALLBACKS["on_failure_callback"](failed)
    module.dag.on_failure_callback(failed)
    assert webhook.events == ["opened"]


def test_a_failed_data_test_is_over_with_the_next_publication(lake: Store, webhook: Webhook) -> None:
    error = FailedTestsError("not retried: the next try would read the same files\nunique_games: Got 3 results")
    task_callbacks("transform")["on_failure_callback"](context(error, task="dbt.build"))
    task_callbacks("transform", ends=True)["on_success_callback"](context(task="publish"))

    assert webhook.events == ["opened", "over"]
    assert webhook.got[0]["title"] == f"[P0] The marts of {NIGHT} were not published: a data test failed"
    assert "unique_games: Got 3 results" in webhook.got[0]["text"]


def unreachable_lake() -> Exception:
    """What the build raises when the store goes down."""
    error = UnreachableLakeError("GetObject 'a': no answer within 15 s. The lake cannot be reached, so dbt was ended")
    error.__cause__ = StoreError("GetObject", "a", "no answer within 15 s")
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FullDiskError("No space left; its files are in /scratch"), "the disk of the build is full"),
        (NoMemoryError("dbt was killed; give this one more"), "the build had too little memory"),
        (unreachable_lake(), "transform cannot use the lake"),
    ],
    ids=["disk", "memory", "lake"],
)
def test_what_a_build_lacks_has_its_own_sentence(lake: Store, webhook: Webhook, error: Exception, reason: str) -> None:
    task_callbacks("transform")["on_failure_callback"](context(error, task="dbt.build"))

    assert webhook.got[0]["title"] == f"[P0] The marts of {NIGHT} were not published: {reason}"
    assert str(error) in webhook.got[0]["text"]


def test_marts_that_the_cdn_does_not_show_yet_are_published(lake: Store, webhook: Webhook) -> None:
    error = PendingInvalidationError("E1", ("/marts/_current.json",), "invalidation I1 is not done after 300 s")
    task_callbacks("transform", ends=True)["on_failure_callback"](context(error, task="publish"))

    expected = f"[P0] The marts of {NIGHT} are published, but the CDN may still have older ones"
    assert webhook.got[0]["title"] == expected
    assert str(error) in webhook.got[0]["text"]


WRONG_PARAMS = [
    UnbuildableDayError("date: found 2030-01-01, expected 2026-11-30 or earlier"),
    UnreadablePartitionError("igdb.popscore", "2026-01-01", NIGHT, is_future=False),
    PartitionError("tomorrow", "a Korean day"),
    ParamError("dat", ["date"]),
]


@pytest.mark.parametrize("reason", WRONG_PARAMS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("scope", ["transform", "load.igdb"])
@pytest.mark.parametrize("run_type", [DagRunType.MANUAL, DagRunType.BACKFILL_JOB])
def test_wrong_params_of_a_person_are_no_failed_night(
    lake: Store, webhook: Webhook, reason: Exception, scope: str, run_type: DagRunType
) -> None:
    """A run of transform for a day without loads told that the marts of that day were not published, as P0.

    A backfill of a table without history told so for each of its days.
    """
    error = AirflowFailException(f"not retried: {reason}")
    error.__cause__ = reason
    task, run = (
        (task_callbacks("transform"), run_callbacks("transform"))
        if scope == "transform"
        else (load_callbacks(IGDB, COVERS), load_run_callbacks(IGDB, COVERS))
    )
    asked = context(error, task="open_generation", reason="task_failure")
    asked["dag_run"].run_type, asked["dag_run"].start_date = run_type, datetime.now(UTC)

    task["on_failure_callback"](asked)
    run["on_failure_callback"](asked)

    assert webhook.events == ["notice"]
    assert webhook.got[0]["severity"] == "P2"
    assert "was started with params that cannot be used" in webhook.got[0]["title"]
    assert f"Cause: {reason}" in webhook.got[0]["text"]
    assert Incidents(lake).open() == []


@pytest.mark.parametrize(
    ("name", "task", "params"),
    [
        ("daily_brief", "make", {"date": "2030-01-01"}),
        ("lake_audit", "audit", {"verify": True}),
        ("lake_audit", "audit", {"verify": False}),
        ("apply_events", "apply", {}),
    ],
)
def test_wrong_params_of_a_dag_beside_the_nights_are_a_notice(
    lake: Store, webhook: Webhook, name: str, task: str, params: dict[str, Any]
) -> None:
    """The run has no part, or the id of its task, where the task has told the part that it works on."""
    dag: Any = importlib.import_module(f"dags.{name}").dag
    error = AirflowFailException("not retried: param dat: the DAG has no such param")
    error.__cause__ = ParamError("dat", ["date"])
    asked = context(error, task=task, reason="task_failure") | {"task": dag.get_task(task), "params": params}
    asked["dag_run"].run_type, asked["dag_run"].start_date = "manual", datetime.now(UTC)

    for callback in dag.get_task(task).on_failure_callback:
        callback(asked)
    dag.on_failure_callback(asked)

    assert webhook.events == ["notice"]
    assert webhook.got[0]["title"] == f"[P2] {name} was started with params that cannot be used"
    assert Incidents(lake).open() == []


def test_wrong_params_of_several_runs_are_no_failed_night(lake: Store, webhook: Webhook) -> None:
    """Airflow calls the callback of a run some seconds after that of its task: another run may have failed between."""
    error = AirflowFailException("not retried: date: found 'tomorrow'")
    error.__cause__ = PartitionError("tomorrow", "a Korean day")
    entities, asked = [IGDB.entities["games"], COVERS], context(error, reason="task_failure")
    asked["dag_run"].run_type, asked["dag_run"].start_date = "manual", datetime.now(UTC)

    for entity in entities:
        load_callbacks(IGDB, entity)["on_failure_callback"](asked)
    for entity in entities:
        load_run_callbacks(IGDB, entity)["on_failure_callback"](asked)

    assert webhook.events == ["notice", "notice"]
    assert Incidents(lake).open() == []


def test_a_night_that_cannot_be_built_is_an_incident(lake: Store, webhook: Webhook) -> None:
    night = context(UnbuildableDayError("no load of igdb.games"), task="open_generation")
    night["dag_run"].run_type = "asset_triggered"
    task_callbacks("transform")["on_failure_callback"](night)
    assert (webhook.events, webhook.got[0]["severity"]) == (["opened"], "P0")


@pytest.mark.parametrize(
    ("run_type", "cleared", "told"),
    [("asset_triggered", 0, ["notice"]), ("manual", 0, []), ("asset_triggered", 1, [])],
    ids=["by itself", "by a person", "cleared by a person"],
)
def test_a_skipped_publication_has_its_own_sentence(
    lake: Store, webhook: Webhook, run_type: str, cleared: int, told: list[str]
) -> None:
    asked = context(task="publish")
    asked["dag_run"].run_type, asked["dag_run"].clear_number = run_type, cleared
    asked["ti"].xcom_pull = lambda **_: {"reason": "readers have 2026-12-01, a later day"}

    publication_skipped(asked)

    assert webhook.events == told
    if told:
        assert "Cause: readers have 2026-12-01, a later day" in webhook.got[0]["text"]
    assert Incidents(lake).open() == []


def test_a_lake_that_refuses_is_reported_from_this_machine(
    lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken = tmp_path / "lake"
    taken.write_text("a file where the folder should be", "utf-8")
    callbacks = [load_callbacks(IGDB, IGDB.entities[name]) for name in ("games", "covers")]
    for each in callbacks:
        each["on_failure_callback"](context(StoreError("put", "raw/x", "access denied")))
    assert webhook.events == ["opened"]
    assert not {"Loaded so far: 0 of 20 tables.", "No marts are published yet."} & set(
        webhook.got[0]["text"].splitlines()
    )

    taken.unlink()
    for each in callbacks:
        each["on_success_callback"](context())

    assert webhook.events == ["opened", "over"]
    assert Incidents(store_of_this_machine()).open() == []


def test_what_was_reported_from_this_machine_is_over_although_the_lake_is_slow(
    lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The lake is so slow that the time of a task is used up before it answers."""

    def slow_store() -> Store:
        time.sleep(5)
        return lake

    monkeypatch.setattr("gamelake.airflow.stores.connected_store", slow_store)
    monkeypatch.setattr(notifications, "LAKE_SECONDS", 0.2)
    callbacks = load_callbacks(IGDB, COVERS)
    callbacks["on_failure_callback"](context(StoreError("put", "raw/x", "slow")))
    callbacks["on_success_callback"](context())
    assert webhook.events == ["opened", "over"]


def slow_commits(lake: Store, monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    read = type(lake).get

    def slow(store: Store, key: str) -> bytes:
        time.sleep(seconds if "/_manifests/" in key else 0)
        return read(store, key)

    monkeypatch.setattr(type(lake), "get", slow)


@pytest.mark.parametrize("seconds", [0.3, 0.05], ids=["it goes on", "it was over meanwhile"])
def test_the_timeout_of_a_task_outlasts_a_record(lake: Store, seconds: float) -> None:
    """`data_quality` records in its task. After the first record it had no timeout, and could hang without end."""

    def check() -> None:
        with TimeoutPosix(seconds):  # type: ignore[no-untyped-call]
            record(lambda *_: time.sleep(0.1))
            time.sleep(5)

    with pytest.raises(AirflowTaskTimeout):
        check()


def test_late_marts_of_a_slow_lake_are_told(lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the check reads takes longer than one record may: each commit that no build has read."""
    NightLake(lake).loads("2026-01-05")
    slow_commits(lake, monkeypatch, seconds=0.1)
    monkeypatch.setattr(notifications, "LAKE_SECONDS", 0.4)
    check_data(loaded_entities())
    assert ("opened", "transform.late") in [(each["event"], each["incident"]) for each in webhook.got]


def test_a_slow_count_of_tables_does_not_cost_the_record(
    lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    NightLake(lake).loads(NIGHT)
    slow_commits(lake, monkeypatch, seconds=0.2)
    monkeypatch.setattr(failures, "COUNT_SECONDS", 0.3)
    monkeypatch.setattr(notifications, "LAKE_SECONDS", 3.0)
    load_callbacks(IGDB, COVERS)["on_failure_callback"](
        context(ServerError("it failed", endpoint="covers", api="IGDB", status=503))
    )
    assert [each.key for each in Incidents(lake).open()] == ["load.igdb.source"]
    assert Incidents(store_of_this_machine()).open() == []
    assert webhook.events == ["opened"]


def test_a_lost_run_waits_for_a_slow_lake(lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """The DAG processor records it. On a busy machine its imports alone take longer than a task may wait."""

    def slow_store() -> Store:
        time.sleep(0.5)
        return lake

    monkeypatch.setattr("gamelake.airflow.stores.connected_store", slow_store)
    monkeypatch.setattr(notifications, "LAKE_SECONDS", 0.2)
    failures.load_run_callbacks(IGDB, COVERS)["on_failure_callback"](context())
    assert [each.key for each in Incidents(lake).open()] == ["load.igdb.lost"]
    assert Incidents(store_of_this_machine()).open() == []
    assert webhook.events == ["opened"]


def test_a_failure_that_only_this_machine_has_is_no_lost_run(
    lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The callback of the run gives a slow lake more time than that of the task, and found no failure in it."""
    failed = context(StoreError("put", "raw/x", "slow"), reason="task_failure")
    with monkeypatch.context() as slow:
        slow.setattr("gamelake.airflow.stores.connected_store", lambda: time.sleep(5))
        slow.setattr(notifications, "LAKE_SECONDS", 0.2)
        load_callbacks(IGDB, COVERS)["on_failure_callback"](failed)
    load_run_callbacks(IGDB, COVERS)["on_failure_callback"](failed)

    assert [(each["event"], each["incident"]) for each in webhook.got] == [("opened", "load.igdb.lake")]


def test_a_success_that_the_lake_did_not_take_is_found_by_the_next_check(
    lake: Store, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    callbacks = load_callbacks(IGDB, COVERS)
    callbacks["on_failure_callback"](context(StoreError("put", "raw/x", "slow")))
    NightLake(lake).load(COVERS, NIGHT, at=datetime.now(UTC), run_id=RUN)  # by hand: no night of this lake is late
    with monkeypatch.context() as slow:
        slow.setattr("gamelake.airflow.stores.connected_store", lambda: time.sleep(5))
        slow.setattr(notifications, "LAKE_SECONDS", 0.2)
        callbacks["on_success_callback"](context())
    assert [each.key for each in Incidents(lake).open()] == ["load.igdb.lake"]

    for _ in range(2):
        check_data(loaded_entities())
    assert webhook.events == ["opened", "over"]
    assert webhook.got[1]["incident"] == "load.igdb.lake"


def test_what_a_task_prints_and_raises_stays_its_own(
    lake: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", "ftp://nowhere")

    record_success("load.igdb", night=NIGHT)
    failures.run_callbacks("transform")["on_failure_callback"]({"reason": "timed_out"})

    assert "the lake does not take the success" in caplog.text
    assert date.fromisoformat(Incidents(store_of_this_machine()).open()[0].failures[0].nights[0])
