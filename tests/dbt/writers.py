"""dbt as many writers: each node of the project in a process of its own, as Airflow's workers run them."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

from tests.dbt.conftest import Dbt
from tests.dbt.killed_build import watch_copies
from tests.killing import Steps

# Forked from a process that has imported dbt and has not used DuckDB, as tasks of a LocalExecutor are.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.duckdb", "tests.dbt.writers"])

# A start also asks after every other child, and an exit code can be read once: a thread whose process's code another
# thread has read is told 255.
_ONE_THREAD = threading.Lock()

Generation = Path | str | None


def _run(
    folder: Path, arguments: tuple[str, ...], generation: Generation, environment: dict[str, str], kill_at: int
) -> None:
    if kill_at:
        watch_copies(Steps(kill_at))
    outcome = Dbt(folder, **environment)(*arguments, generation=generation)
    (folder / "outcome.txt").write_text(f"{outcome.error}\n{outcome.messages}", encoding="utf-8")
    raise SystemExit(0 if outcome.success else 1)


def _run_to_its_end(*arguments: Any) -> int | None:
    """Call `_run` in a process, from any thread. Returns: its exit code, negative if a signal ended it."""
    process = PROCESSES.Process(target=_run, args=arguments)
    with _ONE_THREAD:
        process.start()
    wait_for([process.sentinel])
    with _ONE_THREAD:
        process.join()
    return process.exitcode


@dataclass
class Writers:
    """Processes that share nothing but the generation's folder. `folder` holds what each of them writes for itself."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"GAMELAKE_TRANSFORM": "many_writers"})
    _numbers: Any = field(default_factory=count)

    def __call__(self, *arguments: str, generation: Generation, kill_at: int = 0) -> tuple[int | None, str]:
        """Run one dbt command in a process. Returns: its exit code, negative if a signal ended it; what it said."""
        own = self.folder / str(next(self._numbers))
        own.mkdir()
        parsed = self.folder / "partial_parse.msgpack"
        if parsed.exists():
            shutil.copy(parsed, own)
        code = _run_to_its_end(own, arguments, generation, self.environment, kill_at)
        said = own / "outcome.txt"
        return code, said.read_text(encoding="utf-8") if said.exists() else ""

    def parse(self) -> dict[str, list[str]]:
        """Parse the project for all that follow. Returns: of each model, the models that it builds on."""
        _run_to_its_end(self.folder, ("parse",), None, self.environment, 0)
        nodes = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))["nodes"]
        models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
        return {
            node["name"]: [models[key]["name"] for key in node["depends_on"]["nodes"] if key in models]
            for node in models.values()
        }


def run_in_order(parents: dict[str, list[str]], run: Callable[[str], None], *, at_once: int) -> None:
    """Call `run` with each name once all of its parents are done, some of them at once, as a scheduler does."""
    waiting = dict(parents)
    running: dict[Future[None], str] = {}
    done: set[str] = set()
    with ThreadPoolExecutor(at_once) as pool:
        while waiting or running:
            for name in [name for name, needs in waiting.items() if done.issuperset(needs)]:
                running[pool.submit(run, name)] = name
                del waiting[name]
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                future.result()
                done.add(running.pop(future))
