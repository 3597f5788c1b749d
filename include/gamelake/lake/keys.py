"""Where everything of a table lies in the lake (contract).

raw/<entity>/dt=2026-11-21/<run>/part-00000.jsonl.gz
raw/<entity>/dt=2026-11-21/<run>/_progress.json                while the run goes on
raw/<entity>/_manifests/00000000000000000042.json
raw/<entity>/_manifest.json
raw/<entity>/_rejected/dt=2026-11-21/<time>.jsonl              rows that broke the contract, and why
"""

from __future__ import annotations

import hashlib
import re

RAW = "raw/"
"""What the lifecycle rules cover."""

_ENTITY = re.compile(r"[a-z][a-z0-9_]*")
_RUN_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_RUN_LENGTH = 100
_VERSION_DIGITS = 20


def table_prefix(entity: str) -> str:
    """What every key of an entity's table starts with.

    Raises: ValueError, for a name that the registry would refuse.
    """
    if not _ENTITY.fullmatch(entity):
        raise ValueError(f"entity: found {entity!r}, expected a name in lower case, such as game_modes")
    return f"{RAW}{entity}/"


def manifests_prefix(entity: str) -> str:
    """What the keys of an entity's commits start with."""
    return f"{table_prefix(entity)}_manifests/"


def manifest_key(entity: str, version: int) -> str:
    """The commit of that number; keys sort as their numbers do."""
    return f"{manifests_prefix(entity)}{version:0{_VERSION_DIGITS}}.json"


def manifest_version(key: str) -> int | None:
    """The number of the commit at a key, or None if the key is no commit's."""
    name = key.rpartition("/")[2].removesuffix(".json")
    return int(name) if len(name) == _VERSION_DIGITS and name.isascii() and name.isdigit() else None


def pointer_key(entity: str) -> str:
    """The copy of the newest commit."""
    return f"{table_prefix(entity)}_manifest.json"


def rejected_prefix(entity: str) -> str:
    """What the keys of an entity's rejected rows start with."""
    return f"{table_prefix(entity)}_rejected/"


def rejected_key(entity: str, partition: str, time_ns: int) -> str:
    """The rows that one load of a day rejected; time_ns: when, nanoseconds since 1970."""
    return f"{rejected_prefix(entity)}dt={partition}/{time_ns}.jsonl"


def run_prefix(entity: str, partition: str, run_id: str) -> str:
    """What the keys of one run's parts start with."""
    return f"{table_prefix(entity)}dt={partition}/{run_folder(run_id)}/"


def part_key(entity: str, partition: str, run_id: str, number: int) -> str:
    """One part of a run."""
    return f"{run_prefix(entity, partition, run_id)}part-{number:05}.jsonl.gz"


def progress_key(entity: str, partition: str, run_id: str) -> str:
    """What a run has stored so far, for its next try."""
    return f"{run_prefix(entity, partition, run_id)}_progress.json"


def run_folder(run_id: str) -> str:
    """A run's id as a folder name that every file system, URL and glob takes: always the same for the same id.

    `scheduled__2026-11-20T19:00:00+00:00` has characters that not all of them take; these become `-`, and a short hash
    keeps ids apart that would then look alike.
    """
    safe = _RUN_UNSAFE.sub("-", run_id)[:_RUN_LENGTH].strip("-")
    if safe == run_id:
        return safe
    return f"{safe}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}".lstrip("-")
