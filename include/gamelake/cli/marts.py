"""The marts from a shell, at `GAMELAKE_URI` or `.local/lake`: which generation readers see, and how to change it.

python -m gamelake.cli.marts generations                               every finished generation, newest first
python -m gamelake.cli.marts rollback [GENERATION] [--reason TEXT]     show an earlier one, by its key or its Korean day
python -m gamelake.cli.marts rollforward [--reason TEXT]               show the newest publication again
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from gamelake.cli.tables import table
from gamelake.days import KST
from gamelake.lake.store import StoreError, lake_uri, open_store, place_of
from gamelake.marts import pointer, rollback
from gamelake.marts.generation import TransformError, changed_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.store import Store
    from gamelake.marts.pointer import Publication
    from gamelake.marts.rollback import Generation

_HEADER = ("", "day", "built (KST)", "rows", "MB", "published", "generation")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns: the exit code; 1 if it was refused, with the reason on stderr."""
    options = _parser().parse_args(arguments)
    try:
        store = open_store(lake_uri())
        if options.command == "generations":
            _list(store)
            return 0
        by = _login()
        if options.command == "rollback":
            now, moved = rollback.rollback(store, options.generation, by=by, reason=options.reason)
        else:
            now, moved = rollback.rollforward(store, by=by, reason=options.reason)
    except (StoreError, TransformError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _say_moved(now, moved=moved)
    return _invalidate(store, now)


def _parser() -> argparse.ArgumentParser:
    description = "Look at the generations of the marts, and choose the one that readers see."
    parser = argparse.ArgumentParser(prog="python -m gamelake.cli.marts", description=description)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generations", help="every finished generation, newest first")
    back = commands.add_parser("rollback", help="show an earlier generation")
    back.add_argument(
        "generation",
        nargs="?",
        help="its key, such as marts/dt=2026-11-21/run, or a Korean day; default: what readers had before the newest "
        "publication",
    )
    forward = commands.add_parser("rollforward", help="show the newest publication again, after a rollback")
    for command in (back, forward):
        command.add_argument("--reason", metavar="TEXT", help="why; kept with the publication")
    return parser


def _list(store: Store) -> None:
    found = rollback.generations(store)
    if not found:
        _say(f"{place_of(store)}: no generation is finished yet; run the DAG `transform`, or `make run`")
        return
    _say(place_of(store))
    _say(table(_HEADER, map(_line, found)))
    last = pointer.newest(store)
    if last:
        _say(f"\nReaders have {last.generation} since {_kst(last.at)} KST: {_story(last)}.")


def _line(generation: Generation) -> tuple[str, ...]:
    document, publication = generation.document, generation.publication
    return (
        "->" if generation.is_shown else "",
        document["day"],
        _kst(document["published_at"]),
        f"{sum(mart['rows'] for mart in document['marts']):,}",
        f"{sum(mart['bytes'] for mart in document['marts']) / 1_000_000:,.1f}",
        f"{publication.number} ({publication.action})" if publication else "never",
        document["generation"],
    )


def _say_moved(now: Publication, *, moved: bool) -> None:
    if not moved:
        _say(f"No change: readers already have {now.day}, {now.generation}, since {_kst(now.at)} KST ({_story(now)}).")
        return
    _say(f"Readers now have {now.day}, {now.generation}, in place of {now.replaced} ({_story(now)}).")
    _say(
        "It stays until `transform` publishes this day or a later one again: pause that DAG to prevent it."
        if now.action == "rollback"
        else "If you paused the DAG `transform`, unpause it now."
    )


def _story(publication: Publication) -> str:
    because = f": {publication.reason}" if publication.reason else ""
    return f"publication {publication.number}, {publication.action} by {publication.by}{because}"


def _invalidate(store: Store, now: Publication) -> int:
    """Tell the CDN, if the lake has one. Returns: the exit code."""
    if not store.uri.startswith("s3://"):
        return 0
    if "AIRFLOW_HOME" not in os.environ:  # on a laptop the connection is in the database of `make up`
        from gamelake.local.environment import environment

        os.environ.update(environment())
    from gamelake.airflow.stores import invalidate_changed

    keys = changed_keys({**pointer.record_of(store, now.generation), "published": True})
    try:
        invalidate_changed(keys, change=f"publication {now.number} of {now.generation}")
    except Exception as error:  # noqa: BLE001 - Airflow's database, AWS: the pointer has moved, whatever failed here
        sys.stderr.write(f"The pointer has moved, but the CDN was not told: {error}\nRun the same command again.\n")
        return 1
    return 0


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def _kst(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(KST):%Y-%m-%d %H:%M}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
