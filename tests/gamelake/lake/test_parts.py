from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import ManifestError, Part
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.rows import read_ids
from gamelake.lake.store import ObjectNotFoundError, StoreError
from gamelake.lake.uploads import DamagedPartError, PartError
from tests.support.errors import having
from tests.support.tables import IGDB_GAMES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gamelake.lake.store import Store


def row(row_id: int, updated_at: int | None = None, text: str = "") -> Rows:
    line = json.dumps({"id": row_id, "updated_at": updated_at, "name": text}).encode() + b"\n"
    return Rows(line, [row_id], updated_at)


def page(each: Iterable[Rows]) -> Rows:
    some = list(each)
    updated = [one.max_updated_at for one in some if one.max_updated_at is not None]
    return Rows(b"".join(one.lines for one in some), [one.ids[0] for one in some], max(updated, default=None))


def rows(ids: Iterable[int]) -> Rows:
    return page(row(row_id) for row_id in ids)


def new_stage(store: Store, tmp_path: Path, **options: Any) -> PartStage:
    names = {"partition": "2026-11-21", "run_id": "manual_1"}
    names |= {name: options.pop(name) for name in names.keys() & options.keys()}
    run = LoadRun(IGDB_GAMES, **names)
    return PartStage(store, run, **{"scratch": tmp_path / "scratch"} | options)


def plain(store: Store, file: Part) -> list[bytes]:
    """The lines of a part, by another reader of gzip."""
    return gzip.decompress(store.get(file.key)).split(b"\n")


def test_what_is_added_is_what_the_store_holds(store: Store, tmp_path: Path) -> None:
    added = page([row(3, 30, "é"), row(1, 50), row(2)])
    with new_stage(store, tmp_path) as stage:
        stage.add(added, IdRange(0, 5))
        (file,) = stage.finish()
    assert b"\n".join(plain(store, file)) == added.lines
    data = store.get(file.key)
    assert file == Part(
        key="raw/igdb/games/dt=2026-11-21/manual_1/part-00000.jsonl.gz",
        partition="2026-11-21",
        rows=3,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        min_id=1,
        max_id=3,
        max_updated_at=50,
        claims=(IdRange(0, 5),),
    )
    assert store.tags(file.key) == {"status": "final"}


def test_nothing_added_is_no_part(disk: Store, tmp_path: Path) -> None:
    with new_stage(disk, tmp_path) as stage:
        stage.add(rows([]), None)
        assert stage.finish() == ()
    assert list(disk.list("")) == []


def test_a_claim_without_rows_is_a_part(store: Store, tmp_path: Path) -> None:
    with new_stage(store, tmp_path) as stage:
        stage.add(rows([]), IdRange(5, None))
        (file,) = stage.finish()
    assert (file.rows, file.min_id, file.max_id, file.claims) == (0, None, None, (IdRange(5, None),))
    assert gzip.decompress(store.get(file.key)) == b""


def test_claims_of_a_part_are_merged_where_they_touch(disk: Store, tmp_path: Path) -> None:
    with new_stage(disk, tmp_path) as stage:
        stage.add(rows([10, 19]), IdRange(10, 20))
        stage.add(rows([0]), IdRange(0, 10))
        stage.add(rows([45]), IdRange(40, 50))
        (file,) = stage.finish()
    assert file.claims == (IdRange(0, 20), IdRange(40, 50))


def test_a_part_has_claims_or_none(disk: Store, tmp_path: Path) -> None:
    with new_stage(disk, tmp_path) as stage:
        stage.add(rows([1]), None)
        stage.add(rows([2]), None)
        stage.add(rows([3]), IdRange(3, 4))
        stage.add(rows([4]), None)
        files = stage.finish()
    assert [(file.rows, file.claims) for file in files] == [(2, ()), (1, (IdRange(3, 4),)), (1, ())]
    assert [file.key.rpartition("/")[2] for file in files] == [f"part-0000{number}.jsonl.gz" for number in range(3)]


def test_what_comes_again_is_in_a_later_part(disk: Store, tmp_path: Path) -> None:
    with new_stage(disk, tmp_path) as stage:
        stage.add(rows([1, 2]), None)
        stage.add(rows([2, 3]), None)
        stage.add(rows([2]), IdRange(0, 10))
        stage.add(rows([5]), IdRange(5, 6))
        files = stage.finish()
    assert [list(read_ids(disk, file)) for file in files] == [[1, 2], [2, 3], [2], [5]]


def test_a_part_ends_where_it_is_full(disk: Store, tmp_path: Path) -> None:
    line = len(row(100).lines)
    with new_stage(disk, tmp_path, part_bytes=10 * line) as stage:
        for start in range(100, 125, 5):
            stage.add(rows(range(start, start + 5)), None)
        stage.add(rows(range(200, 225)), IdRange(200, 300))
        stage.add(rows(range(300, 305)), IdRange(300, 400))
        files = stage.finish()
    # what one `add` brings is not split: a part is as large as it makes it
    assert [file.rows for file in files] == [10, 10, 5, 25, 5]
    assert [file.claims for file in files[3:]] == [(IdRange(200, 300),), (IdRange(300, 400),)]


@pytest.mark.parametrize(
    ("added", "claim", "message"),
    [
        (rows([5]), IdRange(0, 5), "found a row of id 5, expected 0 <= id < 5"),
        (rows([4]), IdRange(5, None), "found a row of id 4, expected 5 <= id < inf"),
        (rows([-1]), None, "found a row of id -1"),
        (rows([3, 3]), IdRange(0, 5), "found id 3 twice"),
        (rows([3, 3]), None, "found id 3 twice"),
        (Rows(b'{"id":1}', [1], None), None, "at the end of 1 rows, expected a line feed"),
        (Rows(b'{"id":1}\n', [], None), None, "at the end of 0 rows"),
    ],
)
def test_a_row_that_cannot_be_is_refused(
    disk: Store, tmp_path: Path, added: Rows, claim: IdRange | None, message: str
) -> None:
    with new_stage(disk, tmp_path) as stage, pytest.raises(PartError, match=message):
        stage.add(added, claim)
    assert list(disk.list("")) == []


def test_the_same_rows_give_the_same_bytes(disk: Store, tmp_path: Path) -> None:
    made: list[Part] = []
    for run in ("one", "two"):
        with new_stage(disk, tmp_path, run_id=run) as stage:
            stage.add(page(row(number, number, "x" * 3000) for number in range(2000)), IdRange(0, None))
            made += stage.finish()
    assert made[0].sha256 == made[1].sha256


def test_scratch_is_deleted_at_any_end(disk: Store, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    with new_stage(disk, tmp_path) as stage:
        stage.add(rows([1]), None)
        assert list(scratch.iterdir())
        stage.finish()
        assert not list(scratch.iterdir())
    stage = new_stage(disk, tmp_path)

    with pytest.raises(PartError, match="twice"), stage:
        stage.add(rows([1, 1]), None)
    assert not list(scratch.iterdir())
    with pytest.raises(PartError, match="expected a new one"):
        stage.add(rows([1]), None)


def test_stages_can_share_scratch(disk: Store, tmp_path: Path) -> None:
    with new_stage(disk, tmp_path, run_id="a") as one, new_stage(disk, tmp_path, run_id="b") as other:
        one.add(rows([1]), None)
        other.add(rows([2]), None)
        assert [list(read_ids(disk, file)) for file in (*one.finish(), *other.finish())] == [[1], [2]]


def test_a_second_try_uses_the_same_parts_again(store: Store, tmp_path: Path) -> None:
    made: list[tuple[Part, ...]] = []
    for _ in range(2):
        with new_stage(store, tmp_path) as stage:
            stage.add(rows([1]), IdRange(0, 5))
            stage.add(rows([1]), None)
            made.append(stage.finish())
    assert made[0] == made[1]
    assert len(list(store.list("raw/"))) == 2


@pytest.mark.parametrize("later", [[7], [7, 8, 9]], ids=["same size", "other size"])
def test_a_second_try_leaves_other_parts_alone(store: Store, tmp_path: Path, later: list[int]) -> None:
    with new_stage(store, tmp_path) as stage:
        stage.add(rows([1]), IdRange(0, 5))
        stage.add(rows([2]), None)
        first = stage.finish()
    before = [store.get(file.key) for file in first]
    with new_stage(store, tmp_path) as stage:
        stage.add(rows(later), None)
        (second,) = stage.finish()
    assert second.key.endswith("part-00002.jsonl.gz")
    assert [store.get(file.key) for file in first] == before
    assert list(read_ids(store, second)) == later


def test_parts_are_temporary_until_all_are_verified(
    disk: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, str]] = []
    for name in ("put_file", "open", "tag"):
        method = getattr(disk, name)

        def watched(key: str, *given: Any, name: str = name, method: Any = method, **options: Any) -> Any:
            steps.append((name, str(options.get("tags") or (given[0] if name == "tag" else ""))))
            return method(key, *given, **options)

        monkeypatch.setattr(disk, name, watched)
    with new_stage(disk, tmp_path) as stage:
        stage.add(rows([1]), IdRange(0, 5))
        stage.add(rows([1]), None)
        stage.finish()
    put, read, final = ("put_file", "{'status': 'temp'}"), ("open", ""), ("tag", "{'status': 'final'}")
    assert steps == [put, read, put, read, final, final]


def test_a_part_that_the_store_holds_wrongly_is_found(faulty_store: Store, proxy: Any, tmp_path: Path) -> None:
    with new_stage(faulty_store, tmp_path) as stage:
        stage.add(rows(range(100)), None)
        proxy.plan = [("GET", "corrupt")]
        with pytest.raises(DamagedPartError, match=r"part-00000\.jsonl\.gz: the store has sha256 \w+, expected \w+"):
            stage.finish()
    (left,) = faulty_store.list("raw/")
    assert faulty_store.tags(left.key) == {"status": "temp"}


def test_a_part_of_another_size_is_found(disk: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(key: str, path: Path, **_: Any) -> None:
        disk.put(key, path.read_bytes()[:-1])

    monkeypatch.setattr(disk, "put_file", torn)
    with new_stage(disk, tmp_path) as stage:
        stage.add(rows([1]), None)
        with pytest.raises(DamagedPartError, match=r"the store has \d+ bytes, expected \d+"):
            stage.finish()


def test_an_error_of_the_store_is_raised(disk: Store, tmp_path: Path) -> None:
    disk.put("raw", b"in the way")
    with new_stage(disk, tmp_path) as stage:
        stage.add(rows([1]), None)
        with pytest.raises(StoreError):
            stage.finish()


def test_a_part_whose_reply_was_lost_is_put_once(faulty_store: Store, proxy: Any, tmp_path: Path) -> None:
    with new_stage(faulty_store, tmp_path) as stage:
        stage.add(rows([1]), None)
        proxy.plan = [("PUT", "lose")]
        (file,) = stage.finish()
    assert file.key.endswith("part-00000.jsonl.gz")
    with pytest.raises(ObjectNotFoundError):
        faulty_store.info(file.key.replace("00000", "00001"))


def test_a_partition_that_is_no_day_is_refused(disk: Store, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, check=having(key="partition", found="today")):
        new_stage(disk, tmp_path, partition="today")


def test_memory_does_not_grow_with_the_load(disk: Store, tmp_path: Path) -> None:
    line = json.dumps({"id": 10_000_000, "text": "words " * 300}).encode() + b"\n"

    def some(start: int, number: int) -> Rows:
        return Rows(line * number, range(start, start + number), None)

    with new_stage(disk, tmp_path) as stage:
        stage.add(some(0, 2000), IdRange(0, 2000))  # warms up what grows once
        tracemalloc.start()
        for start in range(2000, 40_000, 500):
            stage.add(some(start, 500), IdRange(start, start + 500))
        stage.finish()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 12 * 1024 * 1024  # of 70 MB written


steps = st.lists(
    st.tuples(st.frozensets(st.integers(0, 9)), st.none() | st.tuples(st.integers(0, 9), st.integers(1, 10))),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(1, 400), st.uuids())
def test_parts_show_the_rows_of_the_adds(disk: Store, tmp_path: Path, steps: Any, part_bytes: int, run: Any) -> None:
    """With any claims and any size of parts: applied in order, the parts show the rows of the adds in order."""
    expected: dict[int, int] = {}
    with new_stage(disk, tmp_path, run_id=str(run), part_bytes=part_bytes) as stage:
        for number, (ids, span) in enumerate(steps):
            claim = IdRange(span[0], span[0] + span[1]) if span else None
            held = sorted(ids if claim is None else (row_id for row_id in ids if row_id in claim))
            stage.add(page(row(row_id, number) for row_id in held), claim)
            expected = {row_id: of for row_id, of in expected.items() if claim is None or row_id not in claim}
            expected |= dict.fromkeys(held, number)
        files = stage.finish()
    shown: dict[int, int] = {}
    for file in files:
        shown = {row_id: of for row_id, of in shown.items() if not any(row_id in claim for claim in file.claims)}
        lines = [json.loads(line) for line in plain(disk, file)[:-1]]
        assert file.max_updated_at == max((line["updated_at"] for line in lines), default=None)
        shown |= {line["id"]: line["updated_at"] for line in lines}
    assert shown == expected
