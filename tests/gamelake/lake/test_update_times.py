from __future__ import annotations

import sys

from gamelake.lake.update_times import UpdateTimes


def test_the_last_time_of_a_row_counts() -> None:
    times = UpdateTimes()
    assert list(times.noting([(1, 10), (300, 20), (1, 30), (2, None), (300, None)])) == [1, 300, 1, 2, 300]
    assert [times[row_id] for row_id in (0, 1, 2, 300, 10**12)] == [None, 30, None, None, None]


def test_a_table_takes_eight_bytes_a_row() -> None:
    times = UpdateTimes()
    for _ in times.noting((row_id, row_id) for row_id in range(100_000)):
        pass
    assert sum(sys.getsizeof(block) for block in times._blocks.values()) < 9 * 100_000
