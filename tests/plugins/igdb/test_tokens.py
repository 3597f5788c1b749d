# ruff: noqa: ASYNC240 - a test may wait for its own disk
from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import resource
import stat
from typing import TYPE_CHECKING, Any

import pytest

from apiclient.errors import ReplyError, ServerError, TokenCacheError, TransientError, UnreachableError
from apiclient.retry import Backoff
from apiclient.token_cache import default_folder
from igdb.apicalypse import Query
from igdb.errors import AuthError, TokenError, TokenUrlError
from igdb.tokens import ClientCredentials
from tests.support.errors import having

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from igdb.client import IgdbClient

QUICK = Backoff(base=0.01, cap=0.02)


def credentials(api: Any, **changes: Any) -> ClientCredentials:
    arguments = {"token_url": api.token_url, "client_id": "an-id", "client_secret": "a-secret", "backoff": QUICK}
    return ClientCredentials(**arguments | changes)


async def test_a_token_is_minted_once_and_shared_through_the_disk(api: Any, own_cache: Path) -> None:
    first = credentials(api)
    assert await asyncio.gather(*(first.token() for _ in range(10))) == ["minted-1"] * 10
    assert await credentials(api).token() == "minted-1"
    assert api.minted == ["minted-1"]
    (file,) = own_cache.glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o700
    assert "a-secret" not in file.read_text()
    assert not list(own_cache.glob("*.tmp"))


def _token_of_another_process(token_url: str, start: Any, tokens: Any) -> None:
    start.wait()
    source = ClientCredentials(token_url=token_url, client_id="an-id", client_secret="a-secret")
    tokens.put(asyncio.run(source.token()))


async def test_processes_that_start_together_mint_once(api: Any) -> None:
    api.delay = 0.3
    spawn = multiprocessing.get_context("spawn")
    start, tokens = spawn.Barrier(2), spawn.Queue()
    processes = [
        spawn.Process(target=_token_of_another_process, args=(api.token_url, start, tokens), daemon=True)
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    found = [await asyncio.to_thread(tokens.get, timeout=20) for _ in processes]
    for process in processes:
        await asyncio.to_thread(process.join, 20)
    assert found == ["minted-1", "minted-1"]
    assert api.minted == ["minted-1"]


@pytest.mark.parametrize(
    ("lifetime", "still", "over"),
    [(5_000_000, 5_000_000 - 3601, 5_000_000 - 3599), (1000, 949, 951)],
    ids=["an hour before the end", "5 % of a short life"],
)
async def test_a_token_is_renewed_shortly_before_its_end(api: Any, lifetime: int, still: int, over: int) -> None:
    api.expires_in = lifetime
    now = 1_000_000.0
    source = credentials(api, clock=lambda: now)
    assert await source.token() == "minted-1"
    now = 1_000_000.0 + still
    assert await source.token() == "minted-1"
    now = 1_000_000.0 + over
    assert await source.token() == "minted-2"
    assert await credentials(api, clock=lambda: now).token() == "minted-2"


async def test_a_refused_token_is_minted_again_once(api: Any) -> None:
    mine, other = credentials(api), credentials(api)
    assert [await mine.token(), await other.token()] == ["minted-1"] * 2
    await mine.invalidate("minted-1")
    assert await mine.token() == "minted-2"
    await other.invalidate("minted-1")
    assert await other.token() == "minted-2", "the one that another process has minted meanwhile"
    assert api.minted == ["minted-1", "minted-2"]


async def test_a_token_that_ends_in_the_middle_of_a_load(api: Any, make_client: Callable[..., IgdbClient]) -> None:
    async with make_client(tokens=credentials(api)) as client:
        await client.query("games", Query())
        api.good_tokens = set()
        await asyncio.gather(*(client.query("games", Query()) for _ in range(8)))
    assert api.minted == ["minted-1", "minted-2"], "eight refusals, one new token"
    assert client.stats.retries == 8


REFUSED = {"message": "Authorization Failure. Have you tried:"}


async def test_tokens_that_end_twice_in_a_row_are_minted_again(
    api: Any, make_client: Callable[..., IgdbClient]
) -> None:
    """The second refusal is of a token that had just been minted."""
    source = credentials(api)
    await source.token()
    api.then(401, REFUSED).then(200, {"access_token": "second", "expires_in": 5000}).then(401, REFUSED)
    async with make_client(tokens=source) as client:
        assert (await client.query("games", Query())).rows == [{"id": 1}]


async def test_new_tokens_that_are_refused_are_left_to_a_later_try(
    api: Any, make_client: Callable[..., IgdbClient]
) -> None:
    source = credentials(api)
    first = await source.token()
    api.good_tokens, api.believes_its_tokens = set(), False
    async with make_client(tokens=source) as client:
        with pytest.raises(TokenError) as caught:
            await client.query("games", Query())
    assert isinstance(caught.value, TransientError), "Airflow tries the task again"
    assert "Authorization Failure" in caught.value.reply
    assert api.minted == [first, "minted-2", "minted-3", "minted-4"], "few of the 25 that IGDB keeps are used up"


async def test_a_secret_that_is_refused_in_mid_run_fails_at_once(
    api: Any, make_client: Callable[..., IgdbClient]
) -> None:
    source = credentials(api)
    await source.token()
    api.then(401, REFUSED).then(403, {"status": 403, "message": "invalid client secret"})
    async with make_client(tokens=source) as client:
        with pytest.raises(AuthError, check=having(status=403)):
            await client.query("games", Query())
    assert (len(api.asked), api.minted) == (1, ["minted-1"])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"access_token": "x"}', '{"access_token": "x", "refresh_at": "soon"}']
)
async def test_a_corrupt_file_is_minted_again(api: Any, own_cache: Path, text: str) -> None:
    await credentials(api).token()
    (file,) = own_cache.glob("*.json")
    file.write_text(text)
    assert await credentials(api).token() == "minted-2"
    assert json.loads(file.read_text())["access_token"] == "minted-2"


async def test_another_secret_is_tried_rather_than_hidden_by_an_old_token(api: Any) -> None:
    await credentials(api).token()
    with pytest.raises(AuthError):
        await credentials(api, client_secret="a-wrong-secret").token()


@pytest.mark.parametrize(
    ("changes", "reply"),
    [({"client_id": "unknown"}, "invalid client"), ({"client_secret": "a-wrong-secret"}, "invalid client secret")],
)
async def test_a_refused_id_or_secret_states_where_to_look_and_is_not_asked_again(
    api: Any, changes: dict[str, str], reply: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(AuthError) as caught:
        await credentials(api, **changes).token()
    assert reply in caught.value.reply
    assert "the client secret" in caught.value.hint
    assert api.token_url in str(caught.value)
    assert api.minted == []
    source = credentials(api, **changes)
    for text in (str(caught.value), repr(caught.value), repr(source), caplog.text):
        assert changes.get("client_secret", "a-secret") not in text


async def test_a_reply_that_shows_the_secret_is_scrubbed(api: Any) -> None:
    api.then(400, "you sent client_secret=a-secret")
    with pytest.raises(AuthError, check=having(reply="you sent client_secret=***")):
        await credentials(api).token()


async def test_a_token_endpoint_in_trouble_is_asked_again(api: Any) -> None:
    api.then(503, "").then(429, {}).then_reset().then(200, "<html>")
    assert await credentials(api).token() == "minted-1"


async def test_a_token_endpoint_that_stays_in_trouble(api: Any) -> None:
    for _ in range(5):
        api.then(503, "down")
    with pytest.raises(ServerError, check=having(reply="down")):
        await credentials(api).token()


@pytest.mark.parametrize(
    "reply",
    [
        {"access_token": "a-token-without-an-end"},
        {"access_token": "a-token\nX-Other: header", "expires_in": 5000},
        {"access_token": ["a-token"], "expires_in": 5000},
        {"access_token": "", "expires_in": 5000},
        {"access_token": "a-token", "expires_in": "NaN"},
        {"access_token": "a-token", "expires_in": -1},
    ],
)
async def test_a_token_reply_of_another_shape_is_not_shown(api: Any, reply: dict[str, Any]) -> None:
    for _ in range(5):
        api.then(200, reply)
    with pytest.raises(ReplyError, match="expires_in") as caught:
        await credentials(api).token()
    assert "a-token" not in str(caught.value)


async def test_a_token_endpoint_that_is_not_there(api: Any) -> None:
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1/token"):
        await credentials(api, token_url="http://127.0.0.1:1/token").token()


@pytest.mark.parametrize("status", [302, 404, 405])
async def test_a_token_url_that_leads_to_something_else_is_named(api: Any, status: int) -> None:
    api.then(status, "no such page")
    with pytest.raises(TokenUrlError, check=having(status=status, reply="no such page")) as caught:
        await credentials(api).token()
    assert api.token_url in str(caught.value)
    assert ("token URL" in caught.value.hint, "/v4" in caught.value.hint) == (True, False)


async def test_a_page_in_place_of_a_token_asks_to_check_the_token_url(api: Any) -> None:
    for _ in range(5):
        api.then(200, "<html>")
    with pytest.raises(ReplyError) as caught:
        await credentials(api).token()
    assert "token URL" in caught.value.hint


async def test_a_cancelled_wait_for_the_lock_leaves_it_free(api: Any) -> None:
    api.delay = 0.5
    minting = asyncio.create_task(credentials(api).token())
    await asyncio.sleep(0.1)
    waiting = asyncio.create_task(credentials(api).token())
    await asyncio.sleep(0.1)
    waiting.cancel()
    minting.cancel()
    await asyncio.gather(minting, waiting, return_exceptions=True)
    api.delay = 0
    assert await asyncio.wait_for(credentials(api).token(), 2) == api.minted[-1]


async def test_a_folder_open_to_others_is_closed(api: Any, own_cache: Path) -> None:
    own_cache.mkdir(parents=True, mode=0o755)
    await credentials(api).token()
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o700


async def test_a_link_in_the_place_of_the_folder_is_refused(api: Any, own_cache: Path, tmp_path: Path) -> None:
    own_cache.parent.mkdir()
    own_cache.symlink_to(tmp_path)
    with pytest.raises(TokenCacheError):
        await credentials(api).token()


async def test_a_folder_of_another_user_is_refused(api: Any, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_cache.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr("os.getuid", lambda: own_cache.stat().st_uid + 1)
    with pytest.raises(TokenCacheError):
        await credentials(api).token()


async def test_a_folder_that_cannot_be_made_states_what_to_set(api: Any, own_cache: Path) -> None:
    own_cache.parent.write_text("a file in the way")
    with pytest.raises(TokenCacheError):
        await credentials(api).token()


async def test_a_full_disk_is_named(api: Any, own_cache: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    own_cache.mkdir(parents=True, mode=0o700)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        with pytest.raises(TokenCacheError, match="cannot be written") as caught:
            await credentials(api).token()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "its disk is full" in caught.value.hint
    assert not list(own_cache.glob("*.tmp"))


async def test_a_lock_that_cannot_be_made_is_told(api: Any, own_cache: Path) -> None:
    await credentials(api).token()
    for file in own_cache.iterdir():
        file.unlink()
        if file.suffix == ".lock":
            file.mkdir()
    with pytest.raises(TokenCacheError, match="cannot be locked"):
        await credentials(api).token()


def test_where_tokens_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder("igdb") == tmp_path / "igdb"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder("igdb") == tmp_path / ".cache" / "igdb"
    monkeypatch.setenv("HOME", "/nonexistent")
    assert default_folder("igdb").name.startswith("igdb-")


@pytest.mark.parametrize("existing", ["", ".cache", ".cache/igdb"], ids=["home", "cache", "folder"])
def test_a_home_that_can_only_be_read_gets_no_tokens(
    existing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on the read-only file system of a container whose image has a cache."""
    (tmp_path / existing).mkdir(parents=True, exist_ok=True)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, _mode: not str(path).startswith(str(tmp_path)))
    assert default_folder("igdb").name.startswith("igdb-")
