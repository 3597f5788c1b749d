"""The findings about the quality of the data: their documents, and how to read them.

    marts/quality/_current.json                           Report    the newest check (overwritten)
    marts/quality/_reports/00000000000000000042.json      Report    a check that changed a state: created only if absent
    marts/quality/mart_data_quality/<number>-<id>.parquet the mart of that report: every finding of the last 400 days
    marts/mart_data_quality.parquet                       its copy (overwritten), for readers of fixed paths

A generation never changes after its publication, and its quality is checked again and again. So the findings have a
place of their own. `gamelake.quality.record` writes it.
"""

from __future__ import annotations

import logging
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, field

from gamelake.lake.documents import DocumentError
from gamelake.lake.keys import number_of, numbered_key
from gamelake.lake.store import ObjectNotFoundError
from gamelake.marts.documents import QUALITY, Document, read

if TYPE_CHECKING:
    from gamelake.lake.store import ReadableStore, Store

log = logging.getLogger(__name__)

MART = "mart_data_quality"
PREFIX = QUALITY
CURRENT = f"{PREFIX}_current.json"
REPORTS = f"{PREFIX}_reports/"
TABLES = f"{PREFIX}{MART}/"
COPY = f"marts/{MART}.parquet"


class Severity(StrEnum):
    """Who has to act, and when."""

    P0 = "P0"
    """Publication is blocked, or data is lost: at once."""
    P1 = "P1"
    """A person, tonight."""
    P2 = "P2"
    """The daily brief."""


class State(StrEnum):
    """How a finding stands."""

    NEW = "new"
    """The check before did not find it."""
    CONTINUING = "continuing"
    """The check before found it too."""
    RECOVERED = "recovered"
    """The check before found it, and this one does not. It is stated once."""


Moment = Annotated[datetime, Meta(tz=True)]


class Observation(Document, frozen=True, kw_only=True):
    """What one check finds at one moment."""

    check: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", description="The check, such as `freshness`.")]
    severity: Annotated[Severity, Meta(description="Who has to act, and when.")]
    subject: Annotated[
        str, Meta(min_length=1, description="What is checked, such as `igdb.games` or `mart_top_rated.users`.")
    ]
    value: Annotated[float | None, Meta(description="The figure that was found, in the unit of `expected`.")]
    expected: Annotated[str, Meta(min_length=1, description="What was expected, such as `at most 30 hours`.")]
    message: Annotated[str, Meta(min_length=1, description="What it means, for people.")]
    message_ko: Annotated[str, Meta(description="The same in Korean; empty in reports of before it was stated.")] = ""

    def message_in(self, language: str) -> str:
        """Return what it means in a language, in English if it has no other."""
        return (self.message_ko if language == "ko" else "") or self.message

    @property
    def id(self) -> str:
        """The same text for the same check of the same subject, such as `freshness:igdb.games`."""
        return f"{self.check}:{self.subject}"


class Finding(Observation, frozen=True, kw_only=True):
    """An observation and its state, from the check that first found it until the one that no longer does."""

    state: Annotated[State, Meta(description="How it stands.")]
    since: Annotated[Moment, Meta(description="When a check first found it.")]
    seen_at: Annotated[Moment, Meta(description="When a check last found it.")]

    @property
    def is_open(self) -> bool:
        """Whether the newest check finds it."""
        return self.state is not State.RECOVERED


class Report(Document, frozen=True, kw_only=True):
    """One check of the data, with every finding that is open, and those that it no longer finds."""

    number: Annotated[int, Meta(ge=1, description="1, 2, 3, ...: the newest stored report that has these states.")]
    checked_at: Annotated[Moment, Meta(description="When the data was checked.")]
    generation: Annotated[str | None, Meta(description="The generation that readers had; null: none was published.")]
    day: Annotated[date | None, Meta(description="Its Korean day.")]
    findings: Annotated[tuple[Finding, ...], Meta(description="The most severe first, then by check and subject.")]
    table: Annotated[str, Meta(min_length=1, description=f"The key of the Parquet file of {MART}.")]
    commits: Annotated[
        dict[str, int],
        Meta(
            description="The newest commit of each table that the check saw; empty in reports of before it was stated."
        ),
    ] = field(default_factory=dict)


def report_key(number: int) -> str:
    """Return the key of a report; keys sort as their numbers do."""
    return numbered_key(REPORTS, number)


def current(store: ReadableStore) -> Report | None:
    """Return the newest report, None before the first check. One object is read.

    Raises:
        DocumentError: It is damaged; the next check writes it again.
        StoreError: The store cannot be read.
    """
    try:
        return read(store, CURRENT, Report)
    except ObjectNotFoundError:
        return None


def numbers(store: Store, *, after: int = 0) -> list[int]:
    """Return the numbers of the stored reports that are greater than `after`, ascending. Raises: StoreError."""
    found = (number_of(REPORTS, info.key) for info in store.list(REPORTS, after=report_key(after) if after else ""))
    return sorted(number for number in found if number is not None)


def stored(store: Store, number: int) -> Report:
    """Return the stored report of a number.

    Raises:
        ObjectNotFoundError: There is none.
        DocumentError: It is damaged, or states another number.
        StoreError: The store cannot be read.
    """
    key = report_key(number)
    report = read(store, key, Report)
    if report.number != number:
        raise DocumentError(f"{key}: number", report.number, f"{number}, as in its key")
    return report


def newest(store: Store) -> tuple[Report | None, int]:
    """Return the newest report that can be read, and the highest number that is taken.

    A check that was killed may have stored a report that `_current.json` does not show: then that one counts. A damaged
    document is left out with a warning.

    Raises:
        StoreError: The store cannot be read.
    """
    shown: Report | None = None
    try:
        shown = current(store)
    except DocumentError as error:
        log.warning("%s is left out: %s", CURRENT, error)
    later = numbers(store, after=shown.number if shown else 0)
    for number in reversed(later):
        try:
            return stored(store, number), later[-1]
        except (DocumentError, ObjectNotFoundError) as error:
            log.warning("%s is left out: %s", report_key(number), error)
    return shown, max([shown.number if shown else 0, *later])
