from __future__ import annotations

from pathlib import Path

import pytest

from gamelake.lake.manifest import ManifestError
from gamelake.lake.store import StoreError
from gamelake.local.run import RunError, _as_run_error
from gamelake.marts.scratch import ScratchError

LOG = Path("run.log")


@pytest.mark.parametrize(
    "error", [StoreError("get", "a-key", "no right"), ScratchError("locked"), ManifestError("rows", 1, "2")]
)
def test_our_errors_are_their_own_message(error: Exception) -> None:
    with pytest.raises(RunError) as told, _as_run_error(LOG):
        raise error
    assert str(told.value) == str(error)


def test_an_unexpected_error_leaves_its_traceback_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError) as told, _as_run_error(LOG):
        raise OSError(28, "No space left on device")
    assert str(told.value) == "OSError: [Errno 28] No space left on device\nThe traceback is at the end of run.log"
    assert "Traceback" in capsys.readouterr().err
