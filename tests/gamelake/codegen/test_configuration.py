"""The page of environment variables, and the reader of code behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gamelake.codegen.configuration import ConfigurationError, Read, page, reads

TEXTS = {"Group": {"A": {"for": "what A is for"}}}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in {
        "include/one.py": "import os\nNAME = 'BY_CONSTANT'\n"
        "os.environ.get('A', 'x')\nos.environ['B']\n'C' in os.environ\nos.environ.get(NAME)\n"
        "os.environ['SET'] = '1'\nos.environ.get('HOME')\nother.get('NOT_ONE')\n",
        "plugins/two.py": "def f(environ):\n    return environ.get('D')\n",
        "dags/three.py": "import os\nos.environ.get('AIRFLOW__CORE__X')\n",
        "sandbox/four.py": "",
        "airflow_local_settings.py": "",
        "dbt/profiles.yml": 'a: "{{ env_var(\'E\', \'e\') }}"\nb: "{{ env_var("F") }}"\n',
        "dbt/target/x.yml": "\"{{ env_var('BUILT') }}\"",
        "docker-compose.yaml": "a: ${G:-g}\nb: ${H:?is missing}\nc: $${NOT_ONE}\n",
        "Dockerfile": "ARG I=i\nARG J\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_every_way_to_read_a_variable_is_seen(repository: Path):
    assert reads(repository) == [
        Read("A", "include/one.py", "x"),
        Read("B", "include/one.py"),
        Read("BY_CONSTANT", "include/one.py"),
        Read("C", "include/one.py"),
        Read("D", "plugins/two.py"),
        Read("E", "dbt/profiles.yml", "e"),
        Read("F", "dbt/profiles.yml"),
        Read("G", "docker-compose.yaml", "g"),
        Read("H", "docker-compose.yaml"),
        Read("I", "Dockerfile", "i"),
    ]


def test_a_row_says_what_holds_without_it_and_who_reads_it():
    text = page([Read("A", "one.py", "x"), Read("A", "two.sql")], TEXTS)

    assert text.splitlines()[-1] == "| `A` | `x` | what A is for | `one.py`, `two.sql` |"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([Read("A", "one.py"), Read("B", "two.py")], "B: two.py reads it, and configuration.yaml has no text for it"),
        ([], "A: configuration.yaml describes it, and nothing reads it"),
        ([Read("A", "one.py", "x"), Read("A", "two.py", "y")], "A: 2 defaults, x and y; expected one"),
    ],
)
def test_code_and_texts_agree(found: list[Read], message: str):
    with pytest.raises(ConfigurationError, match=message):
        page(found, TEXTS)
