"""Compare the files of a table's months with their documents: find missing, damaged and unneeded ones.

The newest document of a month is always needed; an older one while it is the newest that names a needed part, and
RETENTION after the next one. While a document of a month is missing or damaged, none of its files is an orphan.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gamelake.lake.findings import RETENTION, Finding, Problem
from gamelake.lake.keys import number_of
from gamelake.lake.month_documents import MonthError, month_key, read_month
from gamelake.lake.uploads import DamagedPartError, verify_part

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from gamelake.lake.keys import TableName
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
    store: Store, name: TableName, needed: Collection[str], *, now: datetime, verify: bool = False
) -> Survey:
    """Look at the months of one table.

    Args:
        store: The lake.
        name: The table.
        needed: The keys of the parts that needed commits name.
        now: The present.
        verify: Read the files and compare their hashes, not only their sizes.

    Raises:
        StoreError: The lake cannot be read.
    """
    there: dict[str, dict[str, ObjectInfo]] = defaultdict(dict)
    for info in store.list(name.months_prefix):
        there[info.key.removeprefix(name.months_prefix).partition("/")[0]][info.key] = info
    survey = Survey()
    for month, objects in there.items():
        _survey_month(store, name, month, objects, survey, needed=needed, now=now, verify=verify)
    return survey


def _survey_month(
    store: Store,
    name: TableName,
    month: str,
    objects: Mapping[str, ObjectInfo],
    survey: Survey,
    *,
    needed: Collection[str],
    now: datetime,
    verify: bool,
) -> None:
    prefix = name.month_prefix(month)
    numbers = {number for key in objects if (number := number_of(prefix, key)) is not None}
    documents: list[Month] = []
    is_whole = True
    for number in range(max(numbers, default=0), 0, -1):
        key = month_key(name, month, number)
        if number not in numbers:
            is_whole = False
            survey.findings.append(Finding(Problem.MISSING, key, "the documents of a month are numbered without gaps"))
            continue
        try:
            documents.append(read_month(store, name, month, number))
        except MonthError as error:
            is_whole = False
            survey.findings.append(Finding(Problem.DAMAGED, key, str(error)))
    named: set[str] = set()
    superseded_at: datetime | None = None
    for document in documents:
        committed_at = objects[document.key].modified
        own = {part.key for part in document.parts if part.key in needed and part.key not in survey.of_part}
        if superseded_at is None or own or not is_whole or superseded_at >= now - RETENTION:
            named.add(document.file.key)
            findings = list(_check_file(store, document, objects.get(document.file.key), verify=verify))
            survey.findings += findings
            is_old = is_whole and not findings and committed_at < now - RETENTION
            survey.of_part |= dict.fromkeys(own, PartInMonth(document.file.key, is_old))
        superseded_at = committed_at
    if is_whole:
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
