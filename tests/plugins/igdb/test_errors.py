from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from apiclient import errors as shared
from apiclient.errors import EXCERPT, ApiError, ServerError, TransientError
from igdb import errors

if TYPE_CHECKING:
    from types import ModuleType

TIER = '[{"title":"Request limit to high","status":403,"cause":"…"}]'


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, errors.UnexpectedStatusError),
        (400, errors.QueryError),
        (401, errors.AuthError),
        (403, errors.ForbiddenError),
        (404, errors.QueryError),
        (405, errors.UnexpectedStatusError),
        (408, errors.SlowQueryError),
        (413, errors.PayloadTooLargeError),
        (429, errors.RateLimitError),
        (500, ServerError),
        (502, ServerError),
        (599, ServerError),
    ],
)
def test_the_class_of_a_status(status: int, kind: type[ApiError]) -> None:
    error = errors.error_for(status, endpoint="games", query="fields *;", reply="the reply")
    assert type(error) is kind
    assert (error.endpoint, error.query, error.status, error.reply) == ("games", "fields *;", status, "the reply")
    for part in ("games", "fields *;", str(status), "the reply", "what to do: "):
        assert part in str(error)


def test_what_may_go_well_later_is_transient_and_nothing_else() -> None:
    transient = {s for s in range(300, 600) if isinstance(errors.error_for(s, endpoint="x"), TransientError)}
    assert transient == {408, 429, *range(500, 600)}


def test_a_403_has_no_hint_about_the_token() -> None:
    assert "credentials are good" in str(errors.error_for(403, endpoint="games", reply=TIER))


def test_1010_is_about_the_user_agent() -> None:
    error = errors.error_for(403, endpoint="games", reply="error code: 1010")
    assert isinstance(error, errors.ForbiddenError)
    assert "User-Agent" in str(error)
    assert "credentials are good" not in str(error)


def test_a_long_reply_is_cut() -> None:
    error = errors.error_for(400, endpoint="games", reply="x" * 10_000)
    assert len(error.reply) == EXCERPT
    assert len(str(error)) < 1000


@pytest.mark.parametrize("module", [errors, shared])
def test_the_tree_at_the_head_of_the_module_is_the_tree(module: ModuleType) -> None:
    """Every class is printed there, below its parent."""
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, ApiError)]
    defined = {kind for kind in kinds if kind.__module__ == module.__name__}
    lines = [line for line in (module.__doc__ or "").splitlines() if "──" in line]
    left = min(line.index("──") for line in lines)
    parents = [ApiError]
    drawn = {}
    for line in lines:
        depth = (line.index("──") - left) // 4
        kind = getattr(module, line.split("──")[1].split()[0])
        drawn[kind] = parents[depth]
        parents[depth + 1 :] = [kind]
    assert drawn.keys() >= defined - {ApiError}
    assert all(parent in kind.__bases__ for kind, parent in drawn.items())
