"""Gives DuckDB its extensions without a download.

The Python packages `duckdb_extension_*` carry the extensions' files, signed by DuckDB, in a layout that its
`extension_directory` does not understand: `<package>/extensions/v1.5.5/httpfs.duckdb_extension`, where DuckDB looks
for `v1.5.5/<platform>/httpfs.duckdb_extension`. This makes a folder of links in the layout that it expects.

    python -m gamelake.marts.duckdb_extensions .local/extensions
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

EXTENSIONS = ("httpfs",)


class ExtensionError(RuntimeError):
    """An extension of the running DuckDB is not installed."""


def link_extensions(directory: Path) -> Path:
    """Link every extension that the project uses into `directory`, in the layout of DuckDB's `extension_directory`.

    May be called again and by several processes at once. Returns: the directory, absolute.
    Raises: ExtensionError, if a package is missing or belongs to another version of DuckDB.
    """
    import duckdb

    with duckdb.connect() as connection:
        platform = _only_value(connection, "pragma platform")
        version = _only_value(connection, "select library_version from pragma_version()")
    directory = directory.resolve()
    folder = directory / version / platform
    folder.mkdir(parents=True, exist_ok=True)
    for name in EXTENSIONS:
        _link(_extension_file(name, version), folder / f"{name}.duckdb_extension")
    return directory


def _only_value(connection: DuckDBPyConnection, query: str) -> str:
    row = connection.execute(query).fetchone()
    assert row is not None, query  # noqa: S101 - a pragma always answers
    return str(row[0])


def _extension_file(name: str, version: str) -> Path:
    package = f"duckdb_extension_{name}"
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / "extensions" / version / f"{name}.duckdb_extension"
        if file.exists():
            return file
    raise ExtensionError(
        f"extension {name}: the package {package} has none for DuckDB {version} here; "
        f"install {package.replace('_', '-')}=={version.removeprefix('v')}, the same version as duckdb"
    )


def _link(target: Path, link: Path) -> None:
    """Point `link` at `target`, atomically: a reader sees the old link or the new one."""
    if link.is_symlink() and link.readlink() == target:
        return
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gamelake.marts.duckdb_extensions", description=__doc__.splitlines()[0]
    )
    parser.add_argument("directory", type=Path, help="the folder to fill: DuckDB's extension_directory")
    sys.stdout.write(f"{link_extensions(parser.parse_args(arguments).directory)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
