"""The files of `make mwaa`, unpacked as the service unpacks them: all DAGs import, and nothing else is parsed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from deploy import mwaa
from gamelake.maintenance.smoke import WITHOUT_SOURCE
from gamelake.paths import REPOSITORY
from gamelake.registry import loaded_entities
from tests.support.command import environment_without

PARSE = """
import json, sys
import gamelake, igdb
from airflow.dag_processing.dagbag import DagBag
bag = DagBag()
parsed = [each.file.lstrip("/") for each in bag.dagbag_stats]
print(json.dumps([len(bag.dags), parsed, bag.import_errors, gamelake.__file__, igdb.__file__]))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes."""
    folder = tmp_path_factory.mktemp("mwaa") / "files"
    assert mwaa.main([str(folder)]) == 0
    return folder


def test_what_is_installed_is_what_is_tested(files: Path) -> None:
    """The constraints allow every requirement, in the versions of this environment."""
    constraint, *wanted = (files / "requirements.txt").read_text("utf-8").splitlines()
    assert constraint == '--constraint "/usr/local/airflow/dags/constraints.txt"'
    locked = [Requirement(line) for line in (files / "dags" / "constraints.txt").read_text("utf-8").splitlines()]
    versions = {each.name: each.specifier for each in locked if each.marker is None or each.marker.evaluate()}
    requirements = [Requirement(line) for line in wanted]
    assert {"dbt-core", "duckdb", "astronomer-cosmos"} < {each.name for each in requirements}
    for each in requirements:
        assert each.specifier.contains(version(each.name)), each
        assert versions[each.name].contains(version(each.name)), each
    assert not {"apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk"} & set(versions), (
        "the service has its own"
    )


def test_a_file_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(mwaa, "MANIFEST", tmp_path / "manifest.json")
    assert mwaa.main([str(tmp_path / "files")]) == 1
    assert "manifest.json: missing; `make mwaa` makes it" in capsys.readouterr().err


@pytest.mark.e2e
def test_all_dags_import_from_the_layout_of_the_service(files: Path, tmp_path: Path) -> None:
    airflow = tmp_path / "airflow"
    shutil.copytree(files / "dags", airflow / "dags")
    with zipfile.ZipFile(files / "plugins.zip") as zipped:
        zipped.extractall(airflow / "plugins")
    home = tmp_path / "home"
    home.mkdir()
    (home / "airflow.cfg").touch()
    startup = (files / "startup.sh").read_text("utf-8").replace(mwaa.HOME, str(airflow))
    environment = environment_without("AIRFLOW", "GAMELAKE") | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(airflow / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(airflow / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(airflow / "plugins"),
    }
    done = subprocess.run(
        ["bash", "-euc", f'{startup}exec "$@"', "startup", sys.executable, "-c", PARSE],
        env=environment, cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    number, parsed, errors, *packages = found
    assert errors == {}
    assert number == len(loaded_entities()) + len(WITHOUT_SOURCE), "the loads and the others"
    assert sorted(parsed) == sorted(path.name for path in (REPOSITORY / "dags").glob("*.py")), "and nothing below"
    assert [str(Path(path).parents[1]) for path in packages] == [
        str(airflow / "dags/include"),
        str(airflow / "plugins"),
    ]
    assert any((airflow / "dags" / "duckdb").rglob("httpfs.duckdb_extension"))
    assert (airflow / "dags" / "dbt" / "target" / "manifest.json").exists()
