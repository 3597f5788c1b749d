"""Faults of the API, through a whole load: transient ones are retried, lasting ones fail the load.

A fault hits the first request of a load, for rows, a count or a multiquery: no test depends on how requests are
batched. Each client gives up after three tries, and waits milliseconds between them.
"""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from apiclient.errors import ApiError, ReplyError, ServerError, TransientError, UnreachableError
from apiclient.retry import Backoff
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
from tests.support.loads import Loads, new_client, small_sandbox, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store
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
# The error of a load when a fault stays, with its HTTP status. An empty list can also be a count that differs.
LASTING: dict[str, tuple[type[Exception] | tuple[type[Exception], ...], int | None]] = {
    "429": (RateLimitError, 429),
    "500": (ServerError, 500),
    "502": (ServerError, 502),
    "503": (ServerError, 503),
    "504": (ServerError, 504),
    "408": (SlowQueryError, 408),
    "reset": (UnreachableError, None),
    "reset in the body": (UnreachableError, None),
    "truncated JSON": (ReplyError, 200),
    "HTML": (ReplyError, 200),
    "null": (ReplyError, 200),
    "{}": (ReplyError, 200),
    "[]": ((IncompleteError, ReplyError), 200),
    "a hang": (UnreachableError, None),
}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, str]]:
    with small_sandbox() as served:
        yield served


@pytest.fixture
def loads(served: tuple[Sandbox, str], store: Store) -> Iterator[Loads]:
    yield Loads(*served, store, client={"timeout": 0.4, "max_attempts": MAX_ATTEMPTS})
    served[0].faults.clear()


def minting(url: str, tmp_path: Path, secret: str = SECRET, token_url: str = "") -> ClientCredentials:
    """A token source that asks the sandbox, with a cache of its own."""
    return ClientCredentials(
        token_url=token_url or f"{url}/oauth2/token",
        client_id="sandbox",
        client_secret=secret,
        cache_folder=tmp_path / "tokens",
        backoff=Backoff(base=0.002, cap=0.01),
    )


def failing(loads: Loads, **options: Any) -> tuple[Exception, int]:
    """A load that fails and commits nothing. Returns: its error, and the requests that it cost."""
    before, asked = loads.latest(), loads.sandbox.requests_served
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is for the caller to say
        loads.load(**options)
    assert loads.latest() == before
    return caught.value, loads.sandbox.requests_served - asked


def check_keeps_secrets(caplog: pytest.LogCaptureFixture, error: Exception, *secrets: str) -> None:
    """Neither the logs nor the error, its causes and notes included, hold a secret."""
    logged = caplog.text + "".join(traceback.format_exception(error)) + repr(error)
    for secret in secrets:
        assert secret
        assert secret not in logged


# Of full loads, those that `test_all_of_them_in_one_load` leaves out.
FULL = ["408", "429 with Retry-After", "[]", "no rows"]


@pytest.mark.parametrize(
    ("fault", "incremental"), [*((fault, True) for fault in TRANSIENT), *((fault, False) for fault in FULL)]
)
def test_a_fault_that_passes_costs_nothing(fault: str, incremental: bool, loads: Loads) -> None:
    if incremental:
        loads.load(run_id="before")
        ids = sorted(loads.source_rows())
        loads.sandbox.delete("games", [ids[7], ids[-1]])
        loads.sandbox.upsert(
            "games", [{"id": ids[3], "name": f"Changed by {fault}"}, {"id": ids[-1] + 9, "name": "New"}]
        )
    loads.sandbox.faults.add(Fault(**TRANSIENT[fault]))
    began = time.monotonic()
    report = loads.load()
    assert loads.sandbox.faults.active() == [], "the fault has hit"
    assert loads.table_rows() == loads.source_rows()
    assert report.mode == ("incremental" if incremental else "full")
    assert report.row_count == report.source_count == len(loads.source_rows())
    if "Retry-After" in fault:
        assert time.monotonic() - began >= 1


def test_all_of_them_in_one_load(loads: Loads) -> None:
    passing = [fault for name, fault in TRANSIENT.items() if name not in {"429 with Retry-After", "408"}]
    # A reply that is short is asked for once more and then believed to stay so: one of them is enough.
    loads.sandbox.faults.add(*(Fault(**fault) for fault in passing if fault["kind"] not in {"empty", "no_rows"}))
    client = loads.client(timeout=0.4, max_attempts=len(passing) + 1)
    loads.load(client=client)
    assert loads.sandbox.faults.active() == []
    assert loads.table_rows() == loads.source_rows()


@pytest.mark.parametrize("fault", LASTING)
def test_a_fault_that_stays_fails_the_load(fault: str, caplog: pytest.LogCaptureFixture, loads: Loads) -> None:
    kind, status = LASTING[fault]
    loads.sandbox.faults.add(Fault(**TRANSIENT[fault], times=None))
    token = token_of(loads.sandbox)
    error, requests = failing(loads)
    assert isinstance(error, kind)
    if isinstance(error, ApiError):
        assert isinstance(error, TransientError), "Airflow may try again later"
        assert (error.status, bool(error.hint)) == (status, True)
    assert requests <= MAX_ATTEMPTS * AT_ONCE
    check_keeps_secrets(caplog, error, token._token)
    loads.sandbox.faults.clear()
    loads.load()
    assert loads.table_rows() == loads.source_rows(), "the next try repairs it"


@pytest.mark.parametrize("fault", ["drop_row", "no_rows"])
def test_missing_rows_fail_the_load_with_the_range_and_both_numbers(fault: str, loads: Loads) -> None:
    loads.load(run_id="before")
    loads.sandbox.faults.add(Fault(fault, times=None))
    error, requests = failing(loads, full_refresh=True)
    assert isinstance(error, IncompleteError)
    assert (error.entity, error.rows == error.count) == ("igdb.games", False)
    assert "id" in error.where
    assert requests <= 2 * AT_ONCE + 2
    assert loads.table_rows() == loads.source_rows(), "as it was before"


PERMANENT: dict[str, tuple[dict[str, Any], type[ApiError], str]] = {
    "400": ({"kind": "status", "status": 400}, QueryError, "try the query in another client"),
    "401": ({"kind": "status", "status": 401}, AuthError, "check the client id"),
    "403 User-Agent": ({"kind": "status", "status": 403}, ForbiddenError, "blocks this program's User-Agent"),
    "404": ({"kind": "status", "status": 404}, QueryError, "404: check the address of the API"),
    "tokens end": ({"kind": "end_tokens"}, AuthError, "a static token must belong to this client id"),
}


@pytest.mark.parametrize("fault", PERMANENT)
def test_an_error_that_would_come_again_fails_at_once(
    fault: str, caplog: pytest.LogCaptureFixture, loads: Loads
) -> None:
    what, kind, hint = PERMANENT[fault]
    loads.sandbox.faults.add(Fault(**what, times=None))
    token = token_of(loads.sandbox)
    error, requests = failing(loads)
    assert isinstance(error, kind)
    assert not isinstance(error, TransientError)
    assert hint in error.hint
    assert requests <= 2, "one, and one more where multiqueries may be what is refused"
    check_keeps_secrets(caplog, error, token._token)


def test_a_wrong_secret_fails_before_the_api_is_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, loads: Loads
) -> None:
    client = loads.client(tokens=minting(loads.url, tmp_path, secret="not-the-secret"))
    error, requests = failing(loads, client=client)
    assert isinstance(error, AuthError)
    assert (error.status, "the client secret" in error.hint) == (403, True)
    assert requests == 1
    check_keeps_secrets(caplog, error, "not-the-secret")


def test_a_refused_user_agent(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    monkeypatch.setattr("apiclient.client.USER_AGENT", "Python-urllib/3.12")
    error, requests = failing(loads)
    assert isinstance(error, ForbiddenError)
    assert "the User-Agent is refused" in str(error)
    assert requests <= 2


def test_a_token_that_ends_in_the_middle_is_replaced_once(tmp_path: Path, loads: Loads) -> None:
    client = loads.client(tokens=minting(loads.url, tmp_path))
    loads.load(client=client, run_id="before")
    loads.sandbox.faults.add(Fault("end_tokens"))
    minted = [record for record in loads.sandbox.requests if record.endpoint == "token"]
    loads.load(client=client, full_refresh=True)
    again = [record for record in loads.sandbox.requests if record.endpoint == "token"]
    assert len(again) - len(minted) == 1, "one new token, for however many requests were refused"
    assert loads.table_rows() == loads.source_rows()


def test_tokens_that_end_at_once_are_left_to_a_later_try(tmp_path: Path, loads: Loads) -> None:
    client = loads.client(tokens=minting(loads.url, tmp_path), max_open_requests=1)
    loads.sandbox.faults.add(Fault("end_tokens", times=2))
    loads.load(client=client)
    assert loads.table_rows() == loads.source_rows(), "the second token to end had just been minted"
    loads.sandbox.faults.add(Fault("end_tokens", times=None))
    error, requests = failing(loads, client=client, full_refresh=True)
    assert isinstance(error, TokenError)
    assert "a client id of its own" in error.hint
    assert requests <= 8


@pytest.mark.parametrize("fault", ["status", "reset", "truncate", "html", "null", "object", "empty"])
def test_a_token_endpoint_in_trouble_is_asked_again(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, loads: Loads
) -> None:
    loads.sandbox.faults.add(Fault(fault, endpoint="token", status=503, times=2))
    loads.load(client=loads.client(tokens=minting(loads.url, tmp_path)))
    assert loads.table_rows() == loads.source_rows()
    loads.sandbox.faults.add(Fault(fault, endpoint="token", status=503, times=None))
    client = loads.client(tokens=minting(loads.url, tmp_path / "other"))
    error, requests = failing(loads, client=client, full_refresh=True)
    assert isinstance(error, TransientError)
    assert f"{loads.url}/oauth2/token" in str(error) or "the source is in trouble" in str(error)
    assert requests == 5
    check_keeps_secrets(caplog, error, SECRET)


@pytest.mark.parametrize("where", ["the API", "tokens"])
def test_a_host_that_no_name_server_knows(
    where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, loads: Loads
) -> None:
    nowhere = "http://api.invalid"
    if where == "tokens":
        tokens = minting(loads.url, tmp_path, token_url=f"{nowhere}/oauth2/token")
        client = loads.client(tokens=tokens)
    else:
        client = new_client(nowhere, token_of(loads.sandbox))
    error, requests = failing(loads, client=client)
    assert isinstance(error, UnreachableError)
    assert "Check the address" in error.hint
    assert requests == 0
    assert client.stats.requests <= MAX_ATTEMPTS * AT_ONCE
    check_keeps_secrets(caplog, error, SECRET)


def test_a_reply_that_hangs_costs_its_own_time_only(loads: Loads) -> None:
    client = loads.client(timeout=0.3)
    loads.sandbox.faults.add(Fault("hang", seconds=30))
    began = time.monotonic()
    loads.load(client=client)
    assert 0.3 <= time.monotonic() - began < 3
    assert loads.table_rows() == loads.source_rows()


@pytest.mark.parametrize(("status", "times"), [(413, 1), (408, 2)], ids=["413", "408"])
def test_a_reply_that_is_too_large_is_asked_for_in_smaller_ones(status: int, times: int, loads: Loads) -> None:
    loads.sandbox.faults.add(Fault("status", status=status, times=times))
    loads.load()
    assert loads.table_rows() == loads.source_rows()


@pytest.mark.parametrize("status", [413, 408])
def test_a_reply_that_is_always_too_large_fails_the_load(status: int, loads: Loads) -> None:
    loads.sandbox.faults.add(Fault("status", status=status, times=None))
    error, requests = failing(loads)
    assert isinstance(error, PayloadTooLargeError if status == 413 else SlowQueryError)
    assert requests <= 100
