"""The DAG `daily_brief` through Airflow: pages in the lake, a message to each channel, and the same one again."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from gamelake.lake.factory import open_store
from gamelake.paths import REPOSITORY
from tests.support.airflow import airflow_environment
from tests.support.command import GAMELAKE
from tests.support.published_marts import MartsLake
from tests.support.receiver import running_webhook

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e
DAY = "2026-11-21"


def test_a_brief_reaches_every_channel_and_is_the_same_when_sent_again(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    MartsLake(store).publish(DAY)
    with running_webhook() as webhook:
        environment = airflow_environment(tmp_path, lake=store.uri, igdb={})
        environment |= {
            "GAMELAKE_NOTIFY": "one,two",
            "GAMELAKE_NOTIFY_LANGUAGE": "ko",
            "AIRFLOW_CONN_ONE": webhook.connection(),
            "AIRFLOW_CONN_TWO": webhook.slack(),
        }
        subprocess.run(
            [GAMELAKE, "laptop", "prepare"], env=environment, check=True, capture_output=True, cwd=REPOSITORY
        )
        command = [GAMELAKE, "laptop", "airflow", "dags", "test", "daily_brief", "--conf", f'{{"date": "{DAY}"}}']
        for _ in range(2):
            run = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
            assert run.returncode == 0, run.stdout + run.stderr
    posts = [each for each in webhook.got if "id" in each]
    assert [each["id"] for each in posts] == [f"brief-{DAY}"] * 2
    assert posts[0] == posts[1]
    assert posts[0]["title"] == f"게임레이크 {DAY}"
    assert [each["text"].startswith(f"*게임레이크 {DAY}*") for each in webhook.got if "id" not in each] == [True] * 2
    assert {info.key.removeprefix("reports/") for info in store.list("reports/")} == {
        f"{DAY}.json",
        *(f"{name}.{language}.html" for name in (DAY, "latest") for language in ("en", "ko")),
    }
