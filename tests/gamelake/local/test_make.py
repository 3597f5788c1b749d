"""Which words the Makefile passes to a command."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from gamelake.paths import REPOSITORY

REASON = """the "top" mart isn't `right`; 5 > 4 & so on"""


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        (("rollback", 'TO=a "day"'), ["marts", "rollback", 'a "day"', "--reason", REASON]),
        (("rollforward",), ["marts", "rollforward", "--reason", REASON]),
    ],
)
def test_words_reach_the_command_as_they_are_typed(tmp_path: Path, target: Any, arguments: Any) -> None:
    command = tmp_path / "gamelake"
    command.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n", encoding="utf-8")
    command.chmod(0o755)
    make = ["make", "-s", "-o", ".venv/.installed", *target, f"REASON={REASON}", f"BIN={tmp_path}"]
    ran = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines() == arguments, ran.stderr
