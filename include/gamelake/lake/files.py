"""What a manifest says of one part, and which parts still count after a commit. Pure: no store is touched here.

ManifestError      a manifest, or what was to become one, says something that cannot be
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from gamelake.days import PartitionError, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ManifestError(ValueError):
    """Names the key of the manifest, the value found and what was expected."""

    def __init__(self, key: str, found: object, expected: str) -> None:
        super().__init__(key, found, expected)
        self.key = key
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.key}: found {self.found!r}, expected {self.expected}"


@dataclass(frozen=True, slots=True, order=True)
class IdRange:
    """Ids from `low` to below `high`; `high` None: there is no upper end.

    A part claims an id range if it has all rows of it.

    Raises:
        ManifestError: `low` is below 0, or `high` is not above it.
    """

    low: int
    high: int | None

    def __post_init__(self) -> None:
        if self.low < 0:
            raise ManifestError("claims.low", self.low, "an id, 0 or more")
        if self.high is not None and self.high <= self.low:
            raise ManifestError("claims.high", self.high, f"null or more than low, which is {self.low}")

    def __contains__(self, row_id: int) -> bool:
        return self.low <= row_id < self.end

    @property
    def end(self) -> float:
        """The upper end as a number: infinity if there is none."""
        return inf if self.high is None else self.high

    def overlaps(self, other: IdRange) -> bool:
        """Whether some id is in both ranges."""
        return self.low < other.end and other.low < self.end


ALL_IDS = IdRange(0, None)


def merge_ranges(ranges: Iterable[IdRange]) -> tuple[IdRange, ...]:
    """Return the same ids in the fewest ranges: ascending, none touching another."""
    merged: list[IdRange] = []
    for ids in sorted(ranges, key=lambda ids: ids.low):
        if merged and ids.low <= merged[-1].end:
            if ids.end > merged[-1].end:
                merged[-1] = IdRange(merged[-1].low, ids.high)
        else:
            merged.append(ids)
    return tuple(merged)


def ids_outside(ranges: Iterable[IdRange]) -> tuple[IdRange, ...]:
    """Return the ids that are in no range, ascending; the last result has no upper end unless a range has none."""
    gaps: list[IdRange] = []
    low = 0
    for ids in merge_ranges(ranges):
        if ids.low > low:
            gaps.append(IdRange(low, ids.low))
        if ids.high is None:
            return tuple(gaps)
        low = ids.high
    return (*gaps, IdRange(low, None))


@dataclass(frozen=True, slots=True)
class File:
    """One part: where it lies, what it holds, and what it claims.

    rows: lines; an id occurs at most once in a part. bytes, sha256: of the object as stored, that is compressed.
    min_id, max_id: None for a part without rows, and for a table without ids: its rows always count.
    max_updated_at: unix seconds, None if no row has one.
    claims: ascending, not touching; empty for a part that says "these rows changed".

    Raises: ManifestError.
    """

    key: str
    partition: str
    rows: int
    bytes: int
    sha256: str
    min_id: int | None
    max_id: int | None
    max_updated_at: int | None
    claims: tuple[IdRange, ...] = ()

    def __post_init__(self) -> None:
        check_partition(f"{self.key}: partition", self.partition)
        self._expect("rows", self.rows >= 0, "0 or more")
        self._expect("bytes", self.bytes > 0, "more than 0: even an empty gzip has a header")
        self._expect("sha256", bool(_SHA256.fullmatch(self.sha256)), "64 hexadecimal digits")
        self._expect("max_updated_at", self.max_updated_at is None or self.max_updated_at >= 0, "seconds or null")
        self._check_ids()
        self._check_claims()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> File:
        """Return the file that a parsed JSON object of a manifest's `files` describes."""
        return cls(**{**document, "claims": tuple(IdRange(**claim) for claim in document.get("claims", ()))})

    @property
    def ids(self) -> IdRange | None:
        """The range in which the part's ids lie, None for a part without rows."""
        return None if self.min_id is None or self.max_id is None else IdRange(self.min_id, self.max_id + 1)

    def _check_ids(self) -> None:
        if self.min_id is None or self.max_id is None:
            self._expect("min_id", self.min_id is None, "null, as max_id is")
            self._expect("max_id", self.max_id is None, "null, as min_id is")
            without_ids = self.rows > 0 and not self.claims
            self._expect(
                "claims", without_ids or bool(self.claims), "a claim: without rows and claims the part says nothing"
            )
            self._expect(
                "rows", without_ids or self.rows == 0, "0, as min_id and max_id are null and the part has claims"
            )
            return
        self._expect("min_id", self.min_id >= 0, "an id, 0 or more")
        self._expect("max_id", self.max_id >= self.min_id, f"min_id, which is {self.min_id}, or more")
        most = self.max_id - self.min_id + 1
        self._expect("rows", 0 < self.rows <= most, f"1 to {most}, as many as there are ids from min_id to max_id")

    def _check_claims(self) -> None:
        for before, claim in zip(self.claims, self.claims[1:], strict=False):
            expected = "claims in ascending order that neither overlap nor touch"
            self._expect("claims", before.end < claim.low, expected)
        if self.claims and self.min_id is not None and self.max_id is not None:
            for name, row_id in (("min_id", self.min_id), ("max_id", self.max_id)):
                self._expect(name, any(row_id in claim for claim in self.claims), "an id that the part claims")

    def _expect(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ManifestError(f"{self.key}: {name}", getattr(self, name), expected)


def check_partition(key: str, partition: str) -> None:
    """Refuse a partition of no declared scheme.

    Raises:
        ManifestError: It is neither a day nor an hour.
    """
    try:
        scheme_of(partition)
    except PartitionError as error:
        expected = "a day such as 2026-11-21, or an hour such as 2026-11-21T04"
        raise ManifestError(key, partition, expected) from error


def merge_files(kept: Sequence[File], new: Sequence[File], *, per_partition: bool = False) -> tuple[File, ...]:
    """Return the files of the next commit: those of the last one that still count, then the new ones.

    A file counts no more when later files claim every id from its `min_id` to its `max_id`, so that a full load
    replaces everything; unless its own claims still void a row of an older file: then it stays for their sake.
    The rows that the result shows are those that `[*kept, *new]` shows. A part that is in both (a run tried again wrote
    the same bytes) is where it is in `new`.

    per_partition: a time series. Claims then hold only among files of one partition: past days keep their files, and
    a second reading of a day replaces that day's.
    """
    again = {file.key for file in new}
    files = [*(file for file in kept if file.key not in again), *new]
    groups: dict[str, list[int]] = defaultdict(list)
    for ordinal, file in enumerate(files):
        groups[file.partition if per_partition else ""].append(ordinal)
    counting = {ordinal for ordinals in groups.values() for ordinal in _counting(files, ordinals)}
    return tuple(file for ordinal, file in enumerate(files) if ordinal in counting)


def _counting(files: Sequence[File], ordinals: Sequence[int]) -> list[int]:
    """Of one group of files, those that still count."""
    claimed_after: dict[int, tuple[IdRange, ...]] = {}
    later: tuple[IdRange, ...] = ()
    for ordinal in reversed(ordinals):
        claimed_after[ordinal] = later
        later = merge_ranges([*later, *files[ordinal].claims])

    counting: list[int] = []
    for ordinal in ordinals:
        later = claimed_after[ordinal]
        ids = files[ordinal].ids
        shows_rows = files[ordinal].rows > 0 and (ids is None or not _covers(later, ids))
        if shows_rows or any(
            not _covers(later, common)
            for claim in files[ordinal].claims
            for older in counting
            if (common := _overlap(claim, files[older].ids))
        ):
            counting.append(ordinal)
    return counting


def _covers(claims: Sequence[IdRange], ids: IdRange) -> bool:
    """Whether every id of the range is claimed; the claims are merged, so one of them must hold it whole."""
    return any(claim.low <= ids.low and ids.end <= claim.end for claim in claims)


def _overlap(claim: IdRange, ids: IdRange | None) -> IdRange | None:
    if ids is None or ids.high is None or ids.low >= claim.end or ids.high <= claim.low:
        return None
    return IdRange(max(claim.low, ids.low), ids.high if claim.high is None else min(claim.high, ids.high))
