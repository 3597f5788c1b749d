"""Compare the files of a table's months with their documents: find missing, damaged and unneeded ones.

The newest document of a month is always needed; an older one while it is the newest that names a needed part, and
RETENTION after the next one. While a document of a month is missing or damaged, none of its files is an orphan. That
the newest one is missing shows no number: only a needed part that is nowhere else.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gamelake.lake.findings import RETENTION, Finding, Problem
from gamelake.lake.keys import number_of
from gamelake.lake.month_documents import MonthError, month_key, month_of, read_month
from gamelake.lake.uploads import DamagedPartError, verify_part

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from gamelake.lake.keys import TableName
    from gamelake.lake.manifest import Part
    from gamelake.lake.month_documents import Month
    from gamelake.lake.store import ObjectInfo, Store


@dataclass(frozen=True, slots=True)
class PartInMonth:
    """A needed part whose rows a file has. is_old: its object is unneeded since RETENTION, and the file is there."""

    file: str
    is_old: bool


@dataclass(slots=True)
class Survey:
    """What an audit found of the months of a table, and which needed parts they have."""

    findings: list[Finding] = field(default_factory=list)
    of_part: dict[str, PartInMonth] = field(default_factory=dict)


def survey_months(
    store: Store,
    name: TableName,
    needed: Collection[tuple[Part, bool]],
    *,
    now: datetime,
    verify: bool = False,
) -> Survey:
    """Look at the months of one table.

    Args:
        store: The lake.
        name: The table.
        needed: The parts that needed commits name, each with whether its object is there.
        now: The present.
        verify: Read the files and compare their hashes, not only their sizes.

    Raises:
        StoreError: The lake cannot be read.
    """
    there: dict[str, dict[str, ObjectInfo]] = defaultdict(dict)
    for info in store.list(name.months_prefix):
        there[info.key.removeprefix(name.months_prefix).partition("/")[0]][info.key] = info
    survey = Survey()
    of_month: dict[str, list[tuple[Part, bool]]] = defaultdict(list)
    for part, is_there in needed:
        of_month[month_of(part.partition)].append((part, is_there))
    for month, objects in there.items():
        _survey_month(store, name, month, objects, survey, needed=of_month[month], now=now, verify=verify)
    return survey


def _read_documents(
    store: Store, name: TableName, month: str, objects: Collection[str]
) -> tuple[list[Month], list[Finding]]:
    """Return the documents of a month, the newest first, and those that are missing or damaged."""
    prefix = name.month_prefix(month)
    numbers = {number for key in objects if (number := number_of(prefix, key)) is not None}
    documents: list[Month] = []
    broken: list[Finding] = []
    for number in range(max(numbers, default=0), 0, -1):
        key = month_key(name, month, number)
        if number not in numbers:
            broken.append(Finding(Problem.MISSING, key, "the documents of a month are numbered without gaps"))
            continue
        try:
            documents.append(read_month(store, name, month, number))
        except MonthError as error:
            broken.append(Finding(Problem.DAMAGED, key, str(error)))
    return documents, broken


def _survey_month(
    store: Store,
    name: TableName,
    month: str,
    objects: Mapping[str, ObjectInfo],
    survey: Survey,
    *,
    needed: Collection[tuple[Part, bool]],
    now: datetime,
    verify: bool,
) -> None:
    documents, broken = _read_documents(store, name, month, objects)
    is_whole = not broken
    survey.findings += broken
    # Of a part that is nowhere, a document is lost that was the newest, or the only one.
    in_files = {(part.key, part.sha256) for document in documents for part in document.parts}
    is_known = all(is_there or (part.key, part.sha256) in in_files for part, is_there in needed)
    left = {(part.key, part.sha256) for part, _ in needed}
    named: set[str] = set()
    superseded_at: datetime | None = None
    is_sound = True
    for document in documents:
        committed_at = objects[document.key].modified
        own = left & {(part.key, part.sha256) for part in document.parts}
        if superseded_at is not None and superseded_at >= now - RETENTION:
            named.add(document.file.key)  # who began to read before the next document reads it still
        is_newest = superseded_at is None
        if is_newest or not is_whole or (own and (is_sound or document.file.key in objects)):
            named.add(document.file.key)
            findings = list(_check_file(store, document, objects.get(document.file.key), verify=verify))
            survey.findings += findings
            if findings:
                is_sound = False  # an older file has the same rows, if it is there still
            else:
                left -= own
            is_old = is_whole and is_known and not findings and committed_at < now - RETENTION
            survey.of_part |= dict.fromkeys((key for key, _ in own), PartInMonth(document.file.key, is_old))
        superseded_at = committed_at
    if is_whole and is_known:
        reason = f"no document of {month} that counts names it"
        survey.findings += [
            Finding.orphan(info, reason)
            for key, info in objects.items()
            if key.endswith(".parquet") and key not in named
        ]


def _check_file(store: Store, document: Month, info: ObjectInfo | None, *, verify: bool) -> Iterator[Finding]:
    named = f"{document.key} names it"
    if info is None:
        yield Finding(Problem.MISSING, document.file.key, named)
    elif info.size != document.file.bytes:
        reason = f"{named} with {document.file.bytes} bytes, the store has {info.size}"
        yield Finding(Problem.DAMAGED, document.file.key, reason, info.size, info.modified)
    elif verify:
        try:
            verify_part(store, document.file)
        except DamagedPartError as error:
            yield Finding(Problem.DAMAGED, document.file.key, f"{named}; {error}", info.size, info.modified)
