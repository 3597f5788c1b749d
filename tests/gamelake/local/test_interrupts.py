from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import pytest

from gamelake.local.interrupts import Interrupt, interruptible


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_a_block_that_loses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interrupt, "AGAIN", 0.05)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible():  # noqa: PT012 - the block loses what it raises
        with suppress(BaseException):
            press()
        time.sleep(30)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_fails_for_ctrl_c_is_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():  # noqa: PT012 - the block loses what it raises
        try:
            press()
        except KeyboardInterrupt:
            raise ValueError("a task failed") from None


def test_without_ctrl_c_an_error_is_itself() -> None:
    with pytest.raises(ValueError, match="a task failed"), interruptible():
        raise ValueError("a task failed")
