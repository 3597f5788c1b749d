"""A source that leaves out a field for a night: the load that sees it again reads the whole table."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from apiclient.errors import ApiError
from gamelake.lake.manifest import Mode
from sandbox.igdb import Fault
from tests.support.loads import LONG_AGO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.nightly_loads import ScriptedLoads


@pytest.fixture
def nights(scripted: ScriptedLoads) -> ScriptedLoads:
    """Nights of games that have hypes."""
    send(scripted, hypes=True)
    scripted.night(full_refresh=True)
    return scripted


def send(nights: ScriptedLoads, *, hypes: bool, changed: Iterable[int] = (), every: int = 1) -> None:
    """Have the source send hypes, or not, of every n-th row; the rows at some places change."""
    now, ids = int(nights.sandbox.world.clock().timestamp()), nights.ids()
    kept = {row["id"]: row.get("updated_at", LONG_AGO) for row in nights.sandbox.rows("games")}
    times = kept | {ids[place]: now for place in changed}
    rows: list[dict[str, Any]] = [
        {"id": i, "hypes": i if hypes and not place % every else None, "updated_at": times[i]}
        for place, i in enumerate(ids)
    ]
    nights.sandbox.upsert("games", rows)


@pytest.mark.parametrize("full_refresh", [False, True], ids=["of changed rows", "of the whole table"])
def test_a_field_that_was_left_out_for_a_night_is_read_again(
    full_refresh: bool, nights: ScriptedLoads, caplog: pytest.LogCaptureFixture
) -> None:
    send(nights, hypes=False, changed=range(100, 130))
    assert nights.night(full_refresh=full_refresh).rows == (1_400 if full_refresh else 30)
    send(nights, hypes=True, changed=range(40, 70))
    assert nights.night().mode == Mode.FULL
    assert any("has hypes" in message for message in caplog.messages)
    nights.check_equal()
    send(nights, hypes=True, changed=range(80, 110))
    assert nights.night().mode == Mode.INCREMENTAL
    nights.check_equal()


def test_a_field_that_was_removed_for_good_makes_no_load_full(nights: ScriptedLoads) -> None:
    for night in range(4):
        send(nights, hypes=False, changed=range(100 * night, 100 * night + 50))
        assert nights.night().mode == Mode.INCREMENTAL


def test_a_field_that_is_back_on_a_quiet_night_is_read_again_later(nights: ScriptedLoads) -> None:
    send(nights, hypes=False, changed=range(100, 130))
    nights.night()
    send(nights, hypes=True, changed=range(10))
    assert nights.night().mode == Mode.INCREMENTAL
    send(nights, hypes=True, changed=range(40, 70))
    assert nights.night().mode == Mode.FULL
    nights.check_equal()


def test_a_rare_field_makes_no_load_full(nights: ScriptedLoads) -> None:
    send(nights, hypes=False, changed=range(300))
    nights.night(full_refresh=True)
    send(nights, hypes=True, changed=range(300, 700), every=12)
    assert nights.night().mode == Mode.INCREMENTAL


def test_a_reading_again_that_fails_goes_on_with_the_next_try(nights: ScriptedLoads) -> None:
    send(nights, hypes=False, changed=range(100, 130))
    nights.night()
    send(nights, hypes=True, changed=range(40, 70))
    nights.sandbox.next_day()
    nights.sandbox.faults.add(Fault("status", endpoint="multiquery", after=2, times=None))
    before = nights.newest()
    with pytest.raises(ApiError):
        nights.load(day=nights.sandbox.today, run_id="failed")
    assert nights.newest() == before
    nights.sandbox.faults.clear()
    assert nights.load(day=nights.sandbox.today, run_id="failed").mode == Mode.FULL
    nights.check_equal()


@pytest.mark.parametrize("seed", range(4))
def test_twenty_random_nights(seed: int, nights: ScriptedLoads) -> None:
    """Rows come, change and go; the field does too. A night that sees it in enough rows repairs every row."""
    rng = random.Random(f"missing fields {seed}")  # noqa: S311 - made-up rows, not a secret
    full = 0
    for night in range(20):
        ids, hypes = nights.ids(), night == 19 or rng.random() < 0.6
        nights.sandbox.delete("games", rng.sample(ids, rng.randrange(5)))
        nights.sandbox.upsert("games", [{"id": ids[-1] + n, "name": "new"} for n in range(1, rng.randrange(2, 30))])
        # Rows of a night that lacks the field are enough to tell it from chance; it may be back on a quiet one.
        changed = rng.sample(range(1_300), rng.choice((30, 200) if night == 19 or not hypes else (0, 5, 30, 200)))
        send(nights, hypes=hypes, changed=changed)
        full += nights.night().mode == Mode.FULL
        if hypes and len(changed) >= 30:
            nights.check_equal()
    assert 0 < full < 8
