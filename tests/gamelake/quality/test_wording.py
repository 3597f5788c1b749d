"""The sentences of the findings in both languages."""

from __future__ import annotations

from gamelake.quality.objectives import load_objectives
from gamelake.quality.wording import text


def test_a_value_that_is_a_text_has_the_language_of_the_whole() -> None:
    words = text("anomaly.drop", table="igdb.games", figure=text("figure.rows_read"), value=1234.0,
                 expected=2000.0, unit=text("unit.rows"), day="2026-11-21")  # fmt: skip
    assert words.en.startswith("igdb.games: rows read 1,234, fewer than usual: about 2,000 rows.")
    assert words.ko.startswith("igdb.games: 읽은 행 1,234, 평소보다 적음(평소 약 2,000 행).")


def test_the_promises_are_those_of_slo_yaml() -> None:
    assert {name: each.title for name, each in load_objectives().items()} == {
        name: given["en"] for name, given in text.all["promise"].items()
    }
