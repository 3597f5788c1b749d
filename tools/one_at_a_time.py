"""Run a command once no other command that this started runs for the clone: `make` sets up the clone with it.

The system frees the lock when the command and all that it started have ended, also by a kill. This file must run with
any Python of `make`, before anything is installed.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from itertools import count

LOCK = 9
"""The number of the open file that has the lock, which the command inherits. `make` closes it for what outlives it."""

SILENCE = 8
"""Seconds after which it tells again that it waits."""

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C needs no traceback
os.dup2(os.open(__file__, os.O_RDONLY), LOCK)
for seconds in count():
    try:
        fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if seconds % SILENCE == 0:
            so_far = f", {seconds} s so far" if seconds else ""
            print(f"  ... waiting for another make, which sets up this clone{so_far}", flush=True)
        time.sleep(1)
    except OSError:  # a file system without locks
        break
    else:
        break
os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted
