from __future__ import annotations

import json

import pytest

from gamelake.errors import is_explained
from gamelake.lake.store import StoreError
from igdb.errors import IgdbError
from sandbox.igdb.errors import SandboxError


@pytest.mark.parametrize(
    ("error", "explained"),
    [
        (StoreError, True),
        (IgdbError, True),
        (SandboxError, True),
        (OSError, False),
        (json.JSONDecodeError, False),
    ],
)
def test_errors_of_our_packages_explain_themselves(error: type[Exception], explained: bool) -> None:
    assert is_explained(error.__new__(error)) is explained
