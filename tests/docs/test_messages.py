"""What runbooks quote in the first column of their tables is printed by our code, or by what is named here."""

from __future__ import annotations

import ast
import re
import subprocess

from gamelake.paths import REPOSITORY

PAGES = REPOSITORY / "docs/guides/runbooks"
OTHERS = {
    "No runs to create": "Airflow",
    "non-existent pool": "Airflow",
    "Testing connections is disabled": "Airflow",
    "The host or port to test differs from the stored connection": "Airflow",
    "Could not find manifest at": "Cosmos",
    "certificate verify failed": "OpenSSL",
    "Conflicting lock is held": "DuckDB",
    "No files found that match the pattern": "DuckDB",
    "Out of Memory Error": "DuckDB",
    "Transferred a partial file": "DuckDB",
    "Input is not a GZIP stream": "DuckDB",
    "IO Error": "DuckDB",
    "all replication slots are in use": "PostgreSQL",
}
FILLED_IN = {
    "found replica": "a setting and its value",
    "another capture of shop reads the slot": "the source",
    "distribution 'E": "the id of a distribution",
    "token_url is": "the key of a setting",
    "games (updated=": "a query",
}
COMMAND = re.compile(
    r"\.venv|make |docker|kubectl|cd |gamelake |select |events list|lake compact|alter column|[A-Z_]+="
)


def printed() -> str:
    """All texts of the code; a value that is filled in is a NUL."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    texts = []
    for name in filter(None, tracked.stdout.split("\0")):
        if name.startswith(("include/", "plugins/", "apps/", "dags/")) and name.endswith((".py", ".toml")):
            text = (REPOSITORY / name).read_text(encoding="utf-8")
            if name.endswith(".toml"):
                texts.append(text)
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.JoinedStr):
                    parts = (each.value if isinstance(each, ast.Constant) else "\0" for each in node.values)
                    texts.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return "\n".join(re.sub(r"\s+", " ", each) for each in texts)


def quoted() -> dict[str, str]:
    """The parts of quoted messages between what is filled in, with their page."""
    found: dict[str, str] = {}
    for page in PAGES.glob("*.md"):
        for cell in re.findall(r"^ *\| (.*?) \|", page.read_text(encoding="utf-8"), re.MULTILINE):
            for message in re.findall(r"`([^`]+)`", cell):
                if " " in message and not COMMAND.match(message):
                    parts = re.split(r"…|\.\.\.|<[^>]*>|\b[nm]\b|[\d,.]+|: ", message)
                    found |= {part: page.name for each in parts if " " in (part := each.strip(" :,.'"))}
    return found


def test_every_message_that_a_runbook_quotes_is_printed() -> None:
    texts, messages = printed(), quoted()
    unknown = {part: page for part, page in messages.items() if part not in texts}
    assert {part: page for part, page in unknown.items() if part not in OTHERS | FILLED_IN} == {}
    assert len(messages) > 60


def test_no_exception_is_left_over() -> None:
    messages = quoted()
    assert [part for part in OTHERS | FILLED_IN if part not in messages] == []
