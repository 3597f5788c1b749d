"""The parts of a brief that a language model may word: the opening, and what the findings mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from gamelake.brief.documents import ModelText
from gamelake.brief.model import ModelError, worded
from gamelake.brief.wording import Words, figure_of, firsts, movers
from gamelake.words import Language

if TYPE_CHECKING:
    from gamelake.brief.documents import Brief, Game, Release
    from gamelake.brief.model import Writer


def model_texts(brief: Brief, writer: Writer) -> dict[str, ModelText]:
    """Return what a model writes for a brief, by language; for a day without news it is not asked. Raises nothing."""
    found = {}
    for language in get_args(Language):
        facts, names = facts_for(brief, language)
        if not (facts["games"] or facts["findings"]):
            continue
        try:
            answer = worded(facts, writer=writer, language=language, names=names)
            found[language] = ModelText(model=writer.name, opening=answer.opening, findings=answer.findings or None)
        except ModelError as error:
            found[language] = ModelText(model=writer.name, reason=str(error))
    return found


def facts_for(brief: Brief, language: Language) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the facts of a brief for a model, and the names that stand for their placeholders.

    All words are ours: names of lists, checks and tables. Messages, causes and platforms have words of the source, and
    are left out.
    """
    words, names = Words(language), dict[str, str]()
    ids: dict[int, str] = {}

    def placeholder(game: Game | Release) -> str:
        key = ids.setdefault(game.id, f"game_{len(ids) + 1}")
        names[key] = words.game(game)
        return f"{{{key}}}"

    games: dict[str, Any] = {}
    if brief.games:
        lists = {each.key: words.of_lists(f"list.{each.key}") for each in brief.games.lists}
        games = {
            "new_number_ones": [
                {"list": lists[each.key], "game": placeholder(each.first), "place": 1, "figure": figure_of(words, each)}
                for each in firsts(brief.games)
                if each.first
            ],
            "movers": [
                {
                    "list": lists[each.key],
                    "game": placeholder(each.mover),
                    "place": each.mover.rank,
                    "places_climbed": "new in the list" if each.mover.change is None else each.mover.change,
                }
                for each in movers(brief.games)
                if each.mover
            ],
            "how_many_new_number_ones": len(firsts(brief.games)),
            "out_in_korea_today": [placeholder(each) for each in brief.games.releases],
            "how_many_out_in_korea_today": brief.games.all_releases,
            "new_hidden_gems": [placeholder(each) for each in brief.games.gems],
        }
    findings = [
        {
            "check": each.check,
            "of": each.subject,
            "found": None if each.value is None else f"{each.value:,g}",
            "expected": each.expected,
            "is_over": each.is_over,
        }
        for each in brief.platform.findings
        if each.check
    ]
    return {"games": {name: each for name, each in games.items() if each}, "findings": findings}, names
