"""Apply the steps of a feed to a table, to prove that they give a later version of it.

The rows of both versions are read in another way than the feed was made: part after part, in the order in which they
apply. Memory has the id and a hash of each row.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from gamelake.feeds.documents import FeedError
from gamelake.feeds.envelope import Op
from gamelake.feeds.feed import Feed
from gamelake.fields import FieldType
from gamelake.lake.manifest import ManifestError
from gamelake.lake.rows import LiveIds, read_lines
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import Table

if TYPE_CHECKING:
    from gamelake.feeds.envelope import Change
    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store
    from gamelake.registry import Entity

_NAMED = 20
"""Rows that differ that a report names."""
_DECODER = msgspec.json.Decoder()


@dataclass(slots=True)
class CheckReport:
    """What a check of a feed found.

    Attributes:
        from_version: The version of the table that was read first.
        to_version: The version with which the result was compared.
        steps: The steps that were applied.
        changes: Their changed rows.
        rows: The rows of the result.
        differing: How many rows differ, and `examples` names some of them.
    """

    from_version: int
    to_version: int
    steps: int = 0
    changes: int = 0
    rows: int = 0
    differing: int = 0
    examples: list[str] = field(default_factory=list)

    def differ(self, text: str) -> None:
        """Note a row that differs."""
        self.differing += 1
        if len(self.examples) < _NAMED:
            self.examples.append(text)


def check_feed(store: Store, entity: Entity, *, since: int | None = None, until: int | None = None) -> CheckReport:
    """Apply the steps of a feed to a version of its table, and compare the result with a later version.

    Args:
        store: The lake.
        entity: The table.
        since: The version to begin with, not before the one at which the feed last began. None: the oldest one that can
            be read.
        until: The version to end with. None: that of the newest step.

    Raises:
        FeedError: The feed has no steps between the two versions.
        ObjectNotFoundError: A version or a part of it is missing.
        StoreError, ManifestError: The lake cannot be read.
    """
    feed, table = Feed(store, entity.table), Table(store, entity.table)
    steps = list(feed.steps())
    if not steps:
        raise FeedError(
            f"{entity}: feed", "no step", f"one: load the table, then `gamelake feed make {entity}` makes it"
        )
    begins = [number for number, step in enumerate(steps) if step.from_version is None]
    steps = steps[begins[-1] if begins else 0 :]
    ends = [step.to_version for step in steps]
    last = ends[-1] if until is None else until
    if since is None:
        since = _oldest_readable(store, table, [end for end in ends if end <= last] or [last])
    for name, version in (("since", since), ("until", last)):
        if version not in ends:
            raise FeedError(f"{entity}: {name}", version, f"a version at which a step ends: of {ends[0]} to {ends[-1]}")
    if since > last:
        raise FeedError(f"{entity}: until", last, f"{since}, the version to begin with, or a later one")
    report = CheckReport(since, last)
    canonical = Canonical(entity)
    rows = read_table(store, table.read(since), canonical)
    for step in steps:
        if since < step.to_version <= last:
            report.steps += 1
            for change in feed.changes(step):
                report.changes += 1
                _apply(change, rows, canonical, report)
    report.rows = len(rows)
    expected = read_table(store, table.read(last), canonical)
    for row_id in sorted(rows.keys() | expected.keys()):
        if rows.get(row_id) != expected.get(row_id):
            report.differ(f"id {row_id}: {_how(row_id in rows, row_id in expected)}")
    return report


class Canonical:
    """Gives rows with the same values the same hash: fields in any order, and ids of a list in any order."""

    def __init__(self, entity: Entity) -> None:
        self._id_sets = [name for name, kind in entity.fields.items() if kind is FieldType.INT_ARRAY]

    def hash(self, row: dict[str, Any]) -> bytes:
        """Return the hash of a row."""
        values = {name: _canonical(value) for name, value in row.items()}
        for name in self._id_sets:
            if isinstance(values.get(name), list):
                values[name] = sorted(values[name], key=repr)
        return hashlib.blake2b(repr(sorted(values.items())).encode(), digest_size=16).digest()


def _canonical(value: Any) -> Any:
    """Return a value of JSON in one of the ways in which it can be written: 80.0 as 80."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_canonical(each) for each in value]
    if isinstance(value, dict):
        return tuple(sorted((name, _canonical(each)) for name, each in value.items()))
    return value


def read_table(store: Store, commit: Manifest, canonical: Canonical) -> dict[int, bytes]:
    """Return the hash of each row that a commit shows, by id."""
    rows: dict[int, bytes] = {}
    live = LiveIds()
    for part in commit.files:
        for claim in part.claims:
            for row_id in list(live.ids(claim.low, claim.high)):
                del rows[row_id]
            live.replace(claim, ())
        found = {}
        for line in read_lines(store, part):
            row = _DECODER.decode(line)
            found[row["id"]] = canonical.hash(row)
        live.add(found)
        rows.update(found)
    return rows


def _apply(change: Change, rows: dict[int, bytes], canonical: Canonical, report: CheckReport) -> None:
    before = None if change.before is None else canonical.hash(change.before)
    if rows.get(change.id) != before:
        report.differ(f"id {change.id}: `before` of version {change.version} is not the row of the version before")
    if change.op is Op.DELETED:
        rows.pop(change.id, None)
    elif change.after is not None:
        rows[change.id] = canonical.hash(change.after)


def _how(is_in_result: bool, is_in_table: bool) -> str:
    if is_in_result and is_in_table:
        return "the row of the feed is not the table's"
    return "the table does not have the row" if is_in_result else "the feed does not have the row"


def _oldest_readable(store: Store, table: Table, versions: list[int]) -> int:
    """Return the first of the versions that has all of its parts; the last one if none before it has."""
    for version in versions[:-1]:
        with suppress(ObjectNotFoundError, ManifestError):
            for part in table.read(version).files:
                store.info(part.key)
            return version
    return versions[-1]
