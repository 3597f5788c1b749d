"""Errors that a retry would meet again: the task fails at once, with their message."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def lasting_errors() -> Iterator[None]:
    """Fail the task without a retry if its params, a document of the lake or a variable of the environment is wrong.

    Raises:
        AirflowFailException: One of these errors, with its message.
    """
    from gamelake.airflow.run_partition import ParamError
    from gamelake.days import PartitionError
    from gamelake.lake.documents import DocumentError
    from gamelake.load.errors import PermanentLoadError
    from gamelake.marts.errors import TransformError
    from gamelake.settings import SettingsError

    try:
        yield
    except (ParamError, PartitionError, DocumentError, PermanentLoadError, TransformError, SettingsError) as error:
        raise AirflowFailException(f"not retried: {error}") from error
