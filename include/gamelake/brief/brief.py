"""Make the brief of a day once, and read it again.

from gamelake.brief.brief import make, read
make(store, reports, date(2026, 11, 21), now=datetime.now(UTC))   # a second call returns what the first one made
read(store, date(2026, 11, 21))

A brief that has no lists of its day is made again when the marts of its day are published.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, get_args

from msgspec.structs import replace

from gamelake.brief.documents import PREFIX, Brief, BriefError, encode, key_of, page_key
from gamelake.brief.facts import OddMartsError, games_of, platform_of
from gamelake.brief.model_texts import model_texts
from gamelake.brief.page import html_of
from gamelake.brief.wording import text, worded
from gamelake.days import PartitionError, day_of, format_day
from gamelake.lake.documents import convert, parse_json, what_to_do
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError
from gamelake.marts.pointer import current
from gamelake.marts.reader import NotPublishedError, open_marts
from gamelake.words import Language

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gamelake.brief.model import Writer
    from gamelake.lake.store import ReadableStore, Store
    from gamelake.nights.report import NightReports

LATEST = "latest"
_KEY = re.compile(rf"{PREFIX}(\d{{4}}-\d\d-\d\d)\.json")


def make(store: Store, reports: NightReports, day: date, *, now: datetime, writer: Writer | None = None) -> Brief:
    """Make the brief of a day, unless there is one with the lists of the day: that one never changes.

    Args:
        store: The lake.
        reports: The nights of the same lake.
        day: The Korean day.
        now: The present.
        writer: The language model that words the opening and the findings, if one does.

    Raises:
        PartitionError: The day has not begun: its brief would be made, and the latest one, before anything is known.
        StoreError: The lake cannot be read or written.
        DocumentError: The pointer or a document of the marts is damaged.
    """
    try:
        before = read(store, day)
    except ObjectNotFoundError:
        before = None
    if before and _has_lists(before):
        return before
    if day > (today := day_of(now)):  # `make run` may have published days that are still to come
        shown = current(store)
        last = max(today, shown.day) if shown else today
        if day > last:
            raise PartitionError(format_day(day), f"{last} or earlier: no later day has begun")
    generation = games = None
    problems = []
    try:
        with open_marts(store, day=day) as marts:
            generation = marts.generation.generation
            games = games_of(marts)
    except NotPublishedError:
        pass
    except OddMartsError as error:  # what is to be told of the night does not need them
        problems.append(text("problem.marts", error=error))
    if before and (games is None or games.day != day):  # they are missing still
        return before
    platform = platform_of(store, reports.night(day), since=now - timedelta(days=1), problems=problems)
    brief = Brief(day=day, made_at=now, generation=generation, games=games, platform=platform)
    if writer:
        brief = replace(brief, texts=model_texts(brief, writer))
    try:
        store.put(key_of(day), encode(brief), if_absent=before is None)
    except ObjectExistsError:  # another task made it meanwhile
        return read(store, day)
    return brief


def make_again(
    store: Store, reports: NightReports, *, now: datetime, writer: Callable[[], Writer | None]
) -> Brief | None:
    """Make the newest brief and its pages again, if it lacks the lists of its day and they are published now.

    Args:
        store: The lake.
        reports: The nights of the same lake.
        now: The present.
        writer: Returns the language model, as of `make`; it is called only if the brief is made again.

    Returns:
        The brief that was made, None if none was.

    Raises:
        StoreError: The lake cannot be read or written.
        DocumentError: A brief, the pointer or a document of the marts is damaged.
    """
    day = newest_day(store)
    if day is None or _has_lists(read(store, day)):
        return None
    shown = current(store)
    if shown is None or shown.day != day:
        return None
    brief = make(store, reports, day, now=now, writer=writer())
    if not _has_lists(brief):
        return None
    publish_pages(store, brief)
    return brief


def _has_lists(brief: Brief) -> bool:
    return brief.games is not None and brief.games.day == brief.day


def read(store: ReadableStore, day: date) -> Brief:
    """Return the brief of a day. Raises: ObjectNotFoundError, there is none; BriefError, it is damaged; StoreError."""
    key = key_of(day)
    try:
        return convert(parse_json(store.get(key), BriefError), Brief, BriefError)
    except BriefError as error:
        hint = "restore the object from a backup, or delete it: the DAG daily_brief makes it again"
        raise BriefError(f"{key}: {error.key}", error.found, f"{error.expected}; {what_to_do(error, hint)}") from error


def newest_day(store: Store) -> date | None:
    """Return the day of the newest brief, None if there is none. Raises: StoreError."""
    days = [_KEY.fullmatch(info.key) for info in store.list(PREFIX)]
    return max((date.fromisoformat(each[1]) for each in days if each), default=None)


def publish_pages(store: Store, brief: Brief) -> list[str]:
    """Write the pages of a brief, and those of the latest one if it is that. Returns: the keys."""
    newest = newest_day(store)
    names: list[date | str] = [brief.day, *([LATEST] if newest is None or brief.day >= newest else [])]
    written = []
    for name in names:
        for language in get_args(Language):
            other = next(each for each in get_args(Language) if each != language)
            page = html_of(worded(brief, language), language, other=page_key(name, other).rpartition("/")[2])
            written.append(page_key(name, language))
            store.put(written[-1], page.encode())
    return written
