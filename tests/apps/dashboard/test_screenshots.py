"""The command that takes the pictures of the docs, as far as it needs no lake of many days."""

from __future__ import annotations

import re

import pytest

from gamelake.paths import REPOSITORY

pytest.importorskip("streamlit", reason="Streamlit is in .venv-dashboard only: make test-dashboard")


def test_it_starts_in_the_environment_of_the_dashboard_and_takes_every_picture() -> None:
    from tools.screenshots import LARGEST, OF_AIRFLOW, OF_THE_DASHBOARD

    pictures = {path.name: path for path in (REPOSITORY / "docs").glob("*.png")}
    assert set(pictures) == set(OF_AIRFLOW) | set(OF_THE_DASHBOARD)
    assert max(path.stat().st_size for path in pictures.values()) <= LARGEST
    pages = "".join(path.read_text(encoding="utf-8") for path in REPOSITORY.glob("docs/**/*.md"))
    pages += (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"[\w-]+\.png", pages)) == set(pictures)
