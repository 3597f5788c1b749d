"""The page of the daily brief in Airflow's web UI."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from gamelake.brief.documents import Brief, Game, Games, Platform, encode, key_of
from gamelake_ui.briefs import page

if TYPE_CHECKING:
    from gamelake.lake.store import Store

DAY = date(2026, 11, 21)


def keep(store: Store, day: date) -> None:
    gem = Game(id=1, name="<script>alert(1)</script>", rank=1)
    platform = Platform(status="complete", complete=20, expected=20, rows_read=1, requests=1)
    games = Games(day=day, gems=(gem,))
    store.put(
        key_of(day), encode(Brief(day=day, made_at=datetime(2026, 11, 21, tzinfo=UTC), games=games, platform=platform))
    )


def test_the_newest_brief_is_shown_with_a_link_to_the_other_language(store: Store) -> None:
    keep(store, DAY)
    keep(store, date(2026, 11, 20))
    store.put("reports/latest.en.html", b"")
    english = page(store, None, "en")
    text = bytes(english.body).decode()
    assert "Gamelake, 2026-11-21" in text
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert 'href="brief?day=2026-11-21&amp;lang=ko"' in text
    assert "unsafe" not in english.headers["Content-Security-Policy"]
    assert "게임레이크 2026-11-20" in bytes(page(store, "2026-11-20", "ko").body).decode()


def test_a_brief_that_is_not_there_is_told_with_what_to_do(store: Store) -> None:
    for day, reason in ((None, "There is no brief yet"), ("2026-11-22", "run the DAG"), ("<b>", "&lt;b&gt;")):
        reply = page(store, day, "en")
        assert reply.status_code == 404
        assert reason in bytes(reply.body).decode()
