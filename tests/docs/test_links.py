"""Every relative link of every Markdown file leads to a file, and its anchor to a heading."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gamelake.paths import REPOSITORY

_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


def pages() -> list[Path]:
    """The Markdown files that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [REPOSITORY / name for name in sorted(listed) if (REPOSITORY / name).exists()]


def links(text: str) -> list[str]:
    """The targets of a page's links and images that are neither on another host nor in dbt's docs (`#!/model/...`)."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCED.sub("", text))
    found = [target or other for target, other in _LINK.findall(prose)]
    return [link for link in found if not re.match(r"[a-z]+:|#!/", link)]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ +(.+?) *$", _FENCED.sub("", text), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {f"{slug}-{number}" if number else slug for slug, last in found.items() for number in range(last + 1)}


def broken(page: Path, root: Path = REPOSITORY) -> list[str]:
    """The links of a page that lead nowhere, or out of the repository."""
    found = []
    for link in links(page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        exists = target.exists() and target.is_relative_to(root)
        if exists and anchor and target.suffix == ".md":
            exists = anchor in anchors(target.read_text("utf-8"))
        if not exists:
            found.append(link)
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Any) -> None:
    assert broken(page) == []


def test_both_readmes_lead_to_the_same_pages_and_name_the_same_commands() -> None:
    """The Korean one has no drawing: it leads to that of the other, and to the page behind it."""
    english, korean = ((REPOSITORY / name).read_text("utf-8") for name in ("README.md", "README.ko.md"))
    only_korean = {"README.md#how-it-works", "docs/reference/architecture.md"}
    assert set(links(english)) - {"README.ko.md"} == set(links(korean)) - only_korean
    assert set(re.findall(r"`([^`\n]+)`", english)) == set(re.findall(r"`([^`\n]+)`", korean))


def test_every_page_of_docs_can_be_reached_from_its_index() -> None:
    index = REPOSITORY / "docs" / "README.md"
    reached, waiting = {index}, [index]
    while waiting:
        page = waiting.pop()
        for link in links(page.read_text("utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target not in reached and target.is_relative_to(index.parent):
                reached.add(target)
                waiting.append(target)
    assert [page for page in pages() if page.is_relative_to(index.parent) and page not in reached] == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A `b` c, d\n\n## Twice\n\n## Twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[1](other.md) [2](other.md#a-b-c-d) [3](other.md#twice-1) [4](https://x.test/y) `[5](none.md)` [6](#here)\n"
        "# Here\n"
        "```\n[7](none.md)\n```\n"
        '[8](none.md) [9](other.md#none) ![10](none.png) <img src="none.svg"> [11](../outside.md) [12](#nowhere)\n'
    )
    assert broken(page, tmp_path) == ["none.md", "other.md#none", "none.png", "none.svg", "../outside.md", "#nowhere"]
