"""deploy/cost.py as a module, and recorded requests as it counts them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.deploy.recording import Recording

PATH = Path(__file__).parents[2] / "deploy" / "cost.py"


def load_script() -> Any:
    """The script: it is no part of a package."""
    spec = importlib.util.spec_from_file_location("deploy_cost", PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def made(recording: Recording) -> tuple[int, int]:
    """Writes and reads, as AWS prices them; deletions are free."""
    requests = dict(recording.requests)
    requests.pop("DELETE object", None)
    writes = sum(n for what, n in requests.items() if what.startswith(("PUT", "POST")) or what == "GET list-type")
    return writes, sum(requests.values()) - writes
