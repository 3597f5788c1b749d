"""Reading over HTTP: an API without multiqueries, replies that weigh too much or are not right, and the limits."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.sources.base import IncompleteError
from gamelake.sources.igdb import request_planner as batches
from gamelake.sources.igdb.request_planner import BATCH_WINDOWS, PAGE
from igdb.errors import PayloadTooLargeError, SlowQueryError
from sandbox.igdb import Fault
from sandbox.igdb.limits import MAX_OPEN_REQUESTS, REQUESTS_PER_SECOND, Limiter
from tests.support.errors import having
from tests.support.faulty_proxy import FaultyProxy
from tests.support.loads import LONG_AGO, Loads
from tests.support.moving_sandbox import MovingSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store
    from gamelake.load.report import LoadReport
    from sandbox.igdb import RequestRecord

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


class Days(Loads):
    """Loads of the sandbox's day, each by a run of its own."""

    sandbox: MovingSandbox

    def load(self, name: str = "games", **options: Any) -> LoadReport:
        return super().load(name, day=self.sandbox.today, run_id=f"{self.sandbox.today}", **options)


@pytest.fixture
def loads(rows: list[dict[str, Any]], store: Store) -> Iterator[Days]:
    sandbox = MovingSandbox(rows)
    with sandbox.running() as url:
        yield Days(sandbox, url, store)


def asked(loads: Days, report: LoadReport) -> list[RequestRecord]:
    """The requests of a load."""
    return loads.sandbox.requests[-report.requests :]


def is_batch(record: RequestRecord) -> bool:
    """Whether a request asks for rows of several windows."""
    return record.endpoint == "multiquery" and 'query games "1"' in record.query


# An API without multiqueries


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_api_that_refuses_multiqueries_is_asked_window_by_window(
    status: int, caplog: pytest.LogCaptureFixture, loads: Days
) -> None:
    loads.sandbox.faults.add(Fault("status", endpoint="multiquery", status=status, times=None))
    report = loads.load()
    assert loads.table_rows() == loads.source_rows()
    assert [record.endpoint for record in asked(loads, report)] == ["multiquery", *["games"] * (report.requests - 1)]
    assert report.requests <= 2 + 1.2 * ROWS / PAGE

    loads.sandbox.next_day()
    loads.sandbox.delete("games", [1_200, 1_700, ROWS])
    loads.sandbox.upsert("games", [{"id": 9, "name": "Changed"}, {"id": ROWS + 5, "name": "New"}])
    loads.sandbox.upsert("games", [{"id": 0, "name": "Came back", "updated_at": LONG_AGO}])
    report = loads.load()
    assert report.mode == "incremental"
    assert loads.table_rows() == loads.source_rows()
    endpoints = Counter(record.endpoint for record in asked(loads, report))
    assert endpoints["multiquery"] == 1, "it is asked once each night: it may have changed its mind"
    logged = [message for message in caplog.messages if "the API refuses multiqueries" in message]
    assert len(logged) == 2, "once in each load"
    assert logged[0].startswith(f"igdb.games: the API refuses multiqueries (status {status}")
    assert logged[0].endswith("asking window by window, which takes longer")


def test_a_reply_without_x_count_is_counted_by_another_request(loads: Days) -> None:
    loads.sandbox.faults.add(Fault("status", endpoint="multiquery", status=400, times=None))
    with FaultyProxy(loads.url) as proxy:
        proxy.dropped = {"x-count"}
        threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
        loads.url = proxy.endpoint
        report = loads.load()
        proxy.shutdown()
    assert loads.table_rows() == loads.source_rows()
    assert (report.source_count, report.proof) == (ROWS, "counted")


# Replies that weigh too much, or take too long


def too_much(loads: Days, report: LoadReport, status: int = 413) -> int:
    return sum(record.status == status for record in asked(loads, report))


@pytest.mark.parametrize("rows", [rows_of(1_000, summary=30_000)], ids=["30 MB"])
def test_large_rows_are_asked_for_in_smaller_batches(caplog: pytest.LogCaptureFixture, loads: Days) -> None:
    caplog.set_level(logging.INFO)
    report = loads.load()
    assert loads.table_rows() == loads.source_rows()
    assert report.row_count == report.source_count == 1_000
    assert 1 <= too_much(loads, report) <= 8
    assert any("status 413; asking for less at once" in message for message in caplog.messages)


@pytest.mark.parametrize(
    "rows", [rows_of(900, heavy={700: 5 * MEGABYTE, 701: 5 * MEGABYTE})], ids=["10 MB in two rows"]
)
def test_rows_that_fill_a_reply_alone(loads: Days) -> None:
    """They are read, and rejected as too long: of the other rows none is missing."""

    def others() -> dict[int, Any]:
        return {row_id: row for row_id, row in loads.source_rows().items() if row_id not in {700, 701}}

    report = loads.load()
    assert loads.table_rows() == others()
    assert report.rejected == 2
    assert 1 <= too_much(loads, report) <= 14, "halved each time"
    loads.sandbox.next_day()
    loads.sandbox.upsert("games", [{"id": row_id, "hypes": 1} for row_id in range(690, 710)])
    assert loads.load().rows == 18
    assert loads.table_rows() == others()


@pytest.mark.parametrize("rows", [rows_of(900, heavy={700: 10 * MEGABYTE})], ids=["more than the API sends"])
def test_a_row_that_is_too_large_for_a_reply_fails_the_load_with_its_query(loads: Days) -> None:
    with pytest.raises(PayloadTooLargeError, check=having(status=413)) as caught:
        loads.load()
    assert "id >= 700 & id < 701;" in caught.value.query
    assert loads.latest() is None


@pytest.mark.parametrize(("status", "attempts"), [(413, 1), (408, 2)])
def test_a_batch_that_is_refused_is_halved(status: int, attempts: int, loads: Days) -> None:
    loads.sandbox.faults.add(
        Fault("status", status=status, endpoint="multiquery", contains='query games "2"', times=None)
    )
    report = loads.load()
    assert loads.table_rows() == loads.source_rows()
    refused = too_much(loads, report, status)
    assert refused
    assert refused % attempts == 0, "a slow query is tried once more as it is"
    assert max(record.query.count("limit 500") for record in asked(loads, report) if record.status == 200) == 2


def test_a_source_that_is_too_slow_for_a_single_row_fails_the_load(loads: Days) -> None:
    loads.sandbox.faults.add(Fault("status", status=408, contains="limit 500", times=None))
    with pytest.raises(SlowQueryError, check=having(status=408)):
        loads.load()
    assert loads.latest() is None


# Replies that are not right


def test_a_batch_without_one_row_is_asked_again_window_by_window(caplog: pytest.LogCaptureFixture, loads: Days) -> None:
    loads.sandbox.faults.add(Fault("drop_row", contains='query games "1"'))
    report = loads.load()
    assert loads.table_rows() == loads.source_rows()
    look, batch, *alone = asked(loads, report)
    windows = batch.query.count("limit 500")
    assert is_batch(batch)
    assert not is_batch(look)
    assert windows > 1
    assert [record.endpoint for record in alone] == ["games"] * windows
    logged = [message for message in caplog.messages if "asking again" in message]
    assert logged == ["igdb.games: ids 500 and above: the source returned 2400 rows but counts 2401; "
                    "asking again, each window alone"]  # fmt: skip


@pytest.mark.parametrize("fault", ["drop_row", "no_rows"])
def test_a_window_with_missing_rows_twice_fails_the_load(fault: str, loads: Days) -> None:
    # Another row than the first time, or none: that is no miscount.
    batch, alone = Fault("hide_rows", contains='query games "1"', row_ids=(700,)), Fault(fault, endpoint="games")
    loads.sandbox.faults.add(batch, alone)
    with pytest.raises(IncompleteError, check=having(entity="igdb.games")) as caught:
        loads.load()
    assert caught.value.where.startswith("ids 500 to ")
    assert (caught.value.rows == 0) == (fault == "no_rows")
    assert "None" not in str(caught.value)
    assert loads.latest() is None


@pytest.mark.parametrize("wrong_id", [9_000, 3, 698, 701], ids=["above", "below", "out of order", "twice"])
def test_rows_outside_of_the_request_are_not_staged(wrong_id: int, loads: Days) -> None:
    """An API that loses the condition or the order of a query: the number of rows may be right all the same."""
    loads.sandbox.faults.add(
        Fault("replace", contains='query games "1"', old='"id": 700,', new=f'"id": {wrong_id},'),
    )
    report = loads.load()
    assert loads.sandbox.faults.active() == []
    assert loads.table_rows() == loads.source_rows()
    assert "games" in {record.endpoint for record in asked(loads, report)}


# The limits


@pytest.fixture
def many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs that are planned so small that the table takes more than a dozen of them."""
    monkeypatch.setattr(batches, "BATCH_BYTES", 16_000)


@pytest.mark.usefixtures("many_batches")
def test_never_more_than_four_starts_in_any_second(loads: Days) -> None:
    loads.sandbox.limiter = Limiter(None, MAX_OPEN_REQUESTS)
    loads.sandbox.latency = 2.0
    report = loads.load(client=loads.client(requests_per_second=REQUESTS_PER_SECOND))
    assert loads.table_rows() == loads.source_rows()
    assert 12 <= report.requests <= 24
    records = asked(loads, report)
    assert {record.status for record in records} == {200}
    starts = [record.started for record in records]
    seconds = [fifth - first for first, fifth in zip(starts, starts[4:], strict=False)]
    assert min(seconds) > 0.9, "1.05, but for what a busy machine holds a request up; test_pacing.py has its own clock"
    assert max(record.open for record in records) == MAX_OPEN_REQUESTS, "as many as may be, while replies are slow"


@pytest.mark.usefixtures("many_batches")
def test_a_request_that_hangs_does_not_stop_the_others(loads: Days) -> None:
    loads.sandbox.faults.add(Fault("hang", contains='query games "1"', seconds=1.5))
    report = loads.load()
    assert loads.table_rows() == loads.source_rows()
    _look, hung, *others = asked(loads, report)
    assert hung.seconds >= 1.5
    meanwhile = [record for record in others if record.started + record.seconds < hung.started + hung.seconds]
    assert len(meanwhile) >= MAX_OPEN_REQUESTS - 1


def test_what_one_load_reads_is_read_once(loads: Days) -> None:
    """A table of some pages costs two requests: a first look with a page, and a batch of the rest."""
    assert len(loads.ids()) <= PAGE * BATCH_WINDOWS
    report = loads.load()
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
def test_a_rejected_row_at_the_end_of_a_full_page_counts_once(caplog: pytest.LogCaptureFixture, loads: Days) -> None:
    report = loads.load()
    assert sorted(loads.table_rows()) == sorted(set(loads.ids()) - set(LAST_OF_PAGES))
    assert report.rejected == len(LAST_OF_PAGES)
    assert "asking again" not in caplog.text, "counted twice, a rejected row hides a row that the source left out"
