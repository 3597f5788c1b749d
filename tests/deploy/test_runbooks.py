"""What the runbooks tell people to type exists."""

from __future__ import annotations

import re
from pathlib import Path


def test_the_commands_exist(repository: Path, example: dict[str, str]):
    targets = set(re.findall(r"^([a-z-]+):", (repository / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in ("runbooks/backfill.md", "deploy/compose.md", "deploy/aws.md"):
        text = (repository / "docs" / name).read_text(encoding="utf-8")
        assert set(re.findall(r"(?:`|\s)make ([a-z-]+)", text)) <= targets, name
        for link in re.findall(r"\]\((?!https?://)([^)#]+)", text):
            assert (repository / "docs" / name).parent.joinpath(link).resolve().exists(), f"{name}: {link}"
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            assert set(re.findall(rf"{key}=(\S+)", text)) <= {example[key]}, name
