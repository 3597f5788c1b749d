"""Models that are built by processes of their own: the same marts, killed and tried again, two generations at once."""

from __future__ import annotations

import hashlib
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from include.lake.store import open_store
from include.registry import load_registry
from include.transform.dbt_project import published_models
from include.transform.generation import clean_up
from tests.dbt.writers import Writers, run_in_order
from tests.include.lake.recorded import recorded_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Dbt, Lake
