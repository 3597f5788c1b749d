"""What can go wrong in a load besides the API and the store.

LoadError
├── LoadRefused         the run asks for what cannot be read; a retry cannot help
├── IncompleteError     the source's rows differ from its own count
├── ContractError       too many rows break the registry's contract
└── SupersededError     another load read the source much later and was faster to commit
"""

from __future__ import annotations


class LoadError(Exception):
    """A load that committed nothing."""


class LoadRefused(LoadError):
    """The run asks for what cannot be read: a retry cannot help."""


class IncompleteError(LoadError):
    """The source's reply differs from its own count, also when asked again."""

    def __init__(self, entity: str, where: str, rows: int, count: int | None) -> None:
        super().__init__(
            f"{entity}: {where}: the source returned {rows} rows but counts {count}, twice. Nothing was committed; "
            "run the load again, and report it to IGDB if it stays."
        )


class ContractError(LoadError):
    """Too many rows break the contract that the registry declares."""

    def __init__(self, entity: str, rejected: int, rows: int, example: str, kept_at: str) -> None:
        super().__init__(
            f"{entity}: {rejected} of the {rows} rows read so far break the contract of entities.yaml, more than a "
            f"load may have. The first one: {example}. All of them are kept at {kept_at}. Nothing was committed."
        )


class SupersededError(LoadError):
    """Another load read the source much later and was faster to commit: ours would put old rows over its new ones."""

    def __init__(self, entity: str, run_id: str, version: int, behind: int) -> None:
        super().__init__(
            f"{entity}: run {run_id!r} committed version {version} meanwhile, and began to read {behind} s after this "
            "one. Nothing was committed; run the load again."
        )
