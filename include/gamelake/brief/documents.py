"""The daily brief: what changed in the world of games and in the platform, as the lake keeps it.

reports/2026-11-21.json         Brief    made once, and sent as often as one likes; again if it lacks its lists
reports/2026-11-21.en.html      its page in English
reports/2026-11-21.ko.html      its page in Korean
reports/latest.en.html          the page of the newest brief (overwritten), and latest.ko.html
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gamelake.lake.documents import DocumentError
from gamelake.marts.documents import Document

PREFIX = "reports/"
LANGUAGES = ("en", "ko")

Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0)]


class Game(Document, frozen=True, kw_only=True):
    """A game in a list.

    Attributes:
        name: As the marts show it: two games never have the same.
        name_ko: Its Korean title, if IGDB has one.
        rank: Its place.
        change: Places that it climbed since the day before; None if it was not in the list.
        figure: What the list is ordered by: a number, or a day as `2026-11-21`.
    """

    id: int
    name: str
    name_ko: str | None = None
    rank: int
    change: int | None = None
    figure: float | str | None = None


class GameList(Document, frozen=True, kw_only=True):
    """A list of games.

    Attributes:
        key: Its name, as in marts/lists.toml.
        games: How many it has.
        first: The first one.
        is_first_new: Whether another one was first the day before.
        mover: The one of the top that is new there, or that climbed most.
        reason: Why it has none: a text of marts/lists.toml, and its values.
    """

    key: str
    games: Count
    first: Game | None = None
    is_first_new: bool = False
    mover: Game | None = None
    reason: tuple[str, dict[str, int]] | None = None


class Release(Document, frozen=True, kw_only=True):
    """A game that is released in Korea on the day, or everywhere."""

    id: int
    name: str
    name_ko: str | None = None
    platforms: tuple[str, ...] = ()


class Games(Document, frozen=True, kw_only=True):
    """What changed in the world of games.

    Attributes:
        day: The day of the marts.
        compared_with: The day before it that the marts have; None if there is none.
        lists: All lists.
        releases: The releases of the day that most people wait for.
        all_releases: How many releases there are.
        gems: Games that are new among the hidden gems.
    """

    day: date
    compared_with: date | None = None
    lists: tuple[GameList, ...] = ()
    releases: tuple[Release, ...] = ()
    all_releases: Count = 0
    gems: tuple[Game, ...] = ()


class Finding(Document, frozen=True, kw_only=True):
    """A finding of the data quality that is open, or over since the day before.

    Attributes:
        check: The check that found it; empty in briefs of before it was stated.
        subject: What was checked.
        value: The figure that was found.
        expected: What was expected.
        message: What it means; `message_ko` is the same in Korean.
    """

    severity: str
    check: str = ""
    subject: str = ""
    value: float | None = None
    expected: str = ""
    message: str
    message_ko: str = ""
    since: Moment
    is_over: bool = False


class Trouble(Document, frozen=True, kw_only=True):
    """An incident that is open.

    Attributes:
        title: What fails, as its message has it; empty in briefs of before it was stated. `title_ko` is the same in
            Korean.
        cause: The error's own message, or a sentence of ours; the latter has `cause_ko` too.
    """

    key: str
    severity: str
    since: Moment
    title: str = ""
    title_ko: str = ""
    cause: str
    cause_ko: str | None = None


class Platform(Document, frozen=True, kw_only=True):
    """How the night went.

    Attributes:
        status: One word, as on the page Last night.
        complete: Tables that are loaded.
        expected: Tables that there are.
        published_at: When readers got the marts of the day.
        note: Why they did not; `note_ko` is the same in Korean.
        warnings: What a person should look at; `warnings_ko` is the same in Korean, and empty in briefs of before it
            was stated.
    """

    status: str
    complete: Count
    expected: Count
    rows_read: Count
    requests: Count
    published_at: Moment | None = None
    note: str | None = None
    note_ko: str | None = None
    warnings: tuple[str, ...] = ()
    warnings_ko: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    incidents: tuple[Trouble, ...] = ()


class ModelText(Document, frozen=True, kw_only=True):
    """What a language model wrote for a brief in one language.

    Attributes:
        model: The name of the model.
        opening: What changed in the lists; None: the template is used.
        findings: What the findings mean, if there are some.
        reason: Why the template is used: the own message of an error, in English.
    """

    model: str
    opening: str | None = None
    findings: str | None = None
    reason: str | None = None


class Brief(Document, frozen=True, kw_only=True):
    """The brief of one Korean day.

    Attributes:
        games: None if nothing is published.
        texts: What a language model wrote, by language; without a model there is none.
    """

    format_version: Annotated[int, Meta(ge=1, le=1)] = 1
    day: date
    made_at: Moment
    generation: str | None = None
    games: Games | None = None
    platform: Platform
    texts: dict[str, ModelText] = msgspec.field(default_factory=dict)


class BriefError(DocumentError):
    """A brief in the lake is damaged, or there is none."""


def key_of(day: date) -> str:
    """Return the key of a day's brief."""
    return f"{PREFIX}{day}.json"


def page_key(day: date | str, language: str) -> str:
    """Return the key of a page: of a day, or of `latest`."""
    return f"{PREFIX}{day}.{language}.html"


def encode(brief: Brief) -> bytes:
    """Return a brief as JSON that people can read too."""
    return msgspec.json.format(msgspec.json.encode(brief), indent=2) + b"\n"
