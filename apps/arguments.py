"""The types of the apps' arguments, which argparse calls."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds(most: float) -> Callable[[str], float]:
    """Return what reads a number of seconds, more than 0 and at most `most`."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = 0.0
        if not 0 < found <= most:  # of NaN too
            raise argparse.ArgumentTypeError(f"found {text!r}, expected more than 0, and at most {most:g}")
        return found

    return read
