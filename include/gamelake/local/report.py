"""What a run tells: each load in a line; at its end the lists, what moved since the day before, and where to look."""

from __future__ import annotations

from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gamelake.airflow.stores import connected_store
from gamelake.days import KST
from gamelake.feeds.feed import Feed, has_feed
from gamelake.feeds.wording import cut, step_in_words
from gamelake.lake.factory import lake_location
from gamelake.marts.lists import Top, is_new, texts, tops, why_empty
from gamelake.marts.reader import Marts, NotPublishedError, open_marts
from gamelake.registry import loaded_entities

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gamelake.feeds.documents import Step
    from gamelake.lake.store import Store
    from gamelake.local.terminal import Terminal
    from gamelake.registry import Entity

EXAMPLES = 3
"""The changed games that are shown in words."""
LOADS_HEADER = f"  {'table':<24}{'rows':>10}{'read':>10}{'requests':>10}{'seconds':>9}"


def load_line(load: dict[str, Any]) -> str:
    """One load in one line, under LOADS_HEADER; a second line has what was odd."""
    rows, read, requests = (f"{load[name]:>10,}" for name in ("row_count", "rows", "requests"))
    table = f"{load['source']}.{load['entity']}"
    line = f"  {table:<24}{rows}{read}{requests}{load['seconds']:>9.1f}"
    differ = len(load["unproven"])
    notes = [
        f"{counted(load['repaired_ranges'], 'range')} of ids read again" if load["repaired_ranges"] else "",
        f"{counted(load['rejected'], 'row')} rejected" if load["rejected"] else "",
        f"{counted(differ, 'range')} of ids that the source counts otherwise" if differ else "",
        f"{load['proof']}: {load['proof_reason']}" if load.get("proof_reason") else "",
    ]
    told = ", ".join(filter(None, notes))
    return f"{line}\n    {told}" if told else line


def counted(number: int, thing: str) -> str:
    """Return a number of things, such as `1 request` and `1,200 requests`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a time in words, such as `45 s` and `3 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def published_line(document: dict[str, Any]) -> str:
    """Return what readers have after `publish`, given what that task returned."""
    if not document["published"]:
        return str(document["reason"])
    at = datetime.fromisoformat(document["built_at"]).astimezone(KST)
    return f"Published {document['day']} at {at:%H:%M} Korean time."


def write(
    terminal: Terminal,
    loads: Sequence[dict[str, Any]],
    published: dict[str, Any],
    *,
    seconds: float,
    log: Path,
    is_sandbox: bool,
) -> None:
    """Write the summary of a run: its loads, what `publish` returned, and the marts that readers have."""
    requests, rows = (sum(load[name] for load in loads) for name in ("requests", "rows"))
    terminal.say()
    terminal.say(published_line(published), style="bold green" if published["published"] else "bold yellow")
    terminal.say(f"{rows:,} rows read in {counted(requests, 'request')}; everything took {duration(seconds)}.")
    store = connected_store()
    examples: list[str] = []
    try:
        marts = open_marts(store)
    except NotPublishedError:
        terminal.say("Readers have no marts yet.")
    else:
        with marts:
            write_lists(terminal, marts)
            examples = changed_games(marts)
    write_changes(terminal, store, loads[0]["partition"], examples)
    terminal.say()
    for command, what in (
        ("make dashboard", "look at it in your browser: lists, games, trends, nights"),
        ("make run", "the next day" if is_sandbox else "what changed since"),
        ("make up", "Airflow's web UI, with the page Last night"),
    ):
        terminal.show(Text.assemble((f"  {command:<16}", "bold cyan"), what))
    terminal.say()
    place = lake_location()
    terminal.say(f"lake   {place}", style="dim")
    terminal.say(f"marts  {place}/marts", style="dim")
    terminal.say(f"log    {log}", style="dim")


def write_lists(terminal: Terminal, marts: Marts) -> None:
    """Write the first game of each list, or why it has none, and what moved since the day before."""
    history = [each.day for each in marts.history.days]

    def ask(query: str) -> list[dict[str, Any]]:
        found = marts.connection.sql(query.format_map({each: marts.scan(each) for each in marts.names}))
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    found = tops(ask)
    table = _table("list", "games", "first place")
    for top in found:
        table.add_row(_name(top), f"{top.games:,}" if top.games else "–", _first(top, history))
    terminal.say()
    terminal.show(_indented(table))
    before = next(marts.earlier(), None)
    if before is None:
        return
    terminal.say()
    terminal.say(f"Since {before.generation.day}", style="bold")
    with before:
        terminal.say(f"  {_changes(before, marts)}")
    table = _table()
    for top in found:
        for line in _moves(top):
            table.add_row(_name(top), line)
    terminal.show(_indented(table))


def changed_games(marts: Marts) -> list[str]:
    """Return what the newest load changed in some games: a line for each, with names in place of ids."""
    if "fct_game_changes" not in marts.names:
        return []
    query = f"""
        select game_id, game_name, field_name, before_value, after_value, added_names, removed_names
        from {marts.scan("fct_game_changes")}
        where change = 'updated'
        qualify version = max(version) over () and dense_rank() over (order by version desc, game_id) <= {EXAMPLES}
        order by game_id, field
    """  # noqa: S608 - the names are our own
    rows = marts.connection.sql(query).fetchall()
    return [
        f"{cut(name or str(game))}: {'; '.join(_field_in_words(*row[2:]) for row in fields)}"
        for (game, name), fields in groupby(rows, key=lambda row: (row[0], row[1]))
    ]


def _field_in_words(
    field: str, before: str | None, after: str | None, added: list[str] | None, removed: list[str] | None
) -> str:
    if added or removed:
        names = [*(f"+ {cut(name)}" for name in added or ()), *(f"- {cut(name)}" for name in removed or ())]
        return f"{field} {', '.join(names)}"
    if before is None or after is None:
        return f"{field} was {cut(before)}, and is no longer there" if before else f"{field} is new: {cut(after or '')}"
    return f"{field} from {cut(before)} to {cut(after)}"


def write_changes(terminal: Terminal, store: Store, day: str, examples: Sequence[str] = ()) -> None:
    """Write what the change feeds have of a day, each table in words, and the examples of changed games."""
    steps = [(entity, step) for entity in filter(has_feed, loaded_entities()) for step in _steps_of(store, entity, day)]
    if not steps:
        return
    terminal.say()
    terminal.say(f"What changed on {day}, row by row", style="bold")
    table = _table()
    for entity, step in steps:
        table.add_row(str(entity), step_in_words(step))
    terminal.show(_indented(table))
    for example in examples:
        terminal.show(_indented(_line((example, "dim"))))
    terminal.say(f"  all of them: .venv/bin/gamelake feed show {steps[0][0]}", style="dim")


def _steps_of(store: Store, entity: Entity, day: str) -> list[Step]:
    """Return the newest step of a table, if it is of that day and has changes."""
    newest = Feed(store, entity.table).latest()
    return [newest] if newest and newest.rows and newest.partition[: len(day)] == day else []


def _table(*header: str) -> Table:
    """Return an empty table; what is too long for the terminal ends with an ellipsis."""
    table = Table(
        box=SIMPLE_HEAD if header else None,
        show_header=bool(header),
        show_edge=False,
        pad_edge=False,
        header_style="bold",
        padding=(0, 2, 0, 0),
    )
    *others, last = header or ("", "")
    for name in others:
        table.add_column(name, justify="right" if name == "games" else "left", no_wrap=True)
    table.add_column(last)  # the one that may wrap is the one that is made narrower
    return table


def _indented(table: Table | Text) -> Padding:
    return Padding(table, (0, 0, 0, 2), expand=False)


def _name(top: Top) -> str:
    return str(texts()["list"][top.chosen.key]["en"])


def _first(top: Top, history: Sequence[date]) -> Text:
    """Return the first game of a list with its figure, or why there is none."""
    if top.first is None:
        key, values = why_empty(top.chosen, history)
        section, name = key.split(".")
        return _line((texts()[section][name]["en"].format(**values), "dim"))
    value, unit = top.first[top.chosen.figure], texts()["unit"][top.chosen.unit]["en"]
    if isinstance(value, date):
        figure = f"{value:%Y-%m-%d}"
    else:
        figure = f"{value:,.1f}" if top.chosen.is_share_of_100 else f"{value:,.0f}"
    return _line(_game(top.first), (f"  {figure} {unit}", "dim"))


def _moves(top: Top) -> list[Text]:
    """Return a new first game, and the game of the top that is new or climbed most."""
    lines = []
    first, mover = top.first, top.mover
    if first and first["previous_day"] and first["rank"] != first["previous_rank"]:
        was = f", number {first['previous_rank']} before" if first["previous_rank"] else ""
        lines.append(_line(("new number 1: ", "green"), _game(first), (was, "dim")))
    if mover and mover is not first:
        how = f"new at {mover['rank']}: " if is_new(mover) else f"up {mover['rank_change']} to {mover['rank']}: "
        lines.append(_line((how, "green"), _game(mover)))
    return lines


def _line(*parts: str | tuple[str, str]) -> Text:
    """Return a text of parts and their styles; it ends with an ellipsis where it is too long."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _game(row: dict[str, Any]) -> str:
    return " ".join(str(row["display_name"] or row["game_id"]).split())


def _changes(before: Marts, after: Marts) -> str:
    """Return how many games are new, deleted and different, and how many have another popularity."""
    query = f"""
        select
            count(*) filter (o.game_id is null),
            count(*) filter (n.game_id is null),
            count(*) filter (n.updated_at <> o.updated_at)
        from {after.scan("dim_games")} as n full join {before.scan("dim_games")} as o on n.game_id = o.game_id"""  # noqa: S608 - the files are our own
    added, deleted, changed = after.connection.sql(query).fetchone() or (0, 0, 0)
    popularity = f"""
        select count(*) from {after.scan("fct_game_popularity")} as n
        join {before.scan("fct_game_popularity")} as o using (game_id)
        where n.igdb_total_engagement is distinct from o.igdb_total_engagement"""  # noqa: S608
    (moved,) = after.connection.sql(popularity).fetchone() or (0,)
    return f"games: {added:,} new, {deleted:,} deleted, {changed:,} changed, {moved:,} with another popularity"
