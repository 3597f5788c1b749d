from __future__ import annotations

import pytest

from igdb import errors

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
        (408, errors.SlowQuery),
        (413, errors.PayloadTooLarge),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (502, errors.ServerError),
        (599, errors.ServerError),
    ],
)
def test_the_class_of_a_status(status: int, kind: type[errors.IgdbError]) -> None:
    error = errors.error_for(status, endpoint="games", query="fields *;", reply="the reply")
    assert type(error) is kind
    assert (error.endpoint, error.query, error.status, error.reply) == ("games", "fields *;", status, "the reply")
    for part in ("games", "fields *;", str(status), "the reply", "what to do: "):
        assert part in str(error)


def test_what_may_go_well_later_is_transient_and_nothing_else() -> None:
    transient = {s for s in range(300, 600) if isinstance(errors.error_for(s, endpoint="x"), errors.TransientError)}
    assert transient == {408, 429, *range(500, 600)}


def test_a_403_sends_nobody_after_the_token() -> None:
    assert "credentials are good" in str(errors.error_for(403, endpoint="games", reply=TIER))


def test_1010_is_about_the_user_agent() -> None:
    error = errors.error_for(403, endpoint="games", reply="error code: 1010")
    assert isinstance(error, errors.ForbiddenError)
    assert "User-Agent" in str(error)
    assert "credentials are good" not in str(error)


def test_a_wrong_secret_names_the_connection() -> None:
    assert "login and password of the connection" in str(errors.error_for(401, endpoint="games"))
    assert "igdb_default" in str(errors.error_for(401, endpoint="games"))


def test_a_long_reply_is_cut() -> None:
    error = errors.error_for(400, endpoint="games", reply="x" * 10_000)
    assert len(error.reply) == errors.EXCERPT
    assert len(str(error)) < 1000


def test_the_tree_at_the_head_of_the_module_is_the_tree() -> None:
    """Every class is printed there, below its parent."""
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.IgdbError)]
    lines = [line for line in (errors.__doc__ or "").splitlines() if "──" in line]
    drawn = {line.split("──")[1].split()[0]: line.index("──") for line in lines}
    assert drawn.keys() == {c.__name__ for c in classes} - {"IgdbError"}
    inner = {name for name, column in drawn.items() if column > min(drawn.values())}
    assert inner == {c.__name__ for c in classes if issubclass(c, errors.TransientError)} - {"TransientError"}
