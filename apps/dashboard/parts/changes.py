"""What changed in a game, in words."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from html import escape
from typing import TYPE_CHECKING

from apps.dashboard.data import changes
from apps.dashboard.parts import html
from apps.dashboard.texts import all_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View
    from apps.dashboard.texts import Texts

LONGEST = 160
"""Characters of a value that are shown."""
NAMES = 6
"""Names that are shown of those that were added or removed."""


def show(view: View, game: int) -> None:
    """Draw the changes of a game, and what is not known of them."""
    if not changes.is_told(view.snapshot):
        return
    t = view.texts
    html.heading(t("changes.title"))
    known = changes.since(view.snapshot)
    found = changes.of_game(view.snapshot, game)
    if found:
        body = [[escape(t.date(row["day"])), _field(t, row), _words(t, row)] for row in found]
        head = [t("changes.day"), t("changes.field"), t("changes.what")]
        html.table(head, body, caption=t("changes.title"), texts_first=3, kind="gl-wraps")
    else:
        html.note(t("empty.changes") if known else t("empty.no_feed"))
    if known:
        html.hint(t("changes.since", day=t.date(known)))
    if missing := changes.unknown_days(view.snapshot):
        html.hint(t("changes.gaps", days=", ".join(map(t.date, missing))))


def deletion(view: View, game: int) -> str | None:
    """Return when a game was deleted, in words; None if that is not known."""
    row, t = changes.deletion(view.snapshot, game), view.texts
    return t("changes.deleted_game", name=row["before_value"], day=t.date(row["day"])) if row else None


def _field(t: Texts, row: Row) -> str:
    key = f"changed.{row['field']}"
    return escape(t(key)) if key in all_texts() else html.text(row["field_name"])


def _words(t: Texts, row: Row) -> str:
    if row["change"] != "updated":
        return escape(t(f"changes.{row['change']}"))
    if row["added_names"] or row["removed_names"]:
        told = (_names(t, "changes.added", row["added_names"]), _names(t, "changes.removed", row["removed_names"]))
        return escape("; ".join(filter(None, told)))
    before, after = (_value(t, row["field"], row[side]) for side in ("before_value", "after_value"))
    if before == after:  # such as ratings that differ in the second decimal
        before, after = row["before_value"], row["after_value"]
    if before is None and after is None:
        return escape(t("changes.empty"))
    if before is None:
        return escape(t("changes.new", after=_cut(after)))
    if after is None:
        return escape(t("changes.lost", before=_cut(before)))
    return escape(t("changes.moved", before=_cut(before), after=_cut(after)))


def _names(t: Texts, key: str, names: Sequence[str] | None) -> str:
    """Return names in words; of ids without a name only how many they are."""
    named = [name for name in names or () if not name.startswith("#")]
    told = [_cut(name) for name in named[:NAMES]]
    if more := len(names or ()) - len(told):
        told.append(t("changes.more" if told else "changes.some", count=t.number(more)))
    return t(key, names=", ".join(told)) if told else ""


def _value(t: Texts, field: str, value: str | None) -> str | None:
    """Return a value as the page writes it; a text as it is."""
    if value is None:
        return None
    with suppress(ValueError):
        if field.endswith("rating"):
            return t.rating(float(value))
        if field.endswith("_count") or field in {"hypes", "follows"}:
            return t.number(int(value))
        if field in {"first_release_date", "created_at"}:
            return t.date(date.fromisoformat(value))
    return value


def _cut(text: str | None) -> str:
    plain = " ".join((text or "").split())
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"
