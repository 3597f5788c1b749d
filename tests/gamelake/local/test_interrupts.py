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


def test_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_sigterm_ends_a_block_that_loses_it_where_ctrl_c_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a script that runs it in the background."""
    monkeypatch.setattr(Interrupt, "AGAIN", 0.05)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible():  # noqa: PT012 - the block loses what it raises
            with suppress(BaseException):
                os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
    finally:
        signal.signal(signal.SIGINT, before)
