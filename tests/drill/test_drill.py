"""One fault of each kind in what `make up` starts: a person is told once, by name, and once that it is over.

Airflow's waits before a retry are cut short; all else takes its time. The log has each message, and when it came.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gamelake.incidents.incidents import Incidents
from gamelake.lake.factory import open_store
from tests.drill.stack import NIGHT, stack_of_its_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client

    from tests.drill.stack import Stack

pytestmark = pytest.mark.drill
log = logging.getLogger(__name__)

QUIET_SECONDS = 30
"""What would be sent twice comes within it: Airflow calls the callbacks of a run after those of its tasks."""


@pytest.fixture(scope="module")
def stack(moto_endpoint: str, s3: S3Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose first night is complete: no fault meets a load that a test does not know."""
    s3.create_bucket(Bucket="drill")
    with stack_of_its_own(tmp_path_factory.mktemp("drill"), upstream=moto_endpoint, bucket="drill") as stack:
        stack.up()
        stack.wait_for("transform", "success")
        yield stack


@pytest.fixture
def incidents(s3: S3Client) -> Incidents:
    return Incidents(open_store("s3://drill/lake", s3=s3))


@pytest.fixture(autouse=True)
def own_messages(stack: Stack) -> Iterator[None]:
    """Forget the messages of a test at its end, so that each drill stands alone."""
    yield
    stack.webhook.got.clear()


def source_down(stack: Stack) -> Callable[[], object]:
    stack.sandbox("POST", "faults", {"kind": "reset", "times": None})
    return lambda: stack.sandbox("DELETE", "faults")


def wrong_secret(stack: Stack) -> Callable[[], object]:
    def set_secret(secret: str) -> None:
        form = {"connection_id": "igdb_default", "conn_type": "igdb", "password": secret}
        stack.airflow.call("PATCH", "/connections/igdb_default?update_mask=password", form)

    set_secret("no-secret-of-the-sandbox")
    stack.sandbox("POST", "faults", {"kind": "end_tokens", "times": 1})
    return lambda: set_secret("sandbox-secret")


def empty_entity(stack: Stack) -> Callable[[], object]:
    rows = stack.rows("player_perspectives")
    stack.sandbox("POST", "rows/player_perspectives", {"delete": [row["id"] for row in rows]})
    return lambda: stack.sandbox("POST", "rows/player_perspectives", {"upsert": rows})


def drift(stack: Stack) -> Callable[[], object]:
    """The source sends a list where the contract has a text."""
    rows = stack.rows("platforms")
    stack.sandbox("POST", "rows/platforms", {"upsert": [{**row, "name": [row["name"]]} for row in rows]})
    return lambda: stack.sandbox("POST", "rows/platforms", {"upsert": rows})


def bucket_denied(stack: Stack) -> Callable[[], object]:
    stack.proxy.denied.add("/")
    return stack.proxy.denied.clear


def full_disk(stack: Stack) -> Callable[[], object]:
    """The folder of the scratch database is a disk without space."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", stack.scratch], check=True)
    return lambda: subprocess.run(["umount", "--lazy", stack.scratch], check=True)


def failed_test(stack: Stack) -> Callable[[], object]:
    """Every game has a genre that no table has."""
    rows = stack.rows("games")
    wrong = [{**row, "genres": [999_999], "updated_at": int(time.time())} for row in rows]
    stack.sandbox("POST", "rows/games", {"upsert": wrong})
    load(stack, "igdb_games")

    def heal() -> None:
        right = [{"genres": None, **row, "updated_at": int(time.time())} for row in rows]  # what is left out stays
        stack.sandbox("POST", "rows/games", {"upsert": right})
        load(stack, "igdb_games")

    return heal


def worker_killed(stack: Stack) -> Callable[[], object]:
    """Each try of the load is killed while it waits for a reply."""
    stack.sandbox("POST", "faults", {"kind": "hang", "seconds": 20, "times": None})
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(1):
            stack.kill_the_load()

    thread = threading.Thread(target=kill)
    thread.start()

    def heal() -> None:
        ended.set()
        thread.join()
        stack.sandbox("DELETE", "faults")

    return heal


def load(stack: Stack, dag_id: str) -> None:
    before = len(stack.airflow.runs(dag_id, NIGHT))
    stack.run(dag_id)
    stack.wait(lambda: len(stack.airflow.runs(dag_id, NIGHT)) > before, f"{dag_id} has begun")
    stack.wait_for(dag_id, "success")


@dataclass(frozen=True)
class Case:
    """A fault, the DAG that meets it, and the first line of its message."""

    plant: Callable[[Stack], Callable[[], object]]
    dag_id: str
    title: str


CASES = {
    "empty entity": Case(empty_entity, "igdb_player_perspectives", "The load of igdb.player_perspectives was held"),
    "drift": Case(drift, "igdb_platforms", "The load of igdb.platforms "),
    "wrong secret": Case(wrong_secret, "igdb_genres", "igdb refuses the loads: genres"),
    "source down": Case(source_down, "igdb_themes", "igdb cannot be loaded: themes"),
    "bucket denied": Case(bucket_denied, "igdb_regions", "A load of igdb cannot use the lake: regions"),
    "worker killed": Case(worker_killed, "igdb_game_modes", "The load of igdb.game_modes was lost"),
    "failed test": Case(failed_test, "transform", f"The marts of {NIGHT} were not published: a data test failed"),
    "full disk": Case(
        full_disk, "transform", f"The marts of {NIGHT} were not published: the disk of the build is full"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_told_once_and_so_is_its_end(stack: Stack, incidents: Incidents, name: str) -> None:
    if name == "full disk" and os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    case = CASES[name]
    stack.wait_for(case.dag_id, "success")
    assert stack.told == [], "nothing is told while nothing fails"
    heal = case.plant(stack)
    try:
        planted = time.monotonic()
        stack.run(case.dag_id)
        stack.wait(lambda: bool(stack.told), "the message arrives", each=stack.end_retry_waits)
        told = time.monotonic() - planted
        stack.wait_for(case.dag_id, "failed")
        time.sleep(QUIET_SECONDS)
        (opened,) = stack.told
    finally:
        heal()
    healed = time.monotonic()
    stack.run_again(case.dag_id)
    stack.wait(lambda: len(stack.told) > 1, "the second message arrives", each=stack.end_retry_waits)
    over = time.monotonic() - healed
    stack.wait_for(case.dag_id, "success")
    time.sleep(QUIET_SECONDS)
    log.info("%s: told after %.0f s, over %.0f s after it was removed", name, told, over)
    for message in stack.told:
        log.info("%s\n", message["text"])
    assert [each["event"] for each in stack.told] == ["opened", "over"]
    assert opened["title"].removeprefix("[P0] ").startswith(case.title)
    assert incidents.open() == []


def test_a_slow_api_is_waited_for_and_tells_no_person(stack: Stack) -> None:
    """It is seen in the figures, and its alert LoadSlow (P2) begins at 300 s."""
    stack.wait_for("igdb_game_types", "success")
    stack.sandbox("POST", "faults", {"kind": "hang", "seconds": 10, "times": 2})
    planted = time.monotonic()
    load(stack, "igdb_game_types")
    stack.wait(lambda: stack.seconds("game_types") > 10, "the metrics have the slow load")
    told, slow = time.monotonic() - planted, stack.seconds("game_types")
    stack.sandbox("DELETE", "faults")
    healed = time.monotonic()
    load(stack, "igdb_game_types")
    stack.wait(lambda: stack.seconds("game_types") < 10, "the metrics have the fast load")
    over = time.monotonic() - healed
    log.info("slow API: seen after %.0f s (%.0f s a load), over %.0f s after it was removed", told, slow, over)
    assert stack.told == []
