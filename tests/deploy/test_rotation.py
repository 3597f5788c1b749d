"""The commands of docs/guides/runbooks/rotate-secrets.md, typed as they stand, and what they leave."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet, InvalidToken

from deploy.compose_env import SECRETS, write
from gamelake.paths import REPOSITORY
from tests.deploy.conftest import interpolate
from tests.support.airflow import airflow_environment
from tests.support.command import GAMELAKE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PAGE = (REPOSITORY / "docs/guides/runbooks/rotate-secrets.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def blocks(section: str, word: str) -> Iterator[list[str]]:
    """The lines of each block of a section that has a word in it."""
    for block in re.findall(r"```bash\n(.*?)```", SECTIONS[section], re.DOTALL):
        if word in block:
            yield block.splitlines()


def typed(lines: list[str], folder: Path, environment: Mapping[str, str], docker: Callable[[list[str]], None]) -> None:
    """Type lines into one shell, as far as it goes: what `docker` would do is done by the caller."""
    variables: dict[str, str] = {}
    for line in lines:
        if line.startswith("docker compose "):
            filled = subprocess.run(
                ["bash", "-euc", f"printf '%s\\0' {line}"], env={**environment, **variables}, cwd=folder,
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
            docker(filled.split("\0")[2:-1])
            continue
        name = found[1] if (found := re.fullmatch(r"([A-Z]+)=(\"[^\"]*\"|\S+)", line)) else ""
        after = f'printf %s "${name}"' if name else ":"
        done = subprocess.run(
            ["bash", "-euc", f"{line}\n{after}"], env={**environment, **variables}, cwd=folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}: {done.stderr[-3000:]}"
        if name:
            variables[name] = done.stdout


def compose_variables(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def password_of(command: list[str], environment: Mapping[str, str]) -> str | None:
    """The password of the connection `by_hand`, None if it cannot be read."""
    done = subprocess.run([*command, "connections", "get", "by_hand", "--output", "json"], env=environment,
                          cwd=REPOSITORY, capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        return None
    (found,) = json.loads(done.stdout[done.stdout.index("[{") :])
    return str(found["password"])


ADD = ["connections", "add", "by_hand", "--conn-type", "http", "--conn-password", "of-a-person"]


@pytest.mark.e2e
def test_the_fernet_key_of_a_laptop(tmp_path: Path) -> None:
    local = tmp_path / ".local"
    environment = airflow_environment(local, lake=(tmp_path / "lake").as_uri(), igdb={})
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    airflow = [GAMELAKE, "laptop", "airflow"]
    for command in ([GAMELAKE, "laptop", "prepare"], [*airflow, *ADD]):
        subprocess.run(command, env=environment, cwd=REPOSITORY, check=True, capture_output=True)
    old = (local / "fernet.key").read_text("utf-8")
    (lines,) = blocks("The Fernet key", ".local/fernet.key")
    typed(lines, tmp_path, environment, lambda words: pytest.fail(f"{words}"))

    new = (local / "fernet.key").read_text("utf-8")
    assert new != old
    assert (local / "fernet.key").stat().st_mode & 0o777 == 0o600
    assert password_of(airflow, environment) == "of-a-person"
    with closing(sqlite3.connect(local / "airflow" / "airflow.db")) as database:
        (stored,) = database.execute("select password from connection where conn_id = 'by_hand'").fetchone()
    with pytest.raises(InvalidToken):
        Fernet(old).decrypt(stored)


@pytest.mark.e2e
def test_the_fernet_key_of_compose(tmp_path: Path, compose: dict[str, Any]) -> None:
    """The service's command with its environment of that moment, and SQLite for PostgreSQL."""
    write(tmp_path / ".env")
    (tmp_path / "airflow.cfg").touch()
    airflow = [str(Path(sys.executable).with_name("python")), "-m", "airflow"]
    commands: list[list[str]] = []

    def environment() -> dict[str, str]:
        service = interpolate(compose["services"]["airflow-dag-processor"], compose_variables(tmp_path))
        return {name: str(value) for name, value in service["environment"].items()} | {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": os.environ.get(
                "TEST_AIRFLOW_DATABASE", f"sqlite:///{tmp_path}/airflow.db"
            ),
            "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": os.environ["PATH"],
        }  # fmt: skip

    def docker(words: list[str]) -> None:
        commands.append(words)
        if words[0] == "exec":
            assert words[1] in compose["services"]
            assert words[2] == "airflow"
            subprocess.run([*airflow, *words[3:]], env=environment(), check=True, capture_output=True, cwd=tmp_path)

    for arguments in (["db", "migrate"], ADD):
        subprocess.run([*airflow, *arguments], env=environment(), check=True, capture_output=True, cwd=tmp_path)
    old = compose_variables(tmp_path)["FERNET_KEY"]
    (lines,) = blocks("The Fernet key", ".env")
    typed(lines, tmp_path, os.environ, docker)

    assert [words[0] for words in commands] == ["up", "exec", "up"]
    assert "," not in compose_variables(tmp_path)["FERNET_KEY"]
    assert password_of(airflow, environment()) == "of-a-person"
    assert password_of(airflow, environment() | {"AIRFLOW__CORE__FERNET_KEY": old}) != "of-a-person"


def test_each_secret_of_compose_is_replaced_by_a_command(tmp_path: Path) -> None:
    """All but the account of IGDB, which has a page of its own; nothing else in the file changes."""
    write(tmp_path / ".env")
    before = compose_variables(tmp_path)
    sent: list[list[str]] = []
    for section in SECTIONS:
        for lines in blocks(section, ".env"):
            typed(lines, tmp_path, os.environ, sent.append)
            assert sent[-1] == ["up", "-d"], section
    after = compose_variables(tmp_path)
    assert {name for name in before if before[name] != after[name]} == set(SECRETS)
    assert all(len(after[name]) >= len(before[name]) for name in SECRETS)
    (alter,) = [words for words in sent if words[:2] == ["exec", "postgres"]]
    assert shlex.split(alter[-1].partition("password ")[2]) == [after["POSTGRES_PASSWORD"]]


def test_the_files_of_a_laptop_are_those_that_it_makes(tmp_path: Path) -> None:
    """They are made again by any command of Airflow."""
    environment = airflow_environment(tmp_path / ".local", lake=(tmp_path / "lake").as_uri(), igdb={})
    code = "from gamelake.local.environment import environment, password; environment(); password()"
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=environment, cwd=REPOSITORY, check=True)
    files = {path: path.read_text("utf-8") for path in (tmp_path / ".local").glob("*.*") if path.is_file()}
    for section in ("The keys of tokens and sessions", "The password of admin"):
        (lines,) = blocks(section, "rm ")
        typed(lines, tmp_path, os.environ, lambda words: pytest.fail(f"{words}"))
    subprocess.run(command, env=environment, cwd=REPOSITORY, check=True)
    changed = {path.name for path, text in files.items() if path.read_text("utf-8") != text}
    assert changed == {"jwt_secret.key", "api_secret.key", "passwords.json"}


def test_kubectl_takes_the_secrets(tmp_path: Path, repository: Path) -> None:
    """`--dry-run=client` asks no cluster. The names and keys are those of the values."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    made = {}
    for line in re.findall(r"^(kubectl .* create secret .*) \| kubectl apply -f -$", PAGE, re.MULTILINE):
        done = subprocess.run(["bash", "-euc", f"KEY=new OLD=old\n{line.replace('-o yaml', '-o json')}"],
                              capture_output=True, text=True, check=True, cwd=tmp_path)  # fmt: skip
        secret = json.loads(done.stdout)
        assert secret["metadata"]["namespace"] == "airflow"
        made[secret["metadata"]["name"]] = set(secret["data"])
    page = (repository / "docs/guides/deploy/kubernetes.md").read_text("utf-8")
    keys = {name: {key} for name, key in re.findall(r"create secret generic (\S+) --from-literal=([\w-]+)=", page)}
    assert made.items() <= keys.items()
    assert keys.keys() - made.keys() == {"airflow-metadata", "igdb", "rawg", "gamelake-events", "gamelake-capture"}


def test_kubectl_takes_the_change_of_a_key_beside_others(tmp_path: Path) -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    data = {"webhook-secret": "b2xk", "senders": "c2hvcD1TRUNSRVQ="}
    before = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gamelake-events"}, "data": data}
    (tmp_path / "secret.json").write_text(json.dumps(before), encoding="utf-8")
    (line,) = re.findall(r"^kubectl -n airflow (patch .*)$", PAGE, re.MULTILINE)
    # `--local` asks no cluster, which would move stringData into data.
    line = line.replace("secret gamelake-events", "--local --filename secret.json --output json")
    done = subprocess.run(["bash", "-euc", f"KEY=new OLD=old\nkubectl {line}"],
                          capture_output=True, text=True, check=True, cwd=tmp_path)  # fmt: skip
    assert json.loads(done.stdout) == before | {"stringData": {"webhook-secret": "new,old"}}
