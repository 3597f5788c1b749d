from __future__ import annotations

import pytest

from sandbox.igdb.errors import SandboxError
from sandbox.igdb.limits import Limiter


def admitted(limiter: Limiter, moments: list[float]) -> list[float]:
    found = []
    for moment in moments:
        if limiter.admit(moment):
            found.append(moment)
            limiter.release()
    return found


def test_no_second_holds_a_fifth_request() -> None:
    moments = [step / 100 for step in range(1_000)]
    found = admitted(Limiter(4, None), moments)
    assert len(found) > 30
    assert all(later - earlier >= 1.0 for earlier, later in zip(found, found[4:], strict=False))


def test_the_window_slides_rather_than_starting_again_each_second() -> None:
    burst = [0.75, 0.8125, 0.875, 0.9375]
    assert admitted(Limiter(4, None), [*burst, 1.0, 1.5, 1.6875, 1.75]) == [*burst, 1.75]


def test_refused_arrivals_do_not_prolong_the_wait() -> None:
    assert admitted(Limiter(1, None), [0.0, 0.5, 0.9, 1.0]) == [0.0, 1.0]


def test_a_rate_below_one() -> None:
    assert admitted(Limiter(0.5, None), [0.0, 1.0, 1.9, 2.0]) == [0.0, 2.0]


def test_open_requests() -> None:
    limiter = Limiter(None, 2)
    assert [limiter.admit(0), limiter.admit(0), limiter.admit(0)] == [True, True, False]
    limiter.release()
    assert limiter.admit(0)


@pytest.mark.parametrize("limits", [(0, None), (-1, None), (None, 0)])
def test_limits_that_cannot_be(limits: tuple[float | None, int | None]) -> None:
    with pytest.raises(SandboxError, match="expected"):
        Limiter(*limits)
