"""Reading over HTTP: an API without multiqueries, replies that weigh too much or are not right, and the limits."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.table import Table
from gamelake.sources.base import IncompleteError
from gamelake.sources.igdb import request_planner as batches
from gamelake.sources.igdb.request_planner import BATCH_WINDOWS, PAGE
from igdb.errors import PayloadTooLargeError, SlowQueryError
from sandbox.igdb import Fault
from sandbox.igdb.limits import MAX_OPEN_REQUESTS, REQUESTS_PER_SECOND, Limiter
from tests.support.loads import LONG_AGO, held, ids_of, load_once, new_client, shown, token_of
from tests.support.moving_sandbox import MovingSandbox
from tests.support.tables import IGDB_GAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gamelake.lake.store import Store
    from gamelake.load.load import LoadReport
    from sandbox.igdb.api import RequestRecord

ROWS = 2_900
"""A first page, and a batch of five windows."""
MEGABYTE = 1_000_000


def rows_of(count: int, *, summary: int = 0, heavy: dict[int, int] | None = None) -> list[dict[str, Any]]:
    """Games with the ids from 1, with summaries of so many bytes; heavy: by id, those that are larger."""
    sizes = dict.fromkeys(range(1, count + 1), summary) | (heavy or {})
    return [
        {"id": row_id, "name": f"Game {row_id}", "summary": "x" * size, "updated_at": LONG_AGO}
        for row_id, size in sizes.items()
    ]


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """The rows of the source; `parametrize` replaces it."""
    return rows_of(ROWS)


@pytest.fixture
def sandbox(rows: list[dict[str, Any]]) -> MovingSandbox:
    return MovingSandbox(rows)


@pytest.fixture
def read(sandbox: MovingSandbox, store: Store) -> Iterator[Callable[..., LoadReport]]:
    """Loads the games; takes the options of a client that are not those of one in a hurry."""
    with sandbox.running() as url:
        yield lambda **options: load_once(
            new_client(url, token_of(sandbox), **options), store, day=sandbox.today, run_id=f"{sandbox.today}"
        )


def asked(sandbox: MovingSandbox, report: LoadReport) -> list[RequestRecord]:
    """The requests of a load."""
    return sandbox.requests[-report.requests :]


def is_batch(record: RequestRecord) -> bool:
    """Whether a request asks for rows of several windows."""
    return record.endpoint == "multiquery" and 'query games "1"' in record.query


# An API without multiqueries


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_api_that_refuses_multiqueries_is_asked_window_by_window(
    status: int,
    read: Callable[..., LoadReport],
    sandbox: MovingSandbox,
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sandbox.faults.add(Fault("status", endpoint="multiquery", status=status, times=None))
    report = read()
    assert shown(store) == held(sandbox)
    assert [record.endpoint for record in asked(sandbox, report)] == ["multiquery", *["games"] * (report.requests - 1)]
    assert report.requests <= 2 + 1.2 * ROWS / PAGE

    sandbox.next_day()
    sandbox.delete("games", [1_200, 1_700, ROWS])
    sandbox.upsert("games", [{"id": 9, "name": "Changed"}, {"id": ROWS + 5, "name": "New"}])
    sandbox.upsert("games", [{"id": 0, "name": "Came back", "updated_at": LONG_AGO}])
    report = read()
    assert report.mode == "incremental"
    assert shown(store) == held(sandbox)
    endpoints = Counter(record.endpoint for record in asked(sandbox, report))
    assert endpoints["multiquery"] == 1, "it is asked once each night: it may have changed its mind"
    logged = [message for message in caplog.messages if "the API refuses multiqueries" in message]
    assert len(logged) == 2, "once in each load"
    assert logged[0].startswith(f"igdb.games: the API refuses multiqueries (status {status}")
    assert logged[0].endswith("asking window by window, which takes longer")


# Replies that weigh too much, or take too long


def too_much(sandbox: MovingSandbox, report: LoadReport, status: int = 413) -> int:
    return sum(record.status == status for record in asked(sandbox, report))


@pytest.mark.parametrize("rows", [rows_of(1_000, summary=30_000)], ids=["30 MB"])
def test_large_rows_are_asked_for_in_smaller_batches(
    read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    report = read()
    assert shown(store) == held(sandbox)
    assert report.row_count == report.source_count == 1_000
    assert 1 <= too_much(sandbox, report) <= 8
    assert any("status 413; asking for less at once" in message for message in caplog.messages)


@pytest.mark.parametrize(
    "rows", [rows_of(900, heavy={700: 5 * MEGABYTE, 701: 5 * MEGABYTE})], ids=["10 MB in two rows"]
)
def test_rows_that_fill_a_reply_alone(read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store) -> None:
    report = read()
    assert shown(store) == held(sandbox)
    assert 1 <= too_much(sandbox, report) <= 14, "halved each time"
    sandbox.next_day()
    sandbox.upsert("games", [{"id": row_id, "hypes": 1} for row_id in range(690, 710)])
    assert read().rows == 20
    assert shown(store) == held(sandbox)


@pytest.mark.parametrize("rows", [rows_of(900, heavy={700: 10 * MEGABYTE})], ids=["more than the API sends"])
def test_a_row_that_is_too_large_for_a_reply_fails_the_load_with_its_query(
    read: Callable[..., LoadReport], store: Store
) -> None:
    with pytest.raises(PayloadTooLargeError, match=r"(?s)status 413.*id >= 700 & id < 701;.*what to do: ask for fewer"):
        read()
    assert Table(store, IGDB_GAMES).latest() is None


@pytest.mark.parametrize(("status", "attempts"), [(413, 1), (408, 2)])
def test_a_batch_that_is_refused_is_halved(
    status: int, attempts: int, read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store
) -> None:
    sandbox.faults.add(Fault("status", status=status, endpoint="multiquery", contains='query games "2"', times=None))
    report = read()
    assert shown(store) == held(sandbox)
    refused = too_much(sandbox, report, status)
    assert refused
    assert refused % attempts == 0, "a slow query is tried once more as it is"
    assert max(record.query.count("limit 500") for record in asked(sandbox, report) if record.status == 200) == 2


def test_a_source_that_is_too_slow_for_a_single_row_fails_the_load(
    read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store
) -> None:
    sandbox.faults.add(Fault("status", status=408, contains="limit 500", times=None))
    with pytest.raises(SlowQueryError, match=r"(?s)status 408.*what to do: ask for a smaller window"):
        read()
    assert Table(store, IGDB_GAMES).latest() is None


# Replies that are not right


def test_a_batch_without_one_row_is_asked_again_window_by_window(
    read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add(Fault("drop_row", contains='query games "1"'))
    report = read()
    assert shown(store) == held(sandbox)
    look, batch, *alone = asked(sandbox, report)
    windows = batch.query.count("limit 500")
    assert is_batch(batch)
    assert not is_batch(look)
    assert windows > 1
    assert [record.endpoint for record in alone] == ["games"] * windows
    logged = [message for message in caplog.messages if "asking again" in message]
    assert logged == ["igdb.games: ids 500 and above: the source returned 2400 rows but counts 2401; "
                    "asking again, each window alone"]  # fmt: skip


@pytest.mark.parametrize("fault", ["drop_row", "no_rows"])
def test_a_window_with_missing_rows_twice_fails_the_load(
    fault: str, read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store
) -> None:
    # Another row than the first time, or none: that is no miscount.
    batch, alone = Fault("hide_rows", contains='query games "1"', row_ids=(700,)), Fault(fault, endpoint="games")
    sandbox.faults.add(batch, alone)
    rows = r"\d{3}" if fault == "drop_row" else "0"
    with pytest.raises(
        IncompleteError, match=rf"igdb.games: ids 500 to \d+: the source returned {rows} rows but counts \d"
    ):
        read()
    assert Table(store, IGDB_GAMES).latest() is None


@pytest.mark.parametrize("wrong_id", [9_000, 3, 698, 701], ids=["above", "below", "out of order", "twice"])
def test_rows_outside_of_the_request_are_not_staged(
    wrong_id: int, read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store
) -> None:
    """An API that loses the condition or the order of a query: the number of rows may be right all the same."""
    sandbox.faults.add(
        Fault("replace", contains='query games "1"', old='"id": 700,', new=f'"id": {wrong_id},'),
    )
    report = read()
    assert sandbox.faults.active() == []
    assert shown(store) == held(sandbox)
    assert "games" in {record.endpoint for record in asked(sandbox, report)}


# The limits


@pytest.fixture
def many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs that are planned so small that the table takes more than a dozen of them."""
    monkeypatch.setattr(batches, "BATCH_BYTES", 16_000)


@pytest.mark.usefixtures("many_batches")
def test_never_more_than_four_starts_in_any_second(
    read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store
) -> None:
    sandbox.limiter = Limiter(None, MAX_OPEN_REQUESTS)
    sandbox.latency = 2.0
    report = read(requests_per_second=REQUESTS_PER_SECOND)
    assert shown(store) == held(sandbox)
    assert 12 <= report.requests <= 24
    records = asked(sandbox, report)
    assert {record.status for record in records} == {200}
    starts = [record.started for record in records]
    seconds = [fifth - first for first, fifth in zip(starts, starts[4:], strict=False)]
    assert min(seconds) > 0.9, "1.05, but for what a busy machine holds a request up; test_pacing.py has its own clock"
    assert max(record.open for record in records) == MAX_OPEN_REQUESTS, "as many as may be, while replies are slow"


@pytest.mark.usefixtures("many_batches")
def test_a_request_that_hangs_does_not_stop_the_others(
    read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store
) -> None:
    sandbox.faults.add(Fault("hang", contains='query games "1"', seconds=1.5))
    report = read()
    assert shown(store) == held(sandbox)
    _look, hung, *others = asked(sandbox, report)
    assert hung.seconds >= 1.5
    meanwhile = [record for record in others if record.started + record.seconds < hung.started + hung.seconds]
    assert len(meanwhile) >= MAX_OPEN_REQUESTS - 1


def test_what_one_load_reads_is_read_once(read: Callable[..., LoadReport], sandbox: MovingSandbox) -> None:
    """A table of some pages costs two requests: a first look with a page, and a batch of the rest."""
    assert len(ids_of(sandbox)) <= PAGE * BATCH_WINDOWS
    report = read()
    assert report.requests == 2
    assert report.rows == ROWS


# Rejected rows at the end of a page

CLUMP = 1_000_000
LAST_OF_PAGES = [CLUMP + (PAGE - 1) * number for number in range(1, 6)]
"""A window that begins before the clump returns a full page that ends with a bad row; the next page begins with it."""


def sparse_then_dense() -> list[dict[str, Any]]:
    """A first page of few ids, then a clump of rows."""
    ids = [*range(1_000, 1_000 * (PAGE + 1), 1_000), *range(CLUMP, CLUMP + ROWS)]
    return [
        {"id": row_id, "name": ["no text"] if row_id in LAST_OF_PAGES else f"Game {row_id}", "updated_at": LONG_AGO}
        for row_id in ids
    ]


@pytest.mark.parametrize("rows", [sparse_then_dense()], ids=["a clump of ids"])
def test_a_rejected_row_at_the_end_of_a_full_page_counts_once(
    read: Callable[..., LoadReport], sandbox: MovingSandbox, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    report = read()
    assert sorted(shown(store)) == sorted(set(ids_of(sandbox)) - set(LAST_OF_PAGES))
    assert report.rejected == len(LAST_OF_PAGES)
    assert "asking again" not in caplog.text, "counted twice, a rejected row hides a row that the source left out"
