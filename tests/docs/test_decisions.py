"""Each page of docs/decisions has a status and a date, and its line in the index agrees with it."""

from __future__ import annotations

import re

from gamelake.paths import REPOSITORY

FOLDER = REPOSITORY / "docs" / "decisions"
_HEAD = re.compile(
    r"# (?P<title>.+)\n\nStatus: (?P<status>accepted|superseded by \[.+\]\(.+\))\. Date: (?P<date>\d{4}-\d\d-\d\d)\.\n"
)


def test_the_index_lists_each_page_with_its_title_status_and_date() -> None:
    index = (FOLDER / "README.md").read_text("utf-8")
    expected = []
    for page in sorted(FOLDER.glob("0*.md")):
        head = _HEAD.match(page.read_text("utf-8"))
        assert head, f"{page.name}: expected a title and a line `Status: accepted. Date: YYYY-MM-DD.`"
        expected.append(f"| [{page.name[:4]} {head['title']}]({page.name}) | {head['status']} | {head['date']} |")
    assert re.findall(r"^\| \[\d{4} .*\|$", index, re.MULTILINE) == expected


def test_numbers_are_used_once_and_have_no_gaps() -> None:
    numbers = [int(page.name[:4]) for page in sorted(FOLDER.glob("0*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
