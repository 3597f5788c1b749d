"""Write the files of an MWAA environment: what goes into its bucket, as it is there.

    python -m deploy.mwaa [FOLDER]        the default is .local/mwaa; `make mwaa` also makes what it copies

FOLDER gets:

    plugins.zip         the content of plugins/, which MWAA unpacks into its folder `plugins`
    requirements.txt    what MWAA installs, with a constraints file of ours: Airflow's own excludes dbt
    startup.sh          where the package, DuckDB's extensions and the lake are
    dags/               DAGs, .airflowignore, and what they need: include/, dbt/, duckdb/, constraints.txt
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

REPOSITORY = Path(__file__).resolve().parents[1]
EXTENSIONS = REPOSITORY / ".local" / "extensions"
MANIFEST = REPOSITORY / "dbt" / "target" / "manifest.json"

HOME = "/usr/local/airflow"
"""Airflow's home on MWAA, in which the folders of the bucket appear."""

_SCRATCH = shutil.ignore_patterns("__pycache__", "target", "logs", ".user.yml")

_OF_THE_SERVICE = re.compile(r"apache-airflow(-core|-task-sdk)?==")
"""Airflow itself, in the service's own patch release: a pin of ours would replace it."""

STARTUP = f"""# Run by MWAA before each process of Airflow. Replace the address of the lake.
export GAMELAKE_URI=s3://my-lake/lake
export PYTHONPATH={HOME}/dags/include:$PYTHONPATH
export GAMELAKE_DUCKDB_EXTENSIONS={HOME}/dags/duckdb
export GAMELAKE_DUCKDB=/tmp/gamelake.duckdb
# `rawg` where RAWG is loaded too; it needs the connection rawg_default and the pool rawg_api.
export GAMELAKE_OPTIONAL_SOURCES=
# Any other variable of docs/reference/configuration.md is one more line.
"""


class MwaaError(Exception):
    """What would be copied is missing; the message has the file, and the command that makes it."""


def write(folder: Path) -> None:
    """Write all files into a folder, which is emptied first. Raises: MwaaError."""
    for needed in (EXTENSIONS, MANIFEST):
        if not needed.exists():
            raise MwaaError(f"{needed}: missing; `make mwaa` makes it")
    shutil.rmtree(folder, ignore_errors=True)
    dags = folder / "dags"
    shutil.copytree(REPOSITORY / "dags", dags, ignore=_SCRATCH)
    for name in ("include", "dbt"):
        shutil.copytree(REPOSITORY / name, dags / name, ignore=_SCRATCH)
    (dags / MANIFEST.relative_to(REPOSITORY)).parent.mkdir()
    shutil.copyfile(MANIFEST, dags / MANIFEST.relative_to(REPOSITORY))
    shutil.copytree(EXTENSIONS, dags / "duckdb")
    # Through a copy, which has no bytecode. In the archive is the content of the folder, without the folder.
    with tempfile.TemporaryDirectory() as scratch:
        plugins = shutil.copytree(REPOSITORY / "plugins", Path(scratch) / "plugins", ignore=_SCRATCH)
        shutil.make_archive(str(folder / "plugins"), "zip", plugins)
    (dags / "constraints.txt").write_text(_constraints(), encoding="utf-8")
    (folder / "requirements.txt").write_text(_requirements(), encoding="utf-8")
    (folder / "startup.sh").write_text(STARTUP, encoding="utf-8")


def _constraints() -> str:
    """Return the locked versions, without hashes: with them pip would ask for those of MWAA's own packages too."""
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^[\w.\[\]-]+==[^\s\\;]+(?: *;[^\\\n]+)?", lock, re.MULTILINE)
    return "".join(f"{pin.strip()}\n" for pin in pins if not _OF_THE_SERVICE.match(pin))


def _requirements() -> str:
    """Return the packages of Airflow's side and of dbt, which share one environment on MWAA."""
    lines = [f'--constraint "{HOME}/dags/constraints.txt"']
    for name in ("requirements.txt", "requirements-dbt.txt"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        found = [line.partition("#")[0].strip() for line in text.splitlines()]
        lines += [line for line in found if line and not _OF_THE_SERVICE.match(line)]
    return "\n".join(dict.fromkeys(lines)) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Run the command line, and return the exit code."""
    folder = Path(arguments[0]) if arguments else REPOSITORY / ".local" / "mwaa"
    try:
        write(folder)
    except MwaaError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{folder}: written. Upload it: aws s3 sync --delete {folder} s3://my-mwaa\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
