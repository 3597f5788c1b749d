from __future__ import annotations

import pytest

from gamelake.local import account


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("IGDB_BASE_URL", True),
        ("IGDB_TOKEN_URL", True),  # alone it is refused, not ignored
        ("IGDB_CLIENT_ID", True),
        ("AIRFLOW_CONN_IGDB_DEFAULT", True),
        ("OTHER", False),
    ],
)
def test_a_sandbox_is_started_unless_the_user_names_an_api(
    monkeypatch: pytest.MonkeyPatch, variable: str, expected: bool
) -> None:
    names = ("IGDB_BASE_URL", "IGDB_TOKEN_URL", "IGDB_CLIENT_ID", "IGDB_CLIENT_SECRET")
    for name in (*names, account.CONNECTION_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "http://elsewhere/v4")
    assert account.is_given() is expected
