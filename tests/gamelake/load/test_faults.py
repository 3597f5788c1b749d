"""Everything that can go wrong at the API, through a whole load: what passes is ridden out, what stays fails it.

A fault hits whatever a load asks first, be it rows, a count or a multiquery: how a load packs its requests is its own
affair. Each client gives up after three tries, and waits milliseconds between them.
"""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from apiclient.errors import ApiError, ReplyError, ServerError, TransientError, UnreachableError
from apiclient.retry import Backoff
from gamelake.lake.table import Table
from gamelake.sources.base import IncompleteError
from igdb.errors import (
    AuthError,
    ForbiddenError,
    PayloadTooLargeError,
    QueryError,
    RateLimitError,
    SlowQueryError,
    TokenError,
)
from igdb.tokens import ClientCredentials
from sandbox.igdb import Fault
from tests.support.loads import held, load_once, new_client, shown, small_sandbox, token_of
from tests.support.tables import IGDB_GAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store
    from igdb.client import IgdbClient
    from sandbox.igdb import Sandbox

SECRET = "sandbox-secret"
MAX_ATTEMPTS = 3
AT_ONCE = 8
"""Requests that may be under way when the first of them fails."""

TRANSIENT: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429},
    "429 with Retry-After": {"kind": "status", "status": 429, "retry_after": 1},
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "503": {"kind": "status", "status": 503},
    "504": {"kind": "status", "status": 504},
    "408": {"kind": "status", "status": 408},
    "reset": {"kind": "reset"},
    "reset in the body": {"kind": "reset_body"},
    "truncated JSON": {"kind": "truncate"},
    "HTML": {"kind": "html"},
    "null": {"kind": "null"},
    "{}": {"kind": "object"},
    "[]": {"kind": "empty"},
    "no rows": {"kind": "no_rows"},
    "a row short": {"kind": "drop_row"},
    "no UTF-8": {"kind": "replace", "old": '"id"', "new": '"\udcff"'},
    "a hang": {"kind": "hang", "seconds": 30},
}
# What a load says when that fault does not pass; where rows and count differ, no retry of a request can tell.
LASTING: dict[str, tuple[type[Exception] | tuple[type[Exception], ...], str]] = {
    "429": (RateLimitError, "status 429"),
    "500": (ServerError, "status 500"),
    "502": (ServerError, "status 502"),
    "503": (ServerError, "status 503"),
    "504": (ServerError, "status 504"),
    "408": (SlowQueryError, "status 408"),
    "reset": (UnreachableError, "curl -sS"),
    "reset in the body": (UnreachableError, "curl -sS"),
    "truncated JSON": (ReplyError, "status 200, but not JSON"),
    "HTML": (ReplyError, "status 200, but not JSON"),
    "null": (ReplyError, "status 200, but not a JSON array"),
    "{}": (ReplyError, "status 200, but not a JSON array"),
    "[]": ((IncompleteError, ReplyError), "twice|asked for"),
    "a hang": (UnreachableError, "no reply in time"),
}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, str]]:
    with small_sandbox() as served:
        yield served


@pytest.fixture
def sandbox(served: tuple[Sandbox, str]) -> Iterator[Sandbox]:
    yield served[0]
    served[0].faults.clear()


@pytest.fixture
def client(served: tuple[Sandbox, str], sandbox: Sandbox) -> IgdbClient:
    return new_client(served[1], token_of(sandbox), timeout=0.4, max_attempts=MAX_ATTEMPTS)


def minting(url: str, tmp_path: Path, secret: str = SECRET, token_url: str = "") -> ClientCredentials:
    """A token source that asks the sandbox, with a cache of its own."""
    return ClientCredentials(
        token_url=token_url or f"{url}/oauth2/token",
        client_id="sandbox",
        client_secret=secret,
        cache_folder=tmp_path / "tokens",
        backoff=Backoff(base=0.002, cap=0.01),
    )


def failing(client: IgdbClient, store: Store, sandbox: Sandbox, **options: Any) -> tuple[Exception, int]:
    """A load that fails and commits nothing. Returns: its error, and the requests that it cost."""
    before, asked = Table(store, IGDB_GAMES).latest(), sandbox.requests_served
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is for the caller to say
        load_once(client, store, **options)
    assert Table(store, IGDB_GAMES).latest() == before
    return caught.value, sandbox.requests_served - asked


def check_keeps_secrets(caplog: pytest.LogCaptureFixture, error: Exception, *secrets: str) -> None:
    """Neither the logs nor the error, its causes and notes included, hold a secret."""
    said = caplog.text + "".join(traceback.format_exception(error)) + repr(error)
    for secret in secrets:
        assert secret
        assert secret not in said


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
@pytest.mark.parametrize("fault", TRANSIENT)
def test_what_passes_is_ridden_out(
    fault: str, incremental: bool, client: IgdbClient, store: Store, sandbox: Sandbox
) -> None:
    if incremental:
        load_once(client, store, run_id="before")
        ids = sorted(held(sandbox))
        sandbox.delete("games", [ids[7], ids[-1]])
        sandbox.upsert("games", [{"id": ids[3], "name": f"Changed by {fault}"}, {"id": ids[-1] + 9, "name": "New"}])
    sandbox.faults.add(Fault(**TRANSIENT[fault]))
    began = time.monotonic()
    report = load_once(client, store)
    assert sandbox.faults.active() == [], "the fault has hit"
    assert shown(store) == held(sandbox)
    assert report.mode == ("incremental" if incremental else "full")
    assert report.row_count == report.source_count == len(held(sandbox))
    if "Retry-After" in fault:
        assert time.monotonic() - began >= 1


def test_all_of_them_in_one_load(served: tuple[Sandbox, str], store: Store, sandbox: Sandbox) -> None:
    passing = [fault for name, fault in TRANSIENT.items() if name not in {"429 with Retry-After", "408"}]
    # A reply that is short is asked for once more and then believed to stay so: one of them is enough.
    sandbox.faults.add(*(Fault(**fault) for fault in passing if fault["kind"] not in {"empty", "no_rows"}))
    client = new_client(served[1], token_of(sandbox), timeout=0.4, max_attempts=len(passing) + 1)
    load_once(client, store)
    assert sandbox.faults.active() == []
    assert shown(store) == held(sandbox)


@pytest.mark.parametrize("fault", LASTING)
def test_what_stays_fails_the_load(
    fault: str, client: IgdbClient, store: Store, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    kind, says = LASTING[fault]
    sandbox.faults.add(Fault(**TRANSIENT[fault], times=None))
    token = token_of(sandbox)
    error, requests = failing(client, store, sandbox)
    assert isinstance(error, kind)
    with pytest.raises(type(error), match=says):
        raise error
    if isinstance(error, ApiError):
        assert isinstance(error, TransientError), "Airflow may try again later"
        assert "what to do: " in str(error)
    assert requests <= MAX_ATTEMPTS * AT_ONCE
    check_keeps_secrets(caplog, error, token._token)
    sandbox.faults.clear()
    load_once(client, store)
    assert shown(store) == held(sandbox), "the next try repairs it"


@pytest.mark.parametrize("fault", ["drop_row", "no_rows"])
def test_rows_that_stay_away_fail_the_load_with_the_range_and_both_numbers(
    fault: str, client: IgdbClient, store: Store, sandbox: Sandbox
) -> None:
    load_once(client, store, run_id="before")
    sandbox.faults.add(Fault(fault, times=None))
    error, requests = failing(client, store, sandbox, full_refresh=True)
    assert isinstance(error, IncompleteError)
    with pytest.raises(IncompleteError, match=r"games: .*id.* \d+.* returned \d+ rows but counts \d+, twice"):
        raise error
    assert "Nothing was committed; run the load again" in str(error)
    assert requests <= 2 * AT_ONCE + 2
    assert shown(store) == held(sandbox), "as it was before"


PERMANENT: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "400": ({"kind": "status", "status": 400}, QueryError, "try the query in another client"),
    "401": ({"kind": "status", "status": 401}, AuthError, "check IGDB_CLIENT_ID and IGDB_CLIENT_SECRET"),
    "403 User-Agent": ({"kind": "status", "status": 403}, ForbiddenError, "blocks this program's User-Agent"),
    "404": ({"kind": "status", "status": 404}, QueryError, "404: check the address of the API"),
    "tokens end": ({"kind": "end_tokens"}, AuthError, "a static_token .* be valid still"),
}


@pytest.mark.parametrize("fault", PERMANENT)
def test_an_error_that_would_come_again_fails_at_once(
    fault: str, client: IgdbClient, store: Store, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    what, kind, says = PERMANENT[fault]
    sandbox.faults.add(Fault(**what, times=None))
    token = token_of(sandbox)
    error, requests = failing(client, store, sandbox)
    assert isinstance(error, kind)
    assert not isinstance(error, TransientError)
    with pytest.raises(kind, match=says):
        raise error
    assert requests <= 2, "one, and one more where multiqueries may be what is refused"
    check_keeps_secrets(caplog, error, token._token)


def test_a_wrong_secret_fails_before_the_api_is_asked(
    served: tuple[Sandbox, str], store: Store, sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = new_client(served[1], minting(served[1], tmp_path, secret="not-the-secret"))
    error, requests = failing(client, store, sandbox)
    assert isinstance(error, AuthError)
    assert "refused the client id or secret (status 403)" in str(error)
    assert "igdb_default" in str(error)
    assert requests == 1
    check_keeps_secrets(caplog, error, "not-the-secret")


def test_a_refused_user_agent(
    client: IgdbClient, store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("igdb.client.USER_AGENT", "Python-urllib/3.12")
    error, requests = failing(client, store, sandbox)
    assert isinstance(error, ForbiddenError)
    assert "the User-Agent is refused" in str(error)
    assert requests <= 2


def test_a_token_that_ends_in_the_middle_is_replaced_once(
    served: tuple[Sandbox, str], store: Store, sandbox: Sandbox, tmp_path: Path
) -> None:
    client = new_client(served[1], minting(served[1], tmp_path))
    load_once(client, store, run_id="before")
    sandbox.faults.add(Fault("end_tokens"))
    minted = [record for record in sandbox.requests if record.endpoint == "token"]
    load_once(client, store, full_refresh=True)
    again = [record for record in sandbox.requests if record.endpoint == "token"]
    assert len(again) - len(minted) == 1, "one new token, for however many requests were refused"
    assert shown(store) == held(sandbox)


def test_tokens_that_end_as_soon_as_they_are_minted_are_left_to_a_later_try(
    served: tuple[Sandbox, str], store: Store, sandbox: Sandbox, tmp_path: Path
) -> None:
    client = new_client(served[1], minting(served[1], tmp_path), max_open_requests=1)
    sandbox.faults.add(Fault("end_tokens", times=2))
    load_once(client, store)
    assert shown(store) == held(sandbox), "the second token to end had just been minted"
    sandbox.faults.add(Fault("end_tokens", times=None))
    error, requests = failing(client, store, sandbox, full_refresh=True)
    assert isinstance(error, TokenError)
    assert "a client id of its own, or run the task again later" in str(error)
    assert requests <= 8


@pytest.mark.parametrize("fault", ["status", "reset", "truncate", "html", "null", "object", "empty"])
def test_a_token_endpoint_in_trouble_is_asked_again(
    fault: str,
    served: tuple[Sandbox, str],
    store: Store,
    sandbox: Sandbox,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sandbox.faults.add(Fault(fault, endpoint="token", status=503, times=2))
    load_once(new_client(served[1], minting(served[1], tmp_path)), store)
    assert shown(store) == held(sandbox)
    sandbox.faults.add(Fault(fault, endpoint="token", status=503, times=None))
    client = new_client(served[1], minting(served[1], tmp_path / "other"))
    error, requests = failing(client, store, sandbox, full_refresh=True)
    assert isinstance(error, TransientError)
    assert f"{served[1]}/oauth2/token" in str(error) or "the source is in trouble" in str(error)
    assert requests == 5
    check_keeps_secrets(caplog, error, SECRET)


@pytest.mark.parametrize("where", ["the API", "tokens"])
def test_a_host_that_no_name_server_knows(
    where: str,
    served: tuple[Sandbox, str],
    store: Store,
    sandbox: Sandbox,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    nowhere = "http://api.invalid"
    if where == "tokens":
        tokens = minting(served[1], tmp_path, token_url=f"{nowhere}/oauth2/token")
        client = new_client(served[1], tokens)
    else:
        client = new_client(nowhere, token_of(sandbox))
    error, requests = failing(client, store, sandbox)
    assert isinstance(error, UnreachableError)
    assert "host and token_url of the Airflow connection" in str(error)
    assert "curl" in str(error)
    assert requests == 0
    assert client.stats.requests <= MAX_ATTEMPTS * AT_ONCE
    check_keeps_secrets(caplog, error, SECRET)


def test_a_reply_that_hangs_costs_its_own_time_only(
    served: tuple[Sandbox, str], store: Store, sandbox: Sandbox
) -> None:
    client = new_client(served[1], token_of(sandbox), timeout=0.3)
    sandbox.faults.add(Fault("hang", seconds=30))
    began = time.monotonic()
    load_once(client, store)
    assert 0.3 <= time.monotonic() - began < 3
    assert shown(store) == held(sandbox)


@pytest.mark.parametrize(("status", "times"), [(413, 1), (408, 2)], ids=["413", "408"])
def test_a_reply_that_is_too_much_is_asked_for_in_smaller_ones(
    status: int, times: int, client: IgdbClient, store: Store, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("status", status=status, times=times))
    load_once(client, store)
    assert shown(store) == held(sandbox)


@pytest.mark.parametrize("status", [413, 408])
def test_a_reply_that_is_too_much_however_small_fails_the_load(
    status: int, client: IgdbClient, store: Store, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("status", status=status, times=None))
    error, requests = failing(client, store, sandbox)
    assert isinstance(error, PayloadTooLargeError if status == 413 else SlowQueryError)
    assert "what to do: " in str(error)
    assert requests <= 100
