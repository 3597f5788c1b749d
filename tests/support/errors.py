"""Checks of errors by their attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def having(**expected: Any) -> Callable[[BaseException], bool]:
    """Return the `check` of `pytest.raises`: the error has these attributes."""

    def check(error: BaseException) -> bool:
        assert {name: getattr(error, name) for name in expected} == expected
        return True

    return check
