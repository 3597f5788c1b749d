"""The partition of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from gamelake.airflow.run_partition import run_partition
from gamelake.days import PartitionError, Scheme


@pytest.mark.parametrize(
    ("partition_key", "asked", "logical_date", "expected"),
    [
        ("2026-11-19", "2026-11-18", None, "2026-11-19"),
        (None, "2026-11-18", datetime(2026, 11, 20, 20, tzinfo=UTC), "2026-11-18"),
        (None, None, datetime(2026, 11, 20, 20, tzinfo=UTC), "2026-11-21"),
        (None, None, None, "2026-11-22"),
        ("2026-11-19T04", None, None, "2026-11-19T04"),
        (None, None, datetime(2026, 11, 20, 20, 30, tzinfo=UTC), "2026-11-21T05"),
    ],
)
def test_a_run_finds_its_partition(
    partition_key: str | None, asked: str | None, logical_date: datetime | None, expected: str
) -> None:
    after = datetime(2026, 11, 21, 20, tzinfo=UTC)
    run = SimpleNamespace(partition_key=partition_key, logical_date=logical_date, run_after=after, conf={})
    scheme = Scheme.HOUR if "T" in expected else Scheme.DAY
    assert run_partition({"dag_run": run, "params": {"date": asked}}, scheme) == expected


@pytest.mark.parametrize(("key", "scheme"), [("2026-11-19T04", Scheme.DAY), ("2026-11-19", Scheme.HOUR)])
def test_a_key_of_another_scheme_is_refused(key: str, scheme: Scheme) -> None:
    with pytest.raises(PartitionError):
        run_partition({"dag_run": SimpleNamespace(partition_key=key, conf=None), "params": {}}, scheme)
