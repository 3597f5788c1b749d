from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from apiclient.pacing import Pacer


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def fake() -> FakeTime:
    return FakeTime()


async def starts(pacer: Pacer, fake: FakeTime, number: int) -> list[float]:
    found = []
    for _ in range(number):
        turn = await pacer.turn()
        found.append(fake.now)
        turn.end()
    return found


async def test_starts_are_even_and_a_little_slower_than_allowed(fake: FakeTime) -> None:
    found = await starts(Pacer(4, clock=fake.clock, sleep=fake.sleep), fake, 40)
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert gaps == pytest.approx([1.05 / 4] * 39)
    assert all(later - earlier > 1.0 for earlier, later in zip(found, found[4:], strict=False)), "a 5th within a second"


async def test_a_new_pacer_waits_for_the_last_start_of_the_task_before(fake: FakeTime) -> None:
    last = (await starts(Pacer(4, clock=fake.clock, sleep=fake.sleep), fake, 4))[-1]
    first = (await starts(Pacer(4, clock=fake.clock, sleep=fake.sleep), fake, 1))[0]
    assert first - last >= 1.05 / 4


async def test_idle_time_saves_up_no_burst(fake: FakeTime) -> None:
    pacer = Pacer(4, clock=fake.clock, sleep=fake.sleep)
    fake.now += 1000
    found = await starts(pacer, fake, 5)
    assert found[4] - found[0] > 1.0


async def test_the_next_start_counts_from_sending_not_from_connecting(fake: FakeTime) -> None:
    pacer = Pacer(4, clock=fake.clock, sleep=fake.sleep)
    turn = await pacer.turn()
    second = asyncio.create_task(pacer.turn())
    await asyncio.sleep(0)
    fake.now += 3.0  # a slow handshake
    assert not second.done()
    turn.end()
    sent = fake.now
    await second
    assert fake.now - sent == pytest.approx(1.05 / 4)


async def test_a_pause_holds_also_who_already_waits(fake: FakeTime) -> None:
    pacer = Pacer(4, clock=fake.clock, sleep=fake.sleep)
    began = fake.now
    waiting = asyncio.create_task(pacer.turn())
    await asyncio.sleep(0)
    pacer.pause(20)
    (await waiting).end()
    assert fake.now - began >= 20


async def test_a_shorter_pause_does_not_end_a_longer_one(fake: FakeTime) -> None:
    pacer = Pacer(4, clock=fake.clock, sleep=fake.sleep)
    began = fake.now
    pacer.pause(20)
    pacer.pause(1)
    await starts(pacer, fake, 1)
    assert fake.now - began >= 20


async def test_a_turn_ended_twice_frees_one_start_only(fake: FakeTime) -> None:
    pacer = Pacer(4, clock=fake.clock, sleep=fake.sleep)
    turn = await pacer.turn()
    turn.end()
    await pacer.turn()
    turn.end()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pacer.turn(), 0.01)


async def test_who_stops_waiting_leaves_the_turn_to_others() -> None:
    pacer = Pacer(20)
    pacer.pause(0.1)
    given_up = asyncio.create_task(pacer.turn())
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait_for(pacer.turn(), 1)
