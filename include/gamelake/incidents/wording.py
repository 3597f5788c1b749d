"""The text of a message, in English or Korean: the cause first, then what readers see and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gamelake.days import KST, day_of_partition
from gamelake.incidents.documents import SETTLED, Event
from gamelake.words import Language, Texts, Words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from gamelake.incidents.documents import Incident, Message

text = Texts(Path(__file__).with_name("texts.toml"))
DOCS = "docs/guides/"
SHOWN_PARTS = 10
_NIGHTLY = {"load", "transform"}
"""The scopes whose failures leave a night without something."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message for people: a title of one line, and the lines below it."""

    title: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((self.title, *self.lines))


def worded(incident: Incident, message: Message, *, language: Language, airflow_url: str | None) -> Text:
    """Return the text of a message.

    Args:
        incident: Its incident, for scope and kind.
        message: Of the incident.
        language: The language of all but the cause and names, which stay as they are.
        airflow_url: The address of Airflow's web UI, for links.
    """
    line, own = _Lines(language), _own(incident)
    title = titled(incident, part=message.part, night=message.night).in_language(language)
    links = _links(line, message, airflow_url)
    if message.event is Event.OVER:
        lines = [*_ending(line, message, is_nightly=_family(incident) in _NIGHTLY), *_facts(line, message), *links]
        return Text(line("over", title=title), tuple(lines))
    lines = [
        _cause(line, message, language),
        line("since", time=line.time(message.at), night=message.night),
        *([line("comes_and_goes", hours=_hours(SETTLED))] if message.event is Event.RETURNED else []),
        *_facts(line, message),
        line("do", do=own["do"][language].format_map(_values(incident, part=message.part, night=message.night))),
        *links,
        line("runbook", url=incident.runbook or f"{DOCS}{own['runbook']}"),
    ]
    if message.event in {Event.GREW, Event.WORSENED, Event.RETURNED}:
        title = line(message.event.value, title=title)
    return Text(f"[{message.severity}] {title}", tuple(lines))


def titled(incident: Incident, *, part: str, night: str) -> Words:
    """Return what an incident is, in one line: the failure of a part in a night."""
    own = _own(incident)["title"]
    values = _values(incident, part=part, night=night)
    return Words(own["en"].format_map(values), own["ko"].format_map(values))


def trial(language: Language) -> Text:
    """Return the text of a trial message."""
    own = text.all["trial"]
    return Text(own["title"][language], (own["do"][language],))


def _family(incident: Incident) -> str:
    return incident.scope.partition(".")[0]


def _own(incident: Incident) -> dict[str, Any]:
    """Return the sentences of its kind, of its scope, or of any scope: people report their own faults."""
    family: dict[str, Any] = text.all.get(_family(incident), {})
    found = (family.get(incident.kind), family.get("other"), text.all["any"]["other"])
    return next(dict(each) for each in found if each and "title" in each)


def _values(incident: Incident, *, part: str, night: str) -> dict[str, str]:
    source = incident.scope.partition(".")[2]
    return {"source": source, "part": part, "night": night, "incident": incident.key}


def _cause(line: _Lines, message: Message, language: Language) -> str:
    """Return the cause: a sentence of ours in the language, or an error's own message as it is."""
    if message.cause_ko is None:
        return line("error", cause=message.cause)
    return line("cause", cause=Words(message.cause, message.cause_ko).in_language(language))


class _Lines:
    """The lines of texts.toml in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __call__(self, name: str, **values: Any) -> str:
        return text(f"line.{name}", **values).in_language(self._language)

    def time(self, moment: datetime) -> str:
        """Return a moment in Korean time, with UTC."""
        korean = moment.astimezone(KST)
        return self("time", day=korean.date(), korean=f"{korean:%H:%M}", utc=f"{moment.astimezone(UTC):%H:%M}")

    def listed(self, names: Sequence[str]) -> str:
        """Return the first names, and how many more there are."""
        shown = ", ".join(names[:SHOWN_PARTS])
        more = len(names) - SHOWN_PARTS
        return f"{shown} {self('more', count=more)}" if more > 0 else shown


def _ending(line: _Lines, message: Message, *, is_nightly: bool) -> list[str]:
    minutes = int((message.at - message.since).total_seconds()) // 60
    duration = line("duration" if minutes else "moment", hours=minutes // 60, minutes=minutes % 60)
    lines = [
        line("lasted", duration=duration, start=line.time(message.since), end=line.time(message.at)),
        line("failed", count=len(message.parts), parts=line.listed(message.parts)),
        *([line("returns", count=message.returns, hours=_hours(SETTLED))] if message.returns else []),
    ]
    if is_nightly:
        lines.append(line("missed", missed=line.listed(message.missed)) if message.missed else line("made_up"))
    return lines


def _hours(time: timedelta) -> int:
    return int(time.total_seconds()) // 3600


def _facts(line: _Lines, message: Message) -> list[str]:
    lines = [line("loaded", done=message.loaded[0], all=message.loaded[1])] if message.loaded else []
    if message.readers_day:
        lines.append(line("readers", day=message.readers_day))
    elif message.is_published is False:
        lines.append(line("no_readers"))
    return lines


def _links(line: _Lines, message: Message, airflow_url: str | None) -> list[str]:
    lines = [line("log", url=message.log_url)] if message.log_url else []
    if airflow_url:
        day = day_of_partition(message.night)
        lines.append(line("last_night", url=f"{airflow_url.rstrip('/')}/plugin/last-night?day={day}"))
    return lines
