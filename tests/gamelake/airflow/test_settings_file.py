"""The settings file, its reader, and the rule that it defines what the code uses and nothing else."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gamelake.airflow.settings_file import (
    REAL_API_URL,
    REAL_TOKEN_URL,
    SETTINGS_PATH,
    Pool,
    SettingsError,
    apply_by_cli,
    connections,
    load_settings,
)
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources

ACCOUNT = {"IGDB_CLIENT_ID": "my-id", "IGDB_CLIENT_SECRET": "my-secret"}

# Airflow's edit form shows only the fields of an extra that are stored.
OTHER_FIELDS = {"static_token": None, "requests_per_second": 4, "max_open_requests": 8}


def test_the_repository_s_settings_lead_to_the_sandbox():
    settings = load_settings()

    assert connections(settings, {}) == {
        "igdb_default": {
            "conn_type": "igdb",
            "host": "http://127.0.0.1:8900/v4",
            "port": 0,
            "login": "sandbox",
            "password": "sandbox-secret",
            "extra": {"token_url": "http://127.0.0.1:8900/oauth2/token"} | OTHER_FIELDS,
        },
        "aws_default": {"conn_type": "aws", "port": 0},
    }
    assert settings.pools["igdb_api"].slots == 1


def test_an_account_leads_to_the_real_api():
    found = connections(load_settings(), ACCOUNT)["igdb_default"]

    assert found == {
        "conn_type": "igdb",
        "host": REAL_API_URL,
        "port": 0,
        "login": "my-id",
        "password": "my-secret",
        "extra": {"token_url": REAL_TOKEN_URL} | OTHER_FIELDS,
    }


def test_urls_of_the_environment_win_over_both():
    urls = {"IGDB_BASE_URL": "http://sandbox:8900/v4", "IGDB_TOKEN_URL": "http://sandbox:8900/oauth2/token"}

    without, with_account = (connections(load_settings(), urls | more)["igdb_default"] for more in ({}, ACCOUNT))

    assert without["host"] == with_account["host"] == urls["IGDB_BASE_URL"]
    assert without["extra"]["token_url"] == with_account["extra"]["token_url"] == urls["IGDB_TOKEN_URL"]
    assert (without["login"], with_account["login"]) == ("sandbox", "my-id")


def test_an_empty_variable_counts_as_absent():
    empty = dict.fromkeys([*ACCOUNT, "IGDB_BASE_URL", "IGDB_TOKEN_URL"], "")

    assert connections(load_settings(), empty) == connections(load_settings(), {})


def test_other_extras_of_the_connection_survive_an_account(tmp_path: Path):
    path = write(
        tmp_path,
        {"connections": [{"conn_id": "igdb_default", "conn_type": "igdb", "conn_extra": {"max_open_requests": 2}}]},
    )

    found = connections(load_settings(path), ACCOUNT)["igdb_default"]

    assert found["extra"] == {"max_open_requests": 2, "token_url": REAL_TOKEN_URL}


def test_the_settings_themselves_are_not_changed():
    settings = load_settings()

    connections(settings, ACCOUNT)

    extra = connections(settings, {})["igdb_default"]["extra"]
    assert extra == {"token_url": "http://127.0.0.1:8900/oauth2/token"} | OTHER_FIELDS


@pytest.mark.parametrize(
    ("present", "missing"),
    [("IGDB_CLIENT_ID", "IGDB_CLIENT_SECRET"), ("IGDB_CLIENT_SECRET", "IGDB_CLIENT_ID")],
)
def test_half_an_account_is_an_error_that_keeps_the_secret(present: str, missing: str):
    with pytest.raises(SettingsError, match=f"^{missing}: not set") as caught:
        connections(load_settings(), {present: "hush"})

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("airflow", "message"),
    [
        ({"connection": []}, "found the key 'connection', expected one of connections, pools, variables"),
        ({"pools": {"a": 1}}, "airflow: pools: found dict, expected a list"),
        ({"pools": [{"pool_slot": 1}]}, "pools[0]: pool_name: found None, expected a name of its own"),
        ({"pools": [{"pool_name": "p", "pool_slot": 1}] * 2}, "pools[1]: pool_name: found 'p', expected a name of its"),
        ({"pools": [{"pool_name": "p"}]}, "pools: p: found no pool_slot"),
        ({"pools": [{"pool_name": "p", "pool_slot": "1"}]}, "p: pool_slot: found '1', expected a whole number"),
        ({"pools": [{"pool_name": "p", "pool_slot": True}]}, "p: pool_slot: found True, expected a whole number"),
        ({"connections": [{"conn_id": "c"}]}, "connections: c: found no conn_type"),
        ({"connections": [{"conn_id": "c", "conn_type": "x", "conn_user": "u"}]}, "found the key 'conn_user'"),
        (
            {"connections": [{"conn_id": "c", "conn_type": "x", "conn_extra": "hush"}]},
            "conn_extra: found str, expected",
        ),
        ({"variables": [{"variable_name": "v"}]}, "variables: v: found no variable_value"),
    ],
)
def test_errors_name_the_place_and_what_was_expected(tmp_path: Path, airflow: object, message: str):
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, airflow))

    assert message in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_torn_file_is_named_by_line_without_its_text(tmp_path: Path):
    path = tmp_path / "settings.yaml"
    path.write_text("airflow:\n  connections:\n    - {conn_password: hush\n", encoding="utf-8")

    with pytest.raises(SettingsError, match=r"settings\.yaml: line 4: ") as caught:
        load_settings(path)

    assert "hush" not in str(caught.value)


@dataclass(frozen=True)
class Imported:
    """What an import said, line by line, and what a real metadata database holds after it; see imported_settings."""

    by_command_line: bool
    said: list[str]
    found: dict[str, Any]


@pytest.fixture(scope="module", params=[False, True], ids=["here", "by the command line"])
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """A file that was imported, then again after somebody changed what was written."""
    folder = tmp_path_factory.mktemp("imported")
    igdb = {"conn_id": "igdb_default", "conn_type": "igdb", "conn_host": "http://a", "conn_password": "hush"}
    igdb["conn_port"] = 0
    path = write(
        folder,
        {
            "connections": [igdb, {"conn_id": "aws_default", "conn_type": "aws"}],
            "pools": [{"pool_name": "igdb_api", "pool_slot": 1}],
            "variables": [{"variable_name": "greeting", "variable_value": "hello"}],
        },
    )
    way = ["--cli", f"{shlex.quote(sys.executable)} -m airflow"] if request.param else []
    result = subprocess.run(
        [sys.executable, "-m", "tests.gamelake.airflow.imported_settings", path, *way],
        cwd=REPOSITORY,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "IGDB_"))},
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__FERNET_KEY": "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    *said, found = result.stdout.splitlines()
    return Imported(request.param, said, json.loads(found))


def test_an_import_says_what_it_writes_and_no_secret(imported: Imported):
    written = [
        "connection igdb_default: igdb, http://a",
        "connection aws_default: aws, no host",
        "pool igdb_api: 1 slot",
        "variable greeting",
    ]
    again = [line.split(":")[0] for line in written] if imported.by_command_line else written
    assert imported.said[-8:] == [*written, *again]
    assert "hush" not in "".join(imported.said)


def test_what_somebody_changed_is_brought_in_line(imported: Imported):
    assert imported.found["igdb_default"] == {"host": "http://a", "login": None, "password": "hush", "port": 0}
    assert imported.found["slots"] == 1


def test_what_nobody_changed_stays(imported: Imported):
    assert imported.found["greeting"] == "hello"


def test_what_the_file_does_not_name_is_left_alone(imported: Imported):
    assert imported.found["connections"] == ["aws_default", "igdb_default", "mine"]


def test_a_password_is_stored_encrypted(imported: Imported):
    assert imported.found["stored_password"]
    assert "hush" not in imported.found["stored_password"]


def test_the_command_may_be_a_program_whose_path_has_spaces(tmp_path: Path):
    program = tmp_path / "my venv 한글" / "airflow"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "Imported connection a: $1 $2"\n', encoding="utf-8")
    program.chmod(0o755)
    settings = load_settings(write(tmp_path, {"connections": [{"conn_id": "a", "conn_type": "http"}]}))
    assert apply_by_cli(settings, {}, str(program)) == ["connection a"]


@pytest.mark.parametrize("cli", ["/no/such/airflow", "/", "'/opt/airflow", " "])
def test_a_command_that_cannot_be_run_is_named(tmp_path: Path, cli: str):
    settings = load_settings(write(tmp_path, {"connections": [{"conn_id": "a", "conn_type": "http"}]}))
    with pytest.raises(SettingsError, match=r"^--cli: found .*, expected an Airflow command that can be run"):
        apply_by_cli(settings, {}, cli)


def test_what_the_command_line_refuses_is_an_error_that_keeps_the_secret(tmp_path: Path):
    """Airflow says so on its output, and exits with 0."""
    settings = {"connections": [{"conn_id": "a", "conn_type": "http", "conn_password": "hush"}]}
    loaded = load_settings(write(tmp_path, settings))

    for script, status in (("print('Could not import a: my hush')", 0), ("exit('my hush')", 1)):
        with pytest.raises(SettingsError) as caught:
            apply_by_cli(loaded, {}, f'{shlex.quote(sys.executable)} -c "{script}"')
        assert f"exit status {status}, expected all of a to be imported; it printed: " in str(caught.value)
        assert str(caught.value).endswith("my ***")


def test_the_file_defines_what_the_code_uses_and_nothing_else():
    used = Usage()
    for folder in ("dags", "plugins", "include"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            used.visit(ast.parse(path.read_text(encoding="utf-8")))
    for source in load_sources().values():
        used.connections.add(source.connection)
        used.pools.add(source.pool)
    settings = load_settings()

    assert used.connections == set(settings.connections)
    assert used.pools == set(settings.pools)
    assert used.variables == set(settings.variables)


def test_the_reader_of_code_sees_every_way_to_name_a_thing():
    used = Usage()
    used.visit(
        ast.parse(
            "class Hook:\n"
            "    default_conn_name = 'a_default'\n"
            "    def __init__(self, b_conn_id: str = 'b_default', *, c_conn_id='c_default'): ...\n"
            "S3Hook('d_default')\n"
            "BaseHook.get_connection('e_default')\n"
            "Operator(aws_conn_id='f_default', pool='p')\n"
            "ID = os.environ['AIRFLOW_CONN_G_DEFAULT']\n"
            "Variable.get('v', default=None)\n"
            "template = '{{ var.value.w }} {{ conn.h_default.host }}'\n"
        )
    )

    assert used.connections == {f"{letter}_default" for letter in "abcdefgh"}
    assert used.pools == {"p"}
    assert used.variables == {"v", "w"}


class Usage(ast.NodeVisitor):
    """The names of connections, pools and Variables in Python source."""

    def __init__(self) -> None:
        self.connections: set[str] = set()
        self.pools: set[str] = set()
        self.variables: set[str] = set()

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        first = node.args[0] if node.args else None
        if re.search(r"Hook$|get_connection$|async_get$", name):
            self._named("conn_id", first)
        elif name.endswith(("Variable.get", "Variable.set")):
            self._add(self.variables, first)
        for keyword in node.keywords:
            self._named(keyword.arg or "", keyword.value)
        self.generic_visit(node)

    def visit_arguments(self, node: ast.arguments) -> None:
        positional = [*node.posonlyargs, *node.args]
        for argument, default in zip(reversed(positional), reversed(node.defaults), strict=False):
            self._named(argument.arg, default)
        for argument, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
            self._named(argument.arg, default)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._named(ast.unparse(target), node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._named(ast.unparse(node.target), node.value)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, str):
            return
        self.connections |= {each.lower() for each in re.findall(r"\bAIRFLOW_CONN_([A-Z0-9_]+)\b", node.value)}
        self.connections |= set(re.findall(r"\{\{\s*conn\.(\w+)", node.value))
        self.variables |= set(re.findall(r"\{\{\s*var\.(?:value|json)\.(\w+)", node.value))

    def _named(self, name: str, value: ast.expr | None) -> None:
        if re.search(r"conn_(id|name)$", name):
            self._add(self.connections, value)
        elif name == "pool":
            self._add(self.pools, value)

    def _add(self, found: set[str], value: ast.expr | None) -> None:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            found.add(value.value)


def write(folder: Path, airflow: object) -> Path:
    """A settings file: JSON is YAML."""
    path = folder / "settings.yaml"
    path.write_text(json.dumps({"airflow": airflow}), encoding="utf-8")
    return path


def test_pools_are_plain_values(tmp_path: Path):
    path = write(tmp_path, {"pools": [{"pool_name": "p", "pool_slot": 3, "pool_description": "why"}]})

    assert load_settings(path).pools == {"p": Pool(slots=3, description="why")}
    assert SETTINGS_PATH.name == "airflow_settings.yaml"
