"""What a brief states: from the marts that readers have, the night's documents, the findings and the incidents."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from gamelake.brief.documents import Finding, Game, GameList, Games, Platform, Release, Trouble
from gamelake.brief.wording import text
from gamelake.incidents.incidents import Incidents
from gamelake.incidents.wording import titled
from gamelake.lake.documents import DocumentError
from gamelake.marts import findings
from gamelake.marts.lists import tops, why_empty
from gamelake.nights.documents import LoadStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from gamelake.incidents.documents import Incident
    from gamelake.lake.store import Store
    from gamelake.marts.lists import Row, Top
    from gamelake.marts.reader import Marts
    from gamelake.nights.documents import Night
    from gamelake.words import Words

SHOWN_RELEASES = 10
SHOWN_GEMS = 5
_LOADED = {LoadStatus.COMPLETE, LoadStatus.UNCOUNTED, LoadStatus.PARTIAL, LoadStatus.UNPROVEN}


class OddMartsError(Exception):
    """A mart is damaged, or an earlier version built it: without a mart or a column of today."""


def games_of(marts: Marts) -> Games:
    """Return what changed in the marts.

    Raises:
        OddMartsError: A mart is damaged, or the marts lack one or a column.
        StoreError, DocumentError: They cannot be read.
    """
    import duckdb

    def ask(query: str, **values: Any) -> list[Row]:
        try:
            sql = query.format_map({name: marts.scan(name) for name in marts.names})
            found = marts.connection.execute(sql, values)
        except KeyError as error:
            raise OddMartsError(f"{marts.generation.generation} has no {error.args[0]}") from error
        except duckdb.ProgrammingError as error:
            raise OddMartsError(f"{marts.generation.generation}: {str(error).splitlines()[0]}") from error
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    day = marts.generation.day
    found = tops(ask)
    history = [each.day for each in marts.history.days]
    previous = max(
        (top.first["previous_day"] for top in found if top.first and top.first["previous_day"]), default=None
    )
    releases = _releases(ask, day)
    return Games(
        day=day,
        compared_with=previous,
        lists=tuple(_list(top, history) for top in found),
        releases=tuple(
            Release(
                id=row["game_id"],
                name=_name(row),
                name_ko=row["name_ko"],
                platforms=tuple(sorted({each for each in row["platforms"] if each})),
            )
            for row in releases[:SHOWN_RELEASES]
        ),
        all_releases=len(releases),
        gems=_gems(ask) if previous else (),
    )


def platform_of(store: Store, night: Night, *, since: datetime, problems: Sequence[Words] = ()) -> Platform:
    """Return how a night went, with what is open now.

    Args:
        store: The lake.
        night: The night of the brief's day.
        since: Findings that were over before then are left out.
        problems: What else a person should look at.

    Raises:
        StoreError: The lake cannot be read.
    """
    report, problems = None, list(problems)
    try:
        report = findings.current(store)
    except DocumentError as error:  # the next check writes it again
        problems.append(text("problem.findings", error=error))
    found = [each for each in report.findings if each.is_open or each.seen_at >= since] if report else []
    return Platform(
        status=night.status.value,
        complete=sum(load.status in _LOADED for load in night.loads),
        expected=len(night.loads),
        rows_read=night.rows_read,
        requests=night.requests,
        published_at=night.marts.published_at,
        note=None if night.marts.published_at else night.marts.note,
        note_ko=None if night.marts.published_at else night.marts.note_ko,
        warnings=(*night.warnings, *(each.en for each in problems)),
        warnings_ko=(*night.warnings_ko, *(each.ko for each in problems)),
        findings=tuple(
            Finding(
                severity=each.severity.value,
                check=each.check,
                subject=each.subject,
                value=each.value,
                expected=each.expected,
                message=each.message,
                message_ko=each.message_ko,
                since=each.since,
                is_over=not each.is_open,
            )
            for each in sorted(found, key=lambda each: (each.severity.value, each.since, each.id))
        ),
        incidents=tuple(
            _trouble(each)
            for each in sorted(Incidents(store).open(), key=lambda each: (each.severity.value, each.opened_at))
        ),
    )


def _trouble(incident: Incident) -> Trouble:
    first = incident.failures[0]
    return Trouble(
        key=incident.key,
        severity=incident.severity.value,
        since=incident.opened_at,
        cause=first.cause,
        cause_ko=first.cause_ko,
        **titled(incident, part=first.part, night=first.nights[-1]).fields("title"),
    )


def _list(top: Top, history: list[date]) -> GameList:
    first = top.first
    if first is None:
        return GameList(key=top.chosen.key, games=0, reason=why_empty(top.chosen, history))
    return GameList(
        key=top.chosen.key,
        games=top.games,
        first=_game(first, top.chosen.figure),
        is_first_new=first["previous_day"] is not None and first["previous_rank"] != 1,
        mover=_game(top.mover, top.chosen.figure) if top.mover and top.mover is not first else None,
    )


def _game(row: Row, figure: str) -> Game:
    value = row[figure]
    return Game(
        id=row["game_id"],
        name=_name(row),
        name_ko=row["name_ko"],
        rank=row["rank"],
        change=row["rank_change"],
        figure=value.strftime("%Y-%m-%d") if isinstance(value, date) else value,
    )


def _name(row: Row) -> str:
    """Return the name on one line: IGDB has names with line breaks."""
    return " ".join(str(row["display_name"] or row["game_id"]).split())


def _gems(ask: Callable[..., list[Row]]) -> tuple[Game, ...]:
    rows = ask(
        """
        select game_id, display_name, name_ko, rank, rank_change, hidden_score
        from {mart_hidden_gems}
        where rank_change is null
        order by rank
        limit $most
        """,
        most=SHOWN_GEMS,
    )
    return tuple(_game(row, "hidden_score") for row in rows)


def _releases(ask: Callable[..., list[Row]], day: date) -> list[Row]:
    """Return the games that come out on a day in Korea or everywhere, those that most people want to play first."""
    return ask(
        """
        select
            games.game_id, any_value(games.display_name) as display_name, any_value(games.name_ko) as name_ko,
            list(distinct releases.platform_name) as platforms
        from {fct_release_dates} as releases
        join {dim_games} as games on releases.game_id = games.game_id
        left join {fct_game_popularity} as popularity on releases.game_id = popularity.game_id
        where
            releases.date_precision = 'day'
            and releases.release_region in ('korea', 'worldwide')
            and releases.release_date >= $day
            and releases.release_date < $next
            and games.is_main_game
        group by games.game_id
        order by max(popularity.want_to_play_users) desc nulls last, games.game_id
        """,
        day=day,
        next=day + timedelta(days=1),
    )
