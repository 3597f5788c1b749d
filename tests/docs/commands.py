"""The commands that README and docs tell people to type, and what is done with each of them.

`make e2e` types those of `RUN` literally (tests/e2e/test_commands.py), in this order, in a copy of the repository.
`NOT_RUN` has the reasons why the others are not run. A command that is in neither fails tests/docs/test_commands.py.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from textwrap import dedent

from gamelake.paths import REPOSITORY

_COMMAND = re.compile(
    r"(?:make|python3?|gamelake|\.venv/bin/\w+|\.\./\.venv/bin/\w+|\.venv-spark/bin/\w+|airflow|dbt|docker|kubectl|helm|aws|terraform"
    r"|git|cd|echo|export|astro|duckdb|[A-Z][A-Z_]+=(?:'[^']*'|\"[^\"]*\"|\S+) \S+)(?:\s|$)"
)
_FENCED = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)

RUN: tuple[str, ...] = (
    "make setup",
    "make run",
    ".venv/bin/airflow dags test igdb_games",
    ".venv/bin/airflow dags test igdb_genres",
    ".venv/bin/airflow dags test transform",
    "make run ALLOW_SHRINK=igdb.covers,igdb.games",
    "make freshness",
    ".venv/bin/gamelake quality --check",
    ".venv/bin/gamelake quality",
    ".venv/bin/gamelake explain dim_games",
    ".venv/bin/gamelake explain dim_games --all",
    ".venv/bin/python -c \"from gamelake.marts.reader import open_marts; open_marts().relation('fct_model_runs')"
    ".filter(\\\"name = 'dim_games'\\\").order('built_at')"
    ".project('day, seconds, cpu_seconds, rows, bytes_read, memory_bytes').show()\"",
    "cd dbt && ../.venv/bin/dbt build --vars 'as_of: DAY'",
    "cd dbt && ../.venv/bin/dbt build",
    ".venv/bin/gamelake feed make",
    ".venv/bin/gamelake feed list",
    ".venv/bin/gamelake feed list igdb.games",
    ".venv/bin/gamelake feed show igdb.games",
    ".venv/bin/gamelake feed show igdb.games --id 7346",
    ".venv/bin/gamelake feed show igdb.games --json",
    ".venv/bin/gamelake feed check igdb.games",
    ".venv/bin/gamelake events list",
    ".venv/bin/gamelake events apply",
    ".venv/bin/gamelake events apply igdb.games",
    ".venv/bin/gamelake events apply shop.orders",
    ".venv/bin/airflow dags test transform --conf '{\"fresh\": true}'",
    ".venv/bin/gamelake --help",
    ".venv/bin/gamelake lake show",
    ".venv/bin/gamelake lake show igdb.games",
    ".venv/bin/gamelake lake rejected",
    ".venv/bin/gamelake lake rejected igdb.games --limit 200",
    ".venv/bin/gamelake lake rejected igdb.popscore --json",
    ".venv/bin/gamelake lake replay igdb.popscore",
    ".venv/bin/gamelake lake replay igdb.popscore --day DAY",
    ".venv/bin/airflow dags test igdb_covers --conf '{\"allow_shrink\": true}'",
    ".venv/bin/gamelake lake show igdb.covers",
    ".venv/bin/gamelake lake audit",
    ".venv/bin/gamelake lake audit --verify",
    ".venv/bin/gamelake lake audit igdb.popscore --verify",
    ".venv/bin/gamelake lake compact",
    ".venv/bin/gamelake lake compact igdb.popscore",
    ".venv/bin/gamelake lake compact igdb.popscore --again",
    ".venv/bin/gamelake lake audit --remove",
    ".venv/bin/python -m gamelake.marts.duckdb_extensions .local/extensions",
    "make generations",
    "make rollback",
    "make rollforward",
    'make rollback TO=DAY REASON="..."',
    ".venv/bin/gamelake marts list",
    ".venv/bin/gamelake slo",
    ".venv/bin/python -c \"from gamelake.marts.reader import open_marts; open_marts().relation('mart_service_levels')"
    ".filter('not is_good').order('day').project('level, day, reason').show()\"",
    '.venv/bin/gamelake marts rollback --reason "mart_top_rated is empty"',
    ".venv/bin/gamelake marts rollforward",
    '.venv/bin/gamelake marts rollback --reason "scores are all 0"',
    ".venv/bin/gamelake marts rollback DAY",
    ".venv/bin/gamelake marts rollback",
    ".venv/bin/gamelake marts rollforward",
    """echo '{"id": 1, "game": 5, "dropin": true}' >.local/multiplayer_modes.jsonl""",
    ".venv/bin/gamelake new entity multiplayer_modes --sample .local/multiplayer_modes.jsonl",
    "make generate",
    "GAMELAKE_URI=file:///another/folder IGDB_RECORDED=FOLDER make run",
    ".venv/bin/airflow connections delete igdb_default",
    ".venv/bin/airflow connections add igdb_default --conn-type igdb --conn-login CLIENT_ID "
    "--conn-password CLIENT_SECRET",
    ".venv/bin/airflow connections delete igdb_default",  # back to the sandbox
    "make settings",
    "make up",
    ".venv/bin/airflow jobs check --job-type SchedulerJob",
    ".venv/bin/airflow dags list-import-errors",
    ".venv/bin/airflow dags list --columns dag_id,is_paused",
    ".venv/bin/airflow dags list-runs igdb_games",
    ".venv/bin/airflow dags list-runs transform",
    ".venv/bin/airflow dags pause --treat-dag-id-as-regex -y '^igdb_'",
    ".venv/bin/airflow dags pause transform",
    ".venv/bin/airflow dags unpause transform",
    ".venv/bin/airflow dags unpause --treat-dag-id-as-regex -y '^igdb_'",
    ".venv/bin/airflow backfill create --dag-id igdb_games --from-date 2026-11-18 --to-date 2026-11-21",
    ".venv/bin/airflow dags trigger igdb_covers --conf '{\"allow_shrink\": true}'",
    '.venv/bin/airflow dags trigger igdb_games --conf \'{"date": "2026-11-20"}\'',
    '.venv/bin/airflow dags trigger transform --conf \'{"date": "DAY"}\'',
    ".venv/bin/airflow db clean --clean-before-timestamp "
    "\"$(date --utc --date='90 days ago' +%Y-%m-%dT%H:%M:%S+00:00)\" --skip-archive --yes",
    "make down",
    "make env",
    "make clean",
)
"""In the pages and here `DAY` stands for a day that was loaded, `FOLDER` for a folder of saved responses."""

NOT_RUN: dict[str, str] = {
    r"make boards$": "`make lint` compares what it writes",
    r"OTEL_EXPORTER_OTLP_ENDPOINT=": "no Prometheus; tests/e2e/test_airflow_metrics.py has a receiver",
    r"docker |git pull && docker ": "no container engine",
    r"kubectl |helm ": "no cluster",
    r"aws |.*s3://(my-lake|gamelake)|make lifecycle|(\.venv/bin/)?gamelake lake lifecycle": "no AWS account",
    r"(GAMELAKE_URI=\S+ )?(\.venv/bin/)?gamelake lake restore( |$)": "tests/deploy/test_recovery.py restores a copy",
    r"gamelake lake (show|audit)": "in a container; on a laptop it is run",
    r".*new entity (game_engines|<endpoint>)$": "it asks IGDB; tests/gamelake/cli/test_new.py asks a sandbox",
    r".*new source bakery$|.*pytest .*-k <name>": "tests/e2e/test_new.py writes a source and fills it in",
    r"(\.venv/bin/)?gamelake sandbox$": "it serves until Ctrl-C; tests/gamelake/cli/test_sandbox.py runs it",
    r"airflow dags test igdb_genres$": "on AWS; on a laptop it is run",
    r"terraform ": "no AWS account; tests/deploy/test_terraform.py reads the files",
    r"astro |make image|AIRFLOW_CONN_(IGDB|RAWG)_DEFAULT=": "it takes minutes and a registry; see `make image-steps`",
    r"export GAMELAKE_CDN_URL|AIRFLOW_CONN_AWS_DEFAULT=": "no CDN; tests/dbt/test_cdn.py reads through one",
    r"airflow dags test transform$": "after a build through a CDN; on a laptop it is run",
    r"export PYTHONPATH=|python -m gamelake\.marts\.(duckdb_extensions|dbt_project)": "a step of the image or of MWAA",
    r"make run ALLOW_UNPROVEN=": "as ALLOW_SHRINK, which is run; tests/gamelake/local/test_allowed.py reads both",
    r"make run PYTHON=": "another Python than that of the tests",
    r"make mwaa": "tests/deploy/test_mwaa.py makes the files",
    r"AIRFLOW_PASSWORD=PASSWORD make smoke|gamelake smoke": "tests/e2e/test_operations.py asks a running Airflow",
    r"RAWG_API_KEY=|.*dags test rawg_genres$": "it asks RAWG; `make run` loads the local one",
    r"GAMELAKE_NOTIFY=|(\.venv/bin/)?gamelake notify$": "tests/gamelake/airflow/test_notifications.py has receivers",
    r"AIRFLOW__CORE__TEST_CONNECTION=Enabled make up": "tests/e2e/test_up.py sets the variable",
    r"KEY=|OLD=|AIRFLOW__CORE__FERNET_KEY=": "tests/deploy/test_rotation.py types what its page has",
    r"AIRFLOW__OPENLINEAGE__": "settings; tests/e2e/test_lineage.py runs a day with them",
    r"AIRFLOW__(LOGGING|SECRETS)__": "settings; tests/e2e/test_operations.py runs an Airflow with them",
    r"git pull && make setup": "pulls from the internet; `make setup` is run",
    r"(PORT=8600 )?make dashboard$|.*apps\.dashboard": "it serves until Ctrl-C; `make test-browser` starts it",
    r"make collector|.*apps\.event_collector": "it serves until Ctrl-C; tests/apps/event_collector starts it",
    r"GAMELAKE_OPTIONAL_SOURCES=shop make run": "tests/dbt builds the shop's models; `make run` is run",
    r"make capture|.*apps\.change_capture": "it needs Java and PostgreSQL; tests/apps/change_capture starts it",
    r"export (GAMELAKE_CAPTURE_URI|PGPASSWORD)=": "settings; tests/apps/change_capture has them",
    r"make kafka$": "the tests have the package",
    r"export (GAMELAKE_KAFKA|AIRFLOW_CONN_KAFKA_DEFAULT)=": "tests/gamelake/cli/test_feed_publish.py sets them",
    r".*gamelake feed publish( |$)": "no broker; tests/gamelake/cli/test_feed_publish.py has one",
    r".*examples/table_from_topic\.py ": "no broker; tests/examples/test_table_from_topic.py has one",
    r".*gamelake webhooks ": "it asks IGDB; tests/gamelake/cli/test_webhooks.py asks a sandbox",
    r"gamelake events apply$": "a name in a sentence; with its folder it is run",
    r".*gamelake events apply .*--allow-shrink": "no table has events; tests/gamelake/cli/test_events.py holds some",
    r"export GAMELAKE_APPLY_EVENTS=": "a setting; tests/dags/test_apply_events.py has it",
    r"export GAMELAKE_(WEBHOOK|EVENT)_": "settings; tests/apps/event_collector has them",
    r"make clean LAKE=yes$": "it removes the lake; tests/gamelake/local/test_clean.py runs it",
    r"make test$|make e2e|make drift|make feed-histories|make drill|.*bench[/.]": "it runs tests or benchmarks itself",
    r"make parquet-reader": "it needs npm and a registry",
    r"make test-(cluster|browser|capture|collector|dashboard|model)": "it has a make target of its own",
    r"make test-spark|make spark|.*[Ss]park": "it has a make target of its own",
    r"GAMELAKE_GENERATION=": "tests/dbt builds all of its generations this way",
    r"make rollback TO=GENERATION$|airflow (dags test|db downgrade)$": "a name in a sentence",
    r"dbt (docs|docs generate|test|ls|parse|compile|build|source freshness)$": "a name in a sentence",
}


def pages() -> list[Path]:
    """README, its translation and all pages of docs but the decisions, which tell of the past."""
    found = [REPOSITORY / "README.md", REPOSITORY / "README.ko.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    return [page for page in found if "decisions" not in page.parts]


def commands() -> dict[str, set[str]]:
    """Each command of the pages, with the pages that have it."""
    found: dict[str, set[str]] = defaultdict(set)
    for page in pages():
        for command in commands_of(page.read_text(encoding="utf-8")):
            found[command].add(str(page.relative_to(REPOSITORY)))
    return found


def commands_of(text: str) -> list[str]:
    """The commands in blocks (indented or fenced) and in code between backticks, without their comments."""
    text = _FENCED.sub(_indented, text)
    found = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.startswith("    "):
            found.append(re.split(r"\s+# ", line.strip())[0])
        found += re.findall(r"`([^`]+)`", line)
    return [command for command in found if _COMMAND.match(command) and " " in command]


def python_of(text: str) -> list[str]:
    """The programs in Python of a page: blocks in fences that state it, and indented ones that begin with an import."""
    found = [code for language, code in _FENCED.findall(text) if language == "python"]
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", _FENCED.sub("", text), re.MULTILINE)
    return found + [block for each in blocks if re.match(r"(from|import) \w", block := dedent(each).strip())]


def _indented(block: re.Match[str]) -> str:
    """A block of shell commands as an indented one; nothing of a block in another language."""
    lines = block[2].splitlines() if block[1] in {"", "sh", "bash"} else ()
    return "".join(f"    {line}\n" for line in lines)


def why_not_run(command: str) -> str | None:
    """The reason for which a command is not run here, None if there is none."""
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, command)), None)
