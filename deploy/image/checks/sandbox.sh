# What an image has to do before it is any good, run by `make image` and `make image-steps` in the one with the sandbox: without network, on
# a read-only root, as the image's user. Writes to /tmp only.
set -euo pipefail

export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=sqlite:////tmp/airflow.db AIRFLOW__LOGGING__BASE_LOG_FOLDER=/tmp/logs
export GAMELAKE_LOCAL=/tmp/local GAMELAKE_DUCKDB=/tmp/scratch/gamelake.duckdb
export GAMELAKE_URI=file:///tmp/lake GAMELAKE_SANDBOX_GAMES=300

say() { printf '\n== %s\n' "$*"; }

say "user $(id -u):$(id -g), $(python --version), Airflow $(airflow version)"
test "$(id -u)" != 0
if touch include/here 2>/dev/null; then echo "the project's files can be written"; exit 1; fi

say "dbt is beside Airflow, not in it"
/opt/dbt/bin/python -c 'from importlib.metadata import version; print(*(f"{n} {version(n)}" for n in ("dbt-core", "dbt-duckdb")))'
if python -c 'import dbt.cli.main' 2>/dev/null; then echo "Airflow's environment has dbt too"; exit 1; fi
dbt --help > /tmp/dbt-help

say "DuckDB's extensions load"
/opt/dbt/bin/python - <<'PYTHON'
import os, duckdb
from gamelake.marts.duckdb_extensions import EXTENSIONS
options = {"extension_directory": os.environ["GAMELAKE_DUCKDB_EXTENSIONS"], "autoinstall_known_extensions": "false"}
with duckdb.connect(config=options) as database:
    for name in EXTENSIONS:
        database.execute(f"load {name}")
    print(duckdb.__version__, database.execute("select list(extension_name) from duckdb_extensions() where loaded").fetchone())
PYTHON

say "nothing is compiled again"
test -n "$(find . -name '*.pyc' -path './include/*' -print -quit)"
python - <<'PYTHON'
import airflow, pathlib, sys
package = pathlib.Path(airflow.__file__).parent
missing = [p for p in package.rglob("*.py") if "templates" not in p.parts and not list((p.parent / "__pycache__").glob(f"{p.stem}.{sys.implementation.cache_tag}.pyc"))]
sys.exit(f"no bytecode of {len(missing)} files, {missing[0]} the first" if missing else 0)
PYTHON

say "DAGs import"
airflow db migrate > /tmp/migrate.log 2>&1 || { tail -20 /tmp/migrate.log; exit 1; }
python - <<'PYTHON'
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag()
print(f"{len(bag.dags)} DAGs: {', '.join(sorted(bag.dags))}")
sys.exit("\n".join(f"{path}: {error}" for path, error in bag.import_errors.items()) or (0 if bag.dags else "no DAG"))
PYTHON

say "dbt parses the project"
(cd dbt && dbt parse --quiet --target-path /tmp/target --log-path /tmp/dbt-logs --profiles-dir .)

say "a day, from a sandbox to marts"
mkdir -p /tmp/local /tmp/logs
gamelake run || { tail -60 /tmp/local/logs/*.log; exit 1; }
say "the same day again, by dbt alone"
(cd dbt && dbt --quiet build --exclude-resource-type unit_test --target-path /tmp/target --log-path /tmp/dbt-logs --profiles-dir . )

say "good"
