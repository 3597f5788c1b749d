"""The figures of a text, and which of them another text does not have."""

from __future__ import annotations

import re
import unicodedata

_FIGURE = re.compile(
    r"(\d+(?:[.,:/\-\u2010-\u2015\u2212~]\d+)*)\s?"  # 1,234, 81.2, 04:17, 2026-11-21
    r"(%|(?:percent|per cent|hundred|thousand|million|billion|[kmbx]|st|[nr]d|th)\b|퍼센트|프로|[십백천만억조]+|배)?",
    re.IGNORECASE,
)
_SPELLED = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy|"
    r"eighty|ninety|dozens?|hundreds?|thousands?|millions?|billions?|half|halves|halved|doubled?|twice|tripled?|"
    r"quarters?|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)\b|"
    r"(?:두|세|네|다섯|여섯|일곱|여덟|아홉|열|스무|수십|수백|수천|수만|[일이삼사오육칠팔구]?[십백천만억]+)"
    r"\s?(?:개|명|건|배|위|번|가지|편|종|밤|계단|곳|점|행|퍼센트|시간|분|초)|"
    r"[일이삼사오육칠팔구]\s?(?:퍼센트|위)|절반",
    re.IGNORECASE,
)
"""Figures that are written as words: all of them are refused, because the facts have digits."""

_PERCENT = {"percent", "per cent", "퍼센트", "프로"}


def figures(text: str) -> set[str]:
    """Return the figures of a text, in one form: `1,234` and `1234` are the same, `3만` and `3` are not."""
    found = set()
    for number, unit in _FIGURE.findall(unicodedata.normalize("NFKC", text)):
        plain = number.replace(",", "")
        if re.fullmatch(r"\d+\.\d+", plain):
            plain = plain.rstrip("0").rstrip(".")
        # Digits of any script are the same figure.
        plain = "".join(str(unicodedata.digit(each)) if each.isdigit() else each for each in plain)
        small = unit.lower()
        found.add(plain + ("%" if small in _PERCENT else small))
    return found


def foreign_figures(text: str, facts: str) -> list[str]:
    """Return the figures of a text that the facts do not have, and those that are written as words."""
    spelled = _SPELLED.findall(unicodedata.normalize("NFKC", text))
    return [*sorted(figures(text) - figures(facts)), *spelled]
