"""The texts of messages: whole, in both languages, with the cause first, and without a placeholder left."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from gamelake.incidents import wording
from gamelake.incidents.documents import Event, Fault, Incident, Message, Severity
from gamelake.incidents.incidents import Incidents
from gamelake.incidents.wording import worded
from gamelake.load.errors import UnreadablePartitionError
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources
from gamelake.words import Language
from tests.support.night_lake import NightLake, moment

if TYPE_CHECKING:
    from gamelake.lake.store import Store

NIGHT = "2026-11-30"
TEXTS: dict[str, Any] = tomllib.loads(Path(wording.__file__).with_name("texts.toml").read_text("utf-8"))
SENTENCES = [
    (scope, kind) for scope, kinds in TEXTS.items() if scope not in {"line", "trial", "cause"} for kind in kinds
]


def announced(store: Store, fault: Fault, *, end: str | None = None) -> tuple[Incident, Message]:
    """Return an incident with its first message, or with its last one."""
    at = datetime(2026, 11, 29, 19, 21, tzinfo=UTC)
    incident = Incidents(store, channels=["slack"], clock=lambda: at).fail(fault)
    if end:
        later = Incidents(store, channels=["slack"], clock=lambda: at + timedelta(minutes=130))
        (incident,) = later.succeed(fault.scope, night=end)
    return incident, incident.messages[-1]


def test_a_message_states_what_a_person_needs_at_four_in_the_morning(store: Store) -> None:
    NightLake(store).night("2026-11-29")
    held = Fault(
        scope="load.igdb",
        kind="held",
        part="covers",
        night=NIGHT,
        cause="igdb.covers: the source shows no rows; the table had 284,114",
        log_url="http://127.0.0.1:8080/dags/igdb_covers/runs/r/tasks/extract_load",
        loaded=(3, 20),
    )

    text = str(worded(*announced(store, held), language="en", airflow_url="http://127.0.0.1:8080/"))

    assert text == (
        "[P0] The load of igdb.covers was held: it would lose too many rows\n"
        "Cause: igdb.covers: the source shows no rows; the table had 284,114\n"
        "Since 2026-11-30 04:21 Korean time (19:21 UTC). Night of 2026-11-30.\n"
        "Loaded so far: 3 of 20 tables.\n"
        "Readers see the marts of 2026-11-29.\n"
        "Do: Ask the source whether the rows are really deleted. If they are, run the load again with allow_shrink. "
        "If not, clear the task when the source shows them again.\n"
        "Task log: http://127.0.0.1:8080/dags/igdb_covers/runs/r/tasks/extract_load\n"
        "Last night: http://127.0.0.1:8080/plugin/last-night?day=2026-11-30\n"
        "Runbook: docs/guides/runbooks/held-load.md"
    )


@pytest.mark.parametrize(
    ("end", "made_up"),
    [
        (NIGHT, "Every night that failed was made up for."),
        ("2026-12-01", "Never made up for: popscore 2026-11-30."),
    ],
)
def test_the_last_message_states_how_long_it_lasted_and_what_was_missed(store: Store, end: str, made_up: str) -> None:
    fault = Fault(scope="load.igdb", kind="source", part="popscore", night=NIGHT, cause="503")

    text = worded(*announced(store, fault, end=end), language="en", airflow_url=None)

    assert text.title == "Over: igdb cannot be loaded: popscore and perhaps others"
    assert text.lines == (
        "It lasted 2 h 10 min, from 2026-11-30 04:21 Korean time (19:21 UTC) "
        "to 2026-11-30 06:31 Korean time (21:31 UTC).",
        "Failed (1): popscore.",
        made_up,
        "No marts are published yet.",
    )


@pytest.mark.parametrize(("language", "over"), [("en", "Over"), ("ko", "해결됨")])
def test_the_title_of_the_last_message_names_the_night_that_failed(store: Store, language: Language, over: str) -> None:
    fault = Fault(scope="transform", kind="disk", part="dbt.build", night=NIGHT, cause="no space left on device")
    first = worded(*announced(store, fault), language=language, airflow_url=None)

    last = worded(*announced(store, fault, end="2026-12-01"), language=language, airflow_url=None)

    assert NIGHT in first.title
    assert last.title == f"{over}: {first.title.removeprefix('[P0] ')}"


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize(("scope", "kind"), [*SENTENCES, ("quality", "volume"), ("load", "unheard_of")])
def test_every_kind_has_its_own_sentences(store: Store, scope: str, kind: str, language: Language) -> None:
    fault = Fault(scope=f"{scope}.igdb", kind=kind, part="games", night=NIGHT, cause="it failed")
    incident, message = announced(store, fault)

    texts = [
        worded(incident, message, language=language, airflow_url="https://airflow.example"),
        worded(incident, message_of(message, Event.GREW), language=language, airflow_url=None),
        worded(incident, message_of(message, Event.WORSENED), language=language, airflow_url=None),
        worded(incident, message_of(message, Event.RETURNED), language=language, airflow_url=None),
        worded(incident, message_of(message, Event.OVER), language=language, airflow_url=None),
        wording.trial(language),
    ]

    for text in texts:
        assert not re.search(r"[{}]|None", str(text))
        assert bool(re.search("[가-힣]", str(text))) is (language == "ko")
    assert texts[0].lines[0].endswith("it failed"), "the cause comes first"
    assert len({text.title for text in texts}) == len(texts)


def message_of(message: Message, event: Event) -> Message:
    return Message(
        id="1",
        event=event,
        at=message.at,
        since=message.since,
        severity=Severity.P1,
        night=message.night,
        part=message.part,
        cause=message.cause,
        parts=("games", *map(str, range(12))),
        readers_day=date(2026, 11, 29),
        returns=3,
    )


def test_a_failed_load_links_a_page_that_fits_every_source() -> None:
    pages = {own["runbook"] for own in TEXTS["load"].values()}
    assert [page for page in pages if any(source in page for source in load_sources())] == []


@pytest.mark.parametrize(("scope", "kind"), SENTENCES)
def test_runbooks_are_pages_and_titles_are_translated_alike(scope: str, kind: str) -> None:
    own = TEXTS[scope][kind]

    assert (REPOSITORY / wording.DOCS / own["runbook"]).is_file()
    for name in ("title", "do"):
        english, korean = (sorted(re.findall(r"\{\w+\}", own[name][language])) for language in ("en", "ko"))
        assert english == korean


def test_a_load_that_fails_again_when_it_is_cleared_is_not_to_be_cleared_first(store: Store) -> None:
    cause = str(UnreadablePartitionError("igdb.genres", "2026-11-28", NIGHT, is_future=False))
    fault = Fault(scope="load.igdb", kind="other", part="genres", night="2026-11-28", cause=cause)

    text = str(worded(*announced(store, fault), language="en", airflow_url=None))

    assert "Run it without a date." in text
    assert "Do: Do what the cause names. If it names nothing to do," in text


def test_no_sentence_needs_the_test_button_which_is_off_by_default() -> None:
    sentences = [text for scope, kind in SENTENCES for text in TEXTS[scope][kind]["do"].values()]
    assert len(sentences) > 20
    assert [each for each in sentences if re.search("test the connection|연결을 시험", each, re.IGNORECASE)] == []


def test_moments_are_korean(store: Store) -> None:
    fault = Fault(scope="lake_audit", kind="other", part="audit", night="2026-12-06", cause="2 objects are missing")
    incident = Incidents(store, clock=lambda: moment("2026-12-06", "12:01")).fail(fault)

    text = worded(incident, incident.messages[-1], language="ko", airflow_url=None)

    assert "2026-12-06 12:01 (한국 시각, UTC 03:01)" in str(text)
