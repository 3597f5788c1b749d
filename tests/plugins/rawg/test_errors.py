from __future__ import annotations

import pytest

from apiclient.errors import ApiError, TransientError
from rawg import errors


def test_what_may_go_well_later_is_transient_and_nothing_else() -> None:
    reply = '{"detail": "Not found."}'
    found = {s: errors.error_for(s, endpoint="x", reply=reply) for s in range(300, 600)}
    assert {s for s, error in found.items() if isinstance(error, TransientError)} == {429, *range(500, 600)}
    assert isinstance(errors.error_for(404, endpoint="x", reply="<html>"), TransientError), "of a gateway"


@pytest.mark.parametrize("reply", ['{"error": 5}', "[]", "null", '"The API key is not found"', "[" * 100_000])
def test_a_401_with_another_reply_is_about_the_key(reply: str) -> None:
    assert type(errors.error_for(401, endpoint="games", reply=reply)) is errors.AuthError


def test_the_texts_are_recognised_in_any_case() -> None:
    error = errors.error_for(401, endpoint="games", reply='{"error": "The monthly API Limit reached."}')
    assert isinstance(error, errors.QuotaSpentError)
    assert not isinstance(error, errors.AuthError)


def test_the_tree_at_the_head_of_the_module_names_every_class() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ApiError)}
    drawn = {line.split("──")[1].split()[0] for line in (errors.__doc__ or "").splitlines() if "──" in line}
    assert drawn == kinds - {"ApiError", "ServerError"}
