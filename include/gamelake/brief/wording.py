"""The text of a brief, in English or Korean: an opening, and sections that have something to tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gamelake.days import KST
from gamelake.marts import lists
from gamelake.nights.documents import NightStatus
from gamelake.words import Language, Texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from gamelake.brief.documents import Brief, Game, GameList, Games, ModelText, Platform, Release

text = Texts(Path(__file__).with_name("texts.toml"))
_CALM = {NightStatus.COMPLETE, NightStatus.WARNING}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the lines below it."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A brief for people. `lines` has all of it below the title, as one message."""

    title: str
    opening: str
    sections: tuple[Section, ...]
    foot: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The opening, and each section after an empty line."""
        found = [self.opening]
        for section in self.sections:
            found += ["", section.heading, *(f"- {line}" for line in section.lines)]
        return (*found, "", self.foot)

    def __str__(self) -> str:
        return "\n".join((self.title, *self.lines))


def worded(brief: Brief, language: Language) -> Text:
    """Return the text of a brief.

    Args:
        brief: The brief.
        language: Of all but names and causes, which stay as they are.
    """
    words, written = Words(language), brief.texts.get(language)
    games, platform = brief.games, brief.platform
    findings = _findings(words, platform)
    if written and written.findings:
        findings.insert(0, written.findings)
    sections = [
        *(_sections_of_games(words, games) if games else ()),
        (words("heading.night"), _night(words, platform)),
        (words("heading.incidents"), _incidents(words, platform)),
        (words("heading.findings"), findings),
    ]
    return Text(
        title=words("title.brief", day=brief.day),
        opening=" ".join([*_warnings(words, brief), *_opening(words, brief, written)]),
        sections=tuple(Section(heading, tuple(lines)) for heading, lines in sections if lines),
        foot=" ".join(_foot(words, brief, written)),
    )


class Words:
    """The texts in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, name: str, **values: Any) -> str:
        """Return a text of texts.toml, such as `line.first`."""
        return text(name, **values).in_language(self.language)

    def of_lists(self, name: str, **values: Any) -> str:
        """Return a text of marts/lists.toml."""
        section, key = name.split(".")
        return str(lists.texts()[section][key][self.language].format_map(values))

    def either(self, english: str | None, korean: str | None) -> str:
        """Return a text of a document; one of before its Korean text was stated has the English one."""
        return ((korean if self.language == "ko" else "") or english) or ""

    def game(self, game: Game | Release) -> str:
        """Return the name of a game: the Korean title where there is one, and the reader is Korean."""
        return game.name_ko if self.language == "ko" and game.name_ko else game.name

    def time(self, moment: datetime) -> str:
        """Return a moment in Korean time, to the minute."""
        return f"{moment.astimezone(KST):%Y-%m-%d %H:%M}"


def _warnings(words: Words, brief: Brief) -> Iterator[str]:
    """Yield what every reader has to see: always in these words."""
    games, platform = brief.games, brief.platform
    if platform.status not in _CALM:
        yield words("opening.night")
    if platform.incidents:
        yield words("opening.incidents", count=len(platform.incidents))
    if games is None:
        yield words("opening.odd_marts" if brief.generation else "opening.no_marts")
    elif games.day != brief.day:
        yield words("opening.old", day=games.day)


def _opening(words: Words, brief: Brief, written: ModelText | None) -> Iterator[str]:
    """Yield what changed: in the words of a model, if there are some that may be used."""
    games, platform = brief.games, brief.platform
    if games is None:
        return
    count = len(firsts(games))
    if written and written.opening:
        yield written.opening
    else:
        if count:
            yield words("opening.firsts", count=count)
        if games.all_releases:
            yield words("opening.releases", count=games.all_releases)
    if games.compared_with is None:
        yield words("opening.no_compare")
    elif platform.status in _CALM and not (count or games.all_releases or platform.incidents or movers(games)):
        yield words("opening.quiet")


def _foot(words: Words, brief: Brief, written: ModelText | None) -> Iterator[str]:
    games = brief.games
    yield words("foot.made", time=words.time(brief.made_at), day=games.day if games else brief.day)
    if written and written.opening:
        yield words("foot.model", model=written.model)
    elif written:
        yield words("foot.template", model=written.model, reason=written.reason)


def firsts(games: Games) -> list[GameList]:
    """Return the lists that have a new number one."""
    return [each for each in games.lists if each.first and each.is_first_new]


def movers(games: Games) -> list[GameList]:
    """Return the lists in which a game climbed or is new."""
    return [each for each in games.lists if each.mover]


def _sections_of_games(words: Words, games: Games) -> Iterator[tuple[str, list[str]]]:
    if games.compared_with is None:
        yield words("heading.tops"), [_first(words, each) for each in games.lists if each.first]
    yield words("heading.firsts"), [_first(words, each) for each in firsts(games)]
    yield words("heading.movers"), [_mover(words, each) for each in movers(games)]
    releases = [_release(words, each) for each in games.releases]
    if games.all_releases > len(releases):
        releases.append(words("line.more", count=games.all_releases - len(releases)))
    yield words("heading.releases"), releases
    yield words("heading.gems"), [words("line.game", game=words.game(each)) for each in games.gems]


def figure_of(words: Words, each: GameList) -> str:
    """Return the figure of the first game of a list, with its unit."""
    chosen, first = lists.BY_KEY[each.key], each.first
    assert first  # noqa: S101 - only lists that have one
    if isinstance(first.figure, float):
        figure = f"{first.figure:,.1f}" if chosen.is_share_of_100 else f"{first.figure:,.0f}"
    else:
        figure = str(first.figure)
    return f"{figure} {words.of_lists(f'unit.{chosen.unit}')}"


def _first(words: Words, each: GameList) -> str:
    assert each.first  # noqa: S101 - only lists that have one
    name = words.of_lists(f"list.{each.key}")
    return words("line.first", list=name, game=words.game(each.first), figure=figure_of(words, each))


def _mover(words: Words, each: GameList) -> str:
    mover = each.mover
    assert mover  # noqa: S101 - only lists that have one
    name = "line.entered" if mover.change is None else "line.climbed"
    values = {"game": words.game(mover), "places": mover.change, "rank": mover.rank}
    return words(name, list=words.of_lists(f"list.{each.key}"), **values)


def _release(words: Words, release: Release) -> str:
    name = words.game(release)
    platforms = ", ".join(release.platforms)
    return words("line.release", game=name, platforms=platforms) if platforms else words("line.game", game=name)


def _night(words: Words, platform: Platform) -> list[str]:
    found = [
        words("line.status", status=words(f"status.{platform.status}")),
        words(
            "line.tables",
            complete=platform.complete,
            expected=platform.expected,
            rows=f"{platform.rows_read:,}",
            requests=f"{platform.requests:,}",
        ),
    ]
    if platform.published_at:
        found.append(words("line.published", time=words.time(platform.published_at)))
    elif platform.note:
        found.append(words("line.unpublished", note=words.either(platform.note, platform.note_ko)))
    warnings = platform.warnings_ko if words.language == "ko" and platform.warnings_ko else platform.warnings
    return [*found, *(words("line.warning", text=each) for each in warnings)]


def _incidents(words: Words, platform: Platform) -> list[str]:
    return [
        words(
            "line.incident" if each.cause_ko else "line.error",
            severity=each.severity,
            title=words.either(each.title, each.title_ko) or each.key,
            cause=words.either(each.cause, each.cause_ko),
            since=words.time(each.since),
        )
        for each in platform.incidents
    ]


def _findings(words: Words, platform: Platform) -> list[str]:
    def lines() -> Iterable[str]:
        for each in platform.findings:
            message = words.either(each.message, each.message_ko)
            if each.is_over:
                yield words("line.over", message=message)
            else:
                yield words("line.finding", severity=each.severity, message=message, since=words.time(each.since))

    return list(lines())
