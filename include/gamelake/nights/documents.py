"""What the pages about a night show: typed, and free of decisions."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from gamelake.marts.build_inputs import CommitInput
from gamelake.marts.documents import Document
from gamelake.marts.levels import ServiceLevel
from gamelake.nights.captured import CapturedFacts


class LoadStatus(StrEnum):
    """How the load of one table of one night ended."""

    COMPLETE = "complete"
    """Committed; the source counts as many rows."""
    UNCOUNTED = "uncounted"
    """Committed; the source's count proves nothing, or it cannot count."""
    PARTIAL = "partial"
    """Committed; a later load reads the rest, as after the end of a quota."""
    UNPROVEN = "unproven"
    """Committed; the source miscounts some id ranges."""
    WAITING = "waiting"
    """Not committed, and not late."""
    MISSING = "missing"
    """Not committed."""
    DAMAGED = "damaged"
    """The manifest of its commit is lost or damaged."""


class MartsStatus(StrEnum):
    """What became of the marts of one night."""

    PUBLISHED = "published"
    """Readers got them."""
    BUILT = "built"
    """Built and tested, but readers did not get them."""
    UNFINISHED = "unfinished"
    """A build began and did not end."""
    WAITING = "waiting"
    """Not built, and not late."""
    MISSING = "missing"
    """Not built."""


class NightStatus(StrEnum):
    """One word for a whole night."""

    COMPLETE = "complete"
    """Every load is complete, and the marts are published."""
    WARNING = "warning"
    """The same, with something that a person should look at."""
    RUNNING = "running"
    """Something is not there yet, and not late."""
    INCOMPLETE = "incomplete"
    """A load is missing, or the marts are not published."""
    MISSED = "missed"
    """No load was committed."""
    BEFORE = "before"
    """The lake had no load yet."""


class LoadFacts(Document, frozen=True, kw_only=True):
    """One table in one night.

    Attributes:
        dag_id: The DAG that loads it.
        kind: `incremental`, `snapshot` or `time_series`.
        is_required: The marts wait for it.
        status: How its load ended.
        note: Why there is no complete load, for people; `note_ko` is the same in Korean.
        is_uncommitted: It is missing, and the lake has rows of it: it was held, it failed, or it still runs.
        commits: How many loads of this day were committed.
        commit: The figures of the newest of them.
        started_at: When that load began: its commit minus its duration.
        pace: The share of the requests that the source allows in that time; None if the limit is not known.
    """

    source: str
    entity: str
    dag_id: str
    kind: str
    is_required: bool
    status: LoadStatus
    note: str | None = None
    note_ko: str | None = None
    is_uncommitted: bool = False
    commits: int = 0
    commit: CommitInput | None = None
    started_at: datetime | None = None
    pace: float | None = None

    @property
    def table(self) -> str:
        """The name of the table, such as `igdb.games`: another source may have an entity of the same name."""
        return f"{self.source}.{self.entity}"


class MartsFacts(Document, frozen=True, kw_only=True):
    """The marts of one night.

    Attributes:
        note: Why they are not published, for people; `note_ko` is the same in Korean.
        generation: The key of the newest build of the day.
        started_at: When that build began.
        built_at: When it was complete, all tests included.
        published_at: When readers got marts of this day, the last time.
        is_shown: Whether readers have this build now.
        marts: How many marts it has; None if its document is removed or damaged.
        rows: Their rows.
        builds: How many builds of the day there are.
    """

    status: MartsStatus
    note: str | None = None
    note_ko: str | None = None
    generation: str | None = None
    run_id: str | None = None
    started_at: datetime | None = None
    built_at: datetime | None = None
    published_at: datetime | None = None
    is_shown: bool = False
    marts: int | None = None
    rows: int | None = None
    builds: int = 0


class Night(Document, frozen=True, kw_only=True):
    """Everything of one night. The sums are those of the newest load of each table.

    Attributes:
        warnings: What a person should look at; `warnings_ko` is the same in Korean.
    """

    day: date
    status: NightStatus
    loads: tuple[LoadFacts, ...]
    marts: MartsFacts
    started_at: datetime | None
    ended_at: datetime | None
    rows_read: int
    requests: int
    load_seconds: float
    warnings: tuple[str, ...]
    warnings_ko: tuple[str, ...]


class NightMark(Document, frozen=True, kw_only=True):
    """One night in the strip."""

    day: date
    status: NightStatus
    complete: int
    expected: int
    published_at: datetime | None
    reason: str | None


class Nights(Document, frozen=True, kw_only=True):
    """The strip of nights, the oldest first, and the newest night.

    Attributes:
        lake: Where the lake is.
        read_at: When it was read.
        shown_day: The day of the marts that readers have now.
        levels: The service levels, as they were computed last.
        problems: Documents of the lake that cannot be used.
        off: The optional sources that are not loaded, as GAMELAKE_OPTIONAL_SOURCES does not name them.
        captured: The tables of changes, which have no load.
    """

    lake: str
    read_at: datetime
    shown_day: date | None
    marks: tuple[NightMark, ...]
    night: Night
    levels: tuple[ServiceLevel, ...]
    problems: tuple[str, ...]
    off: tuple[str, ...]
    captured: tuple[CapturedFacts, ...] = ()


class RunFacts(Document, frozen=True, kw_only=True):
    """What one run of a DAG left in the lake.

    Attributes:
        load: The commit of a run that loads a table.
        night: The night of the run, if the lake has it.
        marts: The build of a run of `transform`.
        note: Why there is nothing to show.
    """

    dag_id: str
    run_id: str
    night: date | None = None
    load: LoadFacts | None = None
    marts: MartsFacts | None = None
    warnings: tuple[str, ...] = ()
    note: str | None = None
