"""The conformance suite: what `Store` promises, held against each kind of store."""

from __future__ import annotations

import hashlib
import pickle
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

import pytest

import gamelake.lake.s3
from gamelake.lake.factory import open_store, place_of
from gamelake.lake.store import InvalidKeyError, ObjectExistsError, ObjectNotFoundError, StoreError
from tests.support.errors import having
from tests.support.stores import BAD_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gamelake.lake.store import Store

ABSENT: list[Callable[[Store], object]] = [
    lambda store: store.get("raw/absent"),
    lambda store: store.open("raw/absent"),
    lambda store: store.get_range("raw/absent", 0, 1),
    lambda store: store.info("raw/absent"),
    lambda store: store.tag("raw/absent", {"status": "final"}),
    lambda store: store.tags("raw/absent"),
    lambda store: store.copy("raw/absent", "raw/other"),
]


def keys(store: Store, prefix: str = "", **options: str) -> list[str]:
    return [info.key for info in store.list(prefix, **options)]


def test_bytes_come_back_as_they_were(store: Store) -> None:
    data = bytes(range(256)) * 5000
    store.put("raw/games/dt=2026-11-21/part é.gz", data)
    assert store.get("raw/games/dt=2026-11-21/part é.gz") == data
    with store.open("raw/games/dt=2026-11-21/part é.gz") as stream:
        assert stream.read(3) == data[:3]
        assert stream.read() == data[3:]


def test_a_range_has_its_bytes_only(store: Store) -> None:
    store.put("raw/part", b"0123456789")
    assert store.get_range("raw/part", 0, 1) == b"0"
    assert store.get_range("raw/part", 3, 7) == b"3456"
    assert store.get_range("raw/part", 9, 10) == b"9"


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put("raw/empty", b"")
    assert store.get("raw/empty") == b""
    assert store.info("raw/empty").size == 0


def test_a_put_replaces(store: Store) -> None:
    store.put("key", b"old and longer")
    store.put("key", b"new")
    assert store.get("key") == b"new"


def test_a_copy_replaces_and_has_no_tags(store: Store) -> None:
    store.put("marts/dt=2026-11-21/é.parquet", b"new", tags={"status": "final"})
    store.put("marts/é.parquet", b"old and longer", tags={"status": "old"})
    store.copy("marts/dt=2026-11-21/é.parquet", "marts/é.parquet")
    assert store.get("marts/é.parquet") == store.get("marts/dt=2026-11-21/é.parquet") == b"new"
    assert store.tags("marts/é.parquet") == {}


def test_info_tells_size_and_time(store: Store) -> None:
    store.put("key", b"12345")
    info = store.info("key")
    assert (info.key, info.size) == ("key", 5)
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=10)
    assert next(iter(store.list("key"))).size == 5


@pytest.mark.parametrize("ask", ABSENT)
def test_an_absent_object_is_not_found(store: Store, ask: Callable[[Store], object]) -> None:
    with pytest.raises(ObjectNotFoundError) as caught:
        ask(store)
    assert caught.value.key.endswith("raw/absent")


def test_a_folder_is_no_object(flat_store: Store) -> None:
    flat_store.put("raw/games/key", b"x")
    for ask in (flat_store.get, flat_store.open, flat_store.info, flat_store.tags):
        with pytest.raises(ObjectNotFoundError):
            ask("raw/games")


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_could_mean_two_things_is_refused(store: Store, key: str) -> None:
    for ask in (store.get, store.open, store.info, store.delete, store.url, store.tags):
        with pytest.raises(InvalidKeyError, check=having(key=key)):
            ask(key)
    with pytest.raises(InvalidKeyError):
        store.put(key, b"x")
    with pytest.raises(InvalidKeyError):
        store.tag(key, {})


@pytest.mark.parametrize("prefix", ["/", "../", "a//", "a/../", ".hidden"])
def test_a_prefix_that_no_key_has_is_refused(store: Store, prefix: str) -> None:
    with pytest.raises(InvalidKeyError):
        keys(store, prefix)


def test_create_only_if_absent(store: Store) -> None:
    store.put("commit", b"mine", if_absent=True)
    with pytest.raises(ObjectExistsError, check=having(key="commit")):
        store.put("commit", b"theirs", if_absent=True)
    assert store.get("commit") == b"mine"


def test_creating_the_same_bytes_again_counts_as_done(store: Store) -> None:
    store.put("commit", b"mine", if_absent=True, tags={"status": "temp"})
    store.tag("commit", {"status": "final"})
    store.put("commit", b"mine", if_absent=True, tags={"status": "temp"})
    assert store.tags("commit") == {"status": "final"}


def test_a_refused_put_leaves_the_tags(store: Store) -> None:
    store.put("commit", b"mine", tags={"of": "mine"})
    with pytest.raises(ObjectExistsError):
        store.put("commit", b"theirs", if_absent=True, tags={"of": "theirs"})
    assert store.tags("commit") == {"of": "mine"}


def test_of_many_creators_one_wins(store: Store) -> None:
    start = Barrier(24)

    def create(number: int) -> int | None:
        start.wait()
        try:
            store.put("race/commit", f"writer {number}".encode() * 1000, if_absent=True)
        except ObjectExistsError:
            return None
        return number

    with ThreadPoolExecutor(24) as pool:
        winners = [number for number in pool.map(create, range(24)) if number is not None]
    assert len(winners) == 1
    assert store.get("race/commit") == f"writer {winners[0]}".encode() * 1000


def test_list_is_in_the_order_of_keys(flat_store: Store) -> None:
    names = ["a/b", "a-b", "a", "a0", "a/b/c", "b", "é/x", "a/b-c", "A", "a/c"]
    store_keys = sorted(set(names) - {"a", "a/b"})  # on a disk a name is a file or a folder
    for key in store_keys:
        flat_store.put(key, b"x")
    assert keys(flat_store) == store_keys


def test_list_takes_any_start_of_a_key(store: Store) -> None:
    for key in ("raw/games/1", "raw/games/2", "raw/game_modes/1", "raw/genres/1", "marts/1"):
        store.put(key, b"x")
    assert keys(store, "raw/games/") == ["raw/games/1", "raw/games/2"]
    assert keys(store, "raw/game") == ["raw/game_modes/1", "raw/games/1", "raw/games/2"]
    assert keys(store, "raw/games/2") == ["raw/games/2"]
    assert keys(store, "raw/nothing/") == []


def test_list_goes_on_after_a_key(flat_store: Store) -> None:
    for key in ("raw/a/1", "raw/a/2", "raw/a-b", "raw/b/1", "raw/c"):
        flat_store.put(key, b"x")
    assert keys(flat_store, "raw/", after="raw/a/1") == ["raw/a/2", "raw/b/1", "raw/c"]
    assert keys(flat_store, "raw/", after="raw/a/15") == ["raw/a/2", "raw/b/1", "raw/c"]
    assert keys(flat_store, "raw/", after="raw/a-a") == ["raw/a-b", "raw/a/1", "raw/a/2", "raw/b/1", "raw/c"]
    assert keys(flat_store, "raw/", after="raw/c") == []
    assert keys(flat_store, "raw/", after="a") == keys(flat_store, "raw/")


def test_list_sees_more_than_a_page(store: Store) -> None:
    if isinstance(store, gamelake.lake.s3.S3Store):

        def small_pages(params: dict[str, object], **_: object) -> None:
            params["MaxKeys"] = 10

        event = "provide-client-params.s3.ListObjectsV2"
        store.client.meta.events.register(event, small_pages, unique_id="small-pages")
    names = [f"many/{number:02}" for number in range(35)]
    for name in names:
        store.put(name, b"")
    assert keys(store, "many/") == names
    assert keys(store, "many/", after="many/11") == names[12:]
    if isinstance(store, gamelake.lake.s3.S3Store):
        store.client.meta.events.unregister(event, unique_id="small-pages")


def test_delete(store: Store) -> None:
    store.put("key", b"x", tags={"status": "temp"})
    store.delete("key")
    store.delete("key")
    with pytest.raises(ObjectNotFoundError):
        store.get("key")
    store.put("key", b"y")
    assert store.tags("key") == {}


def test_tags(store: Store) -> None:
    store.put("key", b"x", tags={"status": "temp", "who": "a run: é & =+"} if is_disk(store) else {"status": "temp"})
    assert store.tags("key")["status"] == "temp"
    store.tag("key", {"status": "final"})
    assert store.tags("key") == {"status": "final"}
    assert store.get("key") == b"x"
    store.put("key", b"y")
    assert store.tags("key") == {}
    assert keys(store) == ["key"]


def is_disk(store: Store) -> bool:
    return store.uri.startswith("file:")


def test_a_tag_resets_the_age(store: Store) -> None:
    store.put("raw/key", b"data", tags={"status": "final", "other": "x"})
    before = store.info("raw/key").modified
    time.sleep(1.1)  # S3 counts whole seconds
    store.tag("raw/key", {"status": "final"})
    assert store.info("raw/key").modified == before
    store.tag("raw/key", {"status": "outdated"}, reset_age=True)
    assert store.info("raw/key").modified > before
    assert store.tags("raw/key") == {"status": "outdated"}
    assert store.get("raw/key") == b"data"
    with pytest.raises(ObjectNotFoundError):
        store.tag("raw/other", {"status": "outdated"}, reset_age=True)


@pytest.mark.parametrize("size", [0, 1, 20 * 1024 * 1024 + 17])
def test_a_file_goes_in_and_comes_back(
    store: Store, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gamelake.lake.s3, "SINGLE_PUT_BYTES", 8 * 1024 * 1024)  # so that the large one goes in parts
    path = tmp_path / "part"
    block = hashlib.sha256(b"seed").digest() * 32768
    path.write_bytes((block * (size // len(block) + 1))[:size])
    store.put_file("big/part", path, if_absent=True, tags={"status": "temp"})
    assert store.info("big/part").size == size
    assert store.tags("big/part") == {"status": "temp"}
    with store.open("big/part") as stream:
        assert hashlib.sha256(stream.read()).digest() == hashlib.sha256(path.read_bytes()).digest()
    store.put_file("big/part", path, if_absent=True)
    path.write_bytes(b"other")
    with pytest.raises(ObjectExistsError):
        store.put_file("big/part", path, if_absent=True)
    store.put_file("big/part", path)
    assert store.get("big/part") == b"other"


def test_a_large_file_is_not_held_in_memory(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_disk(store):
        # moto lives in this process and holds its objects in memory: only what the client holds is to be seen
        assert isinstance(store, gamelake.lake.s3.S3Store)
        monkeypatch.setattr(store.client, "put_object", lambda **request: drain(request["Body"]))
    path = tmp_path / "part"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    tracemalloc.start()
    store.put_file("big/part", path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * 1024 * 1024  # other threads' garbage counts too


def drain(body: IO[bytes]) -> None:
    while body.read(65536):
        pass


def test_stores_side_by_side_do_not_see_each_other(store: Store) -> None:
    client = getattr(store, "client", None)
    inner, neighbour = (open_store(f"{store.uri}{end}", s3=client) for end in ("/inner", "2"))
    store.put("key", b"outer")
    inner.put("key", b"inner")
    neighbour.put("key", b"neighbour")
    assert keys(store) == ["inner/key", "key"]
    assert keys(inner) == ["key"]
    assert keys(neighbour) == ["key"]
    assert [each.get("key") for each in (store, inner, neighbour)] == [b"outer", b"inner", b"neighbour"]
    neighbour.delete("key")


def test_uri_and_url_name_the_place(store: Store) -> None:
    assert not store.uri.endswith("/")
    assert store.uri.startswith(("file:///", "s3://"))
    url = store.url("raw/key")
    assert url.endswith("/raw/key")
    assert f"file://{quote(url)}" == f"{store.uri}/raw/key" if is_disk(store) else url == f"{store.uri}/raw/key"
    again = open_store(f"{store.uri}/", s3=getattr(store, "client", None))
    assert again.uri == store.uri


def test_a_place_can_be_pasted(disk: Store, tmp_path: Path) -> None:
    assert place_of(open_store((tmp_path / "my lake 한글 #1").as_uri())) == f"{tmp_path}/my lake 한글 #1"
    assert place_of(disk) == f"{tmp_path}/lake"


@pytest.mark.parametrize("uri", ["", "lake", "/abs/lake", "file://host/lake", "file:lake", "s3://", "gs://bucket/x"])
def test_a_uri_of_no_store_is_refused(uri: str) -> None:
    with pytest.raises(StoreError, match="GAMELAKE_URI"):
        open_store(uri)


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(ObjectExistsError("put", "raw/key", "the key is taken")))  # noqa: S301 - our own bytes
    assert isinstance(error, ObjectExistsError)
    assert (error.operation, error.key, str(error)) == ("put", "raw/key", "put 'raw/key': the key is taken")
