"""Changes in words, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gamelake.feeds.envelope import Op

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gamelake.feeds.documents import Step
    from gamelake.feeds.envelope import Change

VALUE_LENGTH = 60
"""Characters of a value that are shown."""
_NAMED_FIELDS = 6
_NOT_NEWS = {"updated_at", "checksum"}
"""Fields that change with every update: they are shown only where nothing else changed."""


def step_in_words(step: Step) -> str:
    """Return a step in one sentence, such as `138 rows created, 2,242 updated (hypes in 1,346), 69 deleted`."""
    if step.from_version is None:
        return "the feed begins here; the rows are those of the table"
    if not step.rows:
        return "nothing changed"
    words = [
        f"{step.created:,} created" if step.created else "",
        f"{step.updated:,} updated{_fields_in_words(step)}" if step.updated else "",
        f"{step.deleted:,} deleted" if step.deleted else "",
    ]
    return ", ".join(filter(None, words))


def change_in_words(change: Change) -> str:
    """Return a change in one line, such as `7346 Portal: hypes from 5 to 6`."""
    row = change.after or change.before or {}
    name = row.get("name")
    who = f"{change.id} {cut(name)}" if isinstance(name, str) and name else str(change.id)
    if change.op is Op.CREATED:
        return f"{who}: created"
    if change.op is Op.DELETED:
        return f"{who}: deleted"
    return f"{who}: {'; '.join(fields_in_words(change))}"


def fields_in_words(change: Change) -> Iterator[str]:
    """Yield a text for each field that an update changed, such as `hypes from 5 to 6`."""
    news = [name for name in change.changed if name not in _NOT_NEWS] or change.changed
    for name in news:
        before, after = (change.before or {}), (change.after or {})
        yield f"{name} {_moved(name, before, after)}"


def _moved(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if name not in before:
        return f"is new: {_value(after[name])}"
    if name not in after:
        return f"was {_value(before[name])}, and is no longer there"
    old, new = before[name], after[name]
    if isinstance(old, list) and isinstance(new, list):
        added, removed = [each for each in new if each not in old], [each for each in old if each not in new]
        told = [f"+ {_value(added)}" if added else "", f"- {_value(removed)}" if removed else ""]
        return " ".join(filter(None, told)) or f"from {_value(old)} to {_value(new)}"
    return f"from {_value(old)} to {_value(new)}"


def _fields_in_words(step: Step) -> str:
    """Return in how many rows the fields that changed most differ."""
    news = {name: rows for name, rows in step.fields.items() if name not in _NOT_NEWS} or step.fields
    named = [f"{name} in {rows:,}" for name, rows in list(news.items())[:_NAMED_FIELDS]]
    more = [f"{len(news) - len(named)} more fields"] if len(news) > len(named) else []
    return f" ({', '.join(named + more)})"


def _value(value: Any) -> str:
    return cut(orjson.dumps(value).decode() if not isinstance(value, str) else f'"{value}"')


def cut(text: str) -> str:
    """Return a text in one line, of at most VALUE_LENGTH characters."""
    plain = " ".join(text.split())
    return plain if len(plain) <= VALUE_LENGTH else f"{plain[: VALUE_LENGTH - 1]}…"
