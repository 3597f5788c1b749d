"""The errors of a load; those of the API and the store have their own modules.

LoadError
├── PermanentLoadError             not retried: the same request would fail again
│   ├── UnreadablePartitionError   the source cannot return the rows of that partition
│   ├── HeldError                  the table would lose more rows than one load may remove
│   ├── HeldEventsError            the same, by events that delete rows
│   ├── HeldChangesError           the same, by the changes of a database
│   ├── OtherOriginError           the table has rows of another server, such as the sandbox
│   └── ContractError              too many rows break the registry's contract
├── SnapshotError                  a snapshot in the inbox has other rows than its end states
├── MissingPartsError              parts of the inbox are missing, and with them changes
├── LostPartError                  a part of the table is missing or damaged
├── UnprovenError                  the source counts other rows than it sends, more than one load may leave unproven
├── PausedError                    hours passed while the rows of one day were read
└── SupersededError                another load read the source much later and was faster to commit

A reader raises `gamelake.sources.base.IncompleteError`, of which UnprovenError is one too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.lake.factory import place_of
from gamelake.paths import airflow_command
from gamelake.sources.base import IncompleteError

if TYPE_CHECKING:
    from gamelake.lake.keys import TableName
    from gamelake.lake.manifest import Manifest, Unproven
    from gamelake.lake.store import Store
    from gamelake.load.guard import Loss


LIST_COMMAND = "gamelake lake rejected {table}"
"""What shows the rows that were rejected."""


NEW_SNAPSHOT = "A new snapshot of the database has all rows (docs/guides/runbooks/capture-stops.md)"
"""What brings back all that an inbox of changes has lost."""


class LoadError(Exception):
    """A load that committed nothing."""


class PermanentLoadError(LoadError):
    """The run asks for what cannot be read: not retried, the same request would fail again."""


class UnreadablePartitionError(PermanentLoadError):
    """The source cannot return the rows of a partition: it lies in the future, or its rows have changed since.

    Args:
        table: What is loaded.
        partition: The day or hour that was asked for.
        today: The source's day.
        is_future: Whether the partition lies in the future.
    """

    def __init__(self, table: str, partition: str, today: str, *, is_future: bool) -> None:
        super().__init__(
            f"{table}: date {partition} lies in the future: the source's day is {today}. Choose that day or an earlier "
            "one; if you chose none, the clock of this machine is wrong"
            if is_future
            else f"{table}: date {partition} can no longer be read: the source shows its rows as of {today} and has no "
            "history, so that day cannot be loaded any more. Run it without a date."
        )
        self.table = table
        self.partition = partition
        self.today = today
        self.is_future = is_future


class HeldError(PermanentLoadError):
    """The table would lose more rows than one load may remove.

    Args:
        loss: What the guard found.
    """

    def __init__(self, loss: Loss) -> None:
        super().__init__(
            f"{loss} Held: nothing was committed, and readers keep what they have. If the rows are really deleted, "
            f"run the load again with the param allow_shrink (`make run ALLOW_SHRINK={loss.table}`). "
            "If not, wait until the source shows them and run it again."
        )
        self.loss = loss


class HeldEventsError(PermanentLoadError):
    """Events would delete more rows than one load may remove.

    Args:
        table: The table whose inbox has them.
        rows: The rows that the table would have.
        before: The most rows that it had in the last days.
        allowed: How many of them may be removed.
    """

    def __init__(self, table: TableName, *, rows: int, before: int, allowed: int) -> None:
        super().__init__(
            f"{table}: with the deletions of the inbox the table has {rows:,} rows; it had {before:,} in the last "
            f"days, and {allowed:,} of them may be removed (max_shrink). Held: no event was applied, and the events "
            "wait. The next load compares the table with the source; deletions from before that load have no effect "
            f"after it. If the rows are really deleted, apply them at once: `gamelake events apply {table} "
            "--allow-shrink`. If not, change the secret of the webhooks (docs/guides/runbooks/events-wait.md)."
        )
        self.table = table
        self.rows = rows
        self.before = before
        self.allowed = allowed


class HeldChangesError(PermanentLoadError):
    """The changes of a database would remove more rows than one load may.

    Args:
        loss: What the guard found.
        by: What removes them, such as a snapshot.
    """

    def __init__(self, loss: Loss, by: str) -> None:
        super().__init__(
            f"{loss.table}: with the {by} of the inbox the table has {loss.rows:,} rows; it had {loss.before:,} in the "
            f"last days, and {loss.allowed:,} of them may be removed (max_shrink). Held: no change was applied, and "
            "they wait. If the rows are really deleted, apply them: "
            f"`gamelake events apply {loss.table} --allow-shrink`. If not, restore them in the database: the rows that "
            "come back are applied with the deletions (docs/guides/runbooks/events-wait.md)."
        )
        self.loss = loss


class SnapshotError(LoadError):
    """A snapshot in the inbox has other rows than its end states.

    Args:
        table: The table whose inbox has it.
        snapshot: Its id.
        rows: The rows that were read.
        expected: As its end states.
    """

    def __init__(self, table: TableName, snapshot: str, *, rows: int, expected: object) -> None:
        super().__init__(
            f"{table}: the snapshot {snapshot} has {rows:,} rows in the inbox, and its end states {expected}. Nothing "
            f"of it was applied. {NEW_SNAPSHOT}"
        )
        self.rows = rows
        self.expected = expected


class MissingPartsError(LoadError):
    """Parts of the inbox of a database's table are missing, and the changes that they had.

    Args:
        table: The table.
        first: The number of the first missing part.
        last: That of the last one.
    """

    def __init__(self, table: TableName, first: int, last: int) -> None:
        which = f"part {first} is" if first == last else f"parts {first} to {last} are"
        super().__init__(
            f"{table}: {which} missing in the inbox, and the changes in them. Later changes wait. Restore the objects "
            f"from a backup or the bucket's versions; or take a new snapshot. {NEW_SNAPSHOT}"
        )
        self.first = first
        self.last = last


class OtherOriginError(PermanentLoadError):
    """The table or another one of its source has rows of another server, such as the sandbox: the marts would mix them.

    Args:
        table: What is loaded.
        place: The lake.
        found: Whose rows the server sends.
        holder: The table that has other rows.
        expected: Whose rows that table has.
    """

    def __init__(self, table: TableName, place: str, *, found: str, holder: TableName, expected: str) -> None:
        whose = "the table" if holder == table else f"the table {holder}"
        super().__init__(
            f"{table}: the rows come from {found}, and {whose} in {place} has those of {expected}. Loads do not mix "
            "them: nothing was committed. To load these rows, name an empty lake in GAMELAKE_URI, or delete this one "
            "(on a laptop `make clean LAKE=yes`, which removes a stored account too: set it again). To go on with "
            f"{expected}, set the account or the connection of {table.source}, or delete a stored one for the sandbox "
            "(docs/guides/runbooks/troubleshooting.md)."
        )
        self.table = table
        self.found = found
        self.holder = holder
        self.expected = expected


def check_origin(table: TableName, origin: str | None, commit: Manifest | None, store: Store) -> None:
    """Refuse rows of another server than those of a commit.

    Args:
        table: What is loaded.
        origin: Whose rows the server sends; None: it does not state it.
        commit: The newest one of the table or, if it has none, of another table of its source; None: no table has one.
        store: Where the lake is.

    Raises:
        OtherOriginError: The two differ.
    """
    if commit is not None and origin is not None and commit.origin not in {None, origin}:
        place, expected = place_of(store), str(commit.origin)
        raise OtherOriginError(table, place, found=origin, holder=commit.table, expected=expected)


class UnprovenError(LoadError, IncompleteError):
    """The source miscounts more rows than one load may leave unproven; the same rows came twice."""

    def __init__(self, entity: str, worst: Unproven, rows: int, allowed: int) -> None:
        IncompleteError.__init__(self, entity, f"ids from {worst.low}", worst.rows, worst.count)
        self.worst = worst
        self.difference = rows
        self.allowed = allowed

    def __str__(self) -> str:
        return (
            f"{self.entity}: {self.worst}, twice. So far the count differs by {self.difference:,} rows; one load may "
            f"leave {self.allowed:,} unproven (max_unproven). Nothing was committed; run the load again. If it stays, "
            "look at the rows, and set the param allow_unproven if they are right "
            f"(`make run ALLOW_UNPROVEN={self.entity}`)."
        )


class LostPartError(LoadError):
    """A part that the newest commit names is missing or damaged: changes cannot be put on top of it."""

    def __init__(self, table: TableName, version: int, reason: Exception) -> None:
        super().__init__(
            f"{table}: a part of version {version} is missing or damaged: {reason}. Nothing was committed. Load the "
            f"entity once with the param full_refresh, which reads every row again: "
            f"`{airflow_command()} dags trigger {table.source}_{table.entity} --conf '{{\"full_refresh\": true}}'`"
        )
        self.table = table
        self.version = version
        self.reason = reason


class PausedError(LoadError):
    """Hours passed while the rows of one day were read, so that they are of different days."""

    def __init__(self, entity: str, seconds: float) -> None:
        super().__init__(
            f"{entity}: {seconds / 3600:.1f} hours passed while the rows were read: this machine slept, or its clock "
            "was set. The rows are of different times. Nothing was committed; run the load again."
        )
        self.entity = entity
        self.seconds = seconds


class ContractError(PermanentLoadError):
    """Too many rows break the contract that the registry declares."""

    def __init__(self, entity: str, rejected: int, rows: int, allowed: int, example: str, kept_at: str) -> None:
        super().__init__(
            f"{entity}: {rejected} of the {rows} rows read so far break the contract of entities.yaml; {allowed} may "
            f"(max_rejected). The first one: {example}. All of them are kept at {kept_at}. Nothing was committed. "
            f"List them with `{LIST_COMMAND.format(table=entity)}`. "
            "Correct the field in entities.yaml, or wait until the source corrects its rows, and run the load again."
        )
        self.entity = entity
        self.rejected = rejected
        self.rows = rows
        self.allowed = allowed
        self.example = example
        self.kept_at = kept_at


class SupersededError(LoadError):
    """Another load read the source much later and was faster to commit: this one would put older rows over its rows."""

    def __init__(self, entity: str, run_id: str, version: int, behind: int) -> None:
        super().__init__(
            f"{entity}: run {run_id!r} committed version {version} meanwhile, and began to read {behind} s after this "
            "one. Nothing was committed; run the load again."
        )
        self.entity = entity
        self.run_id = run_id
        self.version = version
        self.behind = behind
