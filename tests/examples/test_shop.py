"""The example of the capture: a shop's sales become rows of the lake, and a second run goes on."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from examples.shop.__main__ import shop_folder
from gamelake.lake.factory import open_store
from gamelake.paths import REPOSITORY
from tests.support.loads import table_rows

if TYPE_CHECKING:
    from gamelake.lake.store import Store


def test_each_clone_has_a_shop_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For root it is in the folder for temporary files, which all clones share."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert shop_folder(tmp_path / "one") != shop_folder(tmp_path / "two")
    assert shop_folder(tmp_path / "one") == shop_folder(tmp_path / "one")


@pytest.mark.capture
def test_two_days_of_a_shop(tmp_path: Path) -> None:
    lake = open_store((tmp_path / "lake").as_uri())
    with tempfile.TemporaryDirectory(prefix="gamelake-shop-") as folder:  # tmp_path is closed to PostgreSQL's user
        Path(folder).chmod(0o755)
        _two_days(lake, Path(folder) / "shop")


def _two_days(lake: Store, folder: Path) -> None:
    sales: list[int] = []
    for number in range(2):
        result = subprocess.run(
            [sys.executable, "-m", "examples.shop", "--sales=40", f"--folder={folder}"],
            cwd=REPOSITORY,
            env=os.environ | {"GAMELAKE_URI": lake.uri},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        assert result.returncode == 0, result.stdout
        assert ("the capture continues from its saved position" in result.stdout) is bool(number)
        sales.append(int(re.findall(r"The shop has (\d+) orders now", result.stdout)[0]))
        assert len(table_rows(lake, "orders", "shop")) == sales[-1]
    assert 0 < sales[0] < sales[1]
    items = table_rows(lake, "order_items", "shop")
    assert {row["order_id"] for row in items.values()} == set(table_rows(lake, "orders", "shop"))


@pytest.mark.capture
def test_a_server_ends_with_the_process_that_started_it() -> None:
    """Also with one that is killed: the next one can start it, and a temporary folder vanishes."""
    code = (
        "from examples.shop.local_postgres import running_postgres\n"
        "with running_postgres() as server:\n"
        "    print(server.folder, server.port, flush=True)\n"
        "    input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    folder, port = process.stdout.readline().split()
    assert Path(folder, "data", "postmaster.pid").exists()
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while Path(folder).exists():
        assert time.monotonic() < deadline, "its folder is still there"
        time.sleep(0.1)
    with socket.create_server(("127.0.0.1", int(port))):
        pass
