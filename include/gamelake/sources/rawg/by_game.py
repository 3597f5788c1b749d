"""Read one object or list of RAWG for each game: its page, or its stores."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Any

from apiclient.elements import UnreadableRow
from apiclient.errors import ReplyError, ServerError, UnreachableError
from gamelake.lake.manifest import Proof
from gamelake.sources.base import Evidence, IncompleteError, Page
from gamelake.sources.contract import Reject
from gamelake.sources.rawg.base import RawgReader
from gamelake.sources.rawg.options import Reading
from gamelake.sources.rawg.queries import Query
from gamelake.sources.rawg.waiting import GAMES, WaitingGames
from rawg.errors import GatewayNotFoundError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence

    from gamelake.lake.id_ranges import IdRange
    from gamelake.lake.rows import LiveIds

log = logging.getLogger(__name__)

PAGE_GAMES = 40
"""The games of a page of details."""
MOST_FAILURES = 5
"""Of so many games one after another RAWG fails: then it may be down, rather than the pages of some games."""

_MOST_LISTED = 3
"""The listed games of which one must have its page."""

_FAILED = (ServerError, ReplyError, UnreachableError, GatewayNotFoundError)


class NoPagesError(IncompleteError):
    """RAWG has no page of games one after another, nor of a game that it lists: the pages are lost, not the games."""

    def __init__(self, entity: str, path: str, games: int) -> None:
        super().__init__(entity, path, 0, None)
        self.games = games

    def __str__(self) -> str:
        return (
            f"{self.entity}: RAWG answers 404 to {self.where}, though it lists this game, and to the last {self.games} "
            "games that were asked for. So these are not taken as deleted. Nothing was committed; run the load again. "
            "If it stays, RAWG may have moved these pages: compare `path` in entities.yaml with https://api.rawg.io/docs/."
        )


class GamesReader(RawgReader):
    """Reads one object or list for each game that has none, or changed since, in the order of `waiting`."""

    async def probe(self) -> None:
        """Learn the clock, without a request."""
        self._use_own_clock()

    def read_all(self) -> AsyncIterator[Page]:
        """Read what is waiting: these rows are never read whole."""
        return self.read_changes(0, None)

    def read_remaining(self, resumed: Iterable[IdRange], *, rows: int) -> AsyncIterator[Page]:  # noqa: ARG002
        """As `read_all`."""
        return self.read_changes(0, None)

    async def read_changes(self, since: int, until: int | None) -> AsyncGenerator[Page, None]:  # noqa: ARG002
        """Read the rows of the games that wait, at any time; pages without a claim."""
        waiting = await asyncio.to_thread(WaitingGames.read, self._lake.store, self._entity)
        self.total = len(waiting.games)
        self._evidence = None
        read, in_a_row, known = 0, 0, None
        failed: list[int] = []
        missing: list[Any] = []  # of games that RAWG does not have, until it has one
        reason = f"one load reads {self._options.games_per_load:,}"
        rows: list[Any] = []
        self._use_own_clock()
        for game in waiting.games[: self._options.games_per_load]:
            with self._stopping(lambda why: Evidence(Proof.PARTIAL, why)):
                try:
                    missing.append(await self._row(game.id, game.updated_at))
                except _FAILED as error:
                    failed.append(game.id)
                    in_a_row += 1
                    # A reply that does not come costs minutes.
                    if in_a_row == MOST_FAILURES or isinstance(error, UnreachableError):
                        if not await self._answers(known or _any_id(waiting.known) or waiting.games[-1].id):
                            raise
                        in_a_row = 0
                    log.warning("%s: game %d is left for the next load: %s", self._entity, game.id, error)
                else:
                    in_a_row, known = 0, game.id
                    if not missing[-1].get("is_missing") or len(missing) == MOST_FAILURES:
                        await self._check_missing(missing)
                        rows += missing
                        read, missing = read + len(missing), []
            if self._evidence:
                break
            if len(rows) >= PAGE_GAMES:
                yield self._page(rows, None)
                rows = []
        with self._stopping(lambda why: Evidence(Proof.PARTIAL, why)):
            await self._check_missing(missing)
            rows += missing
            read += len(missing)
        if self._evidence:
            reason = str(self._evidence.reason)
        if rows:
            yield self._page(rows, None)
        self._evidence = Evidence(Proof.COUNTED)
        if read < len(waiting.games):
            reasons = [f"RAWG failed at {len(failed):,}, such as game {failed[0]}"] if failed else []
            reasons += [reason] if read + len(failed) < len(waiting.games) else []
            self._evidence = Evidence(
                Proof.PARTIAL,
                f"{read:,} of the {len(waiting.games):,} games that wait were read: {'; '.join(reasons)}",
            )

    async def _check_missing(self, rows: Sequence[Any]) -> None:
        """Refuse games that are missing one after another, if RAWG has no page either of games that it lists now.

        Raises: NoPagesError; ApiError, if RAWG fails at these, too.
        """
        if not rows or not rows[-1].get("is_missing"):
            return
        path = GAMES
        failure: Exception | None = None
        listed = [row.get("id") for row in (await self._client.page(GAMES)).results if isinstance(row, dict)]
        for game_id in listed[:_MOST_LISTED]:
            path = self._options.path.format(id=game_id)
            try:
                await self._ask(path)
            except _FAILED as error:
                failure = error
            except NotFoundError:
                pass
            else:
                return
        raise failure or NoPagesError(str(self._entity), path, len(rows))

    async def _ask(self, path: str) -> None:
        await (self._client.page(path) if self._options.read is Reading.SUBLIST else self._client.single(path))

    async def _answers(self, game_id: int) -> bool:
        """Whether RAWG answers for another game, such as one for which it did before: then it is not down."""
        path = self._options.path.format(id=game_id)
        try:
            await self._ask(path)
        except _FAILED:
            return False
        except NotFoundError:
            pass
        return True

    async def _row(self, game_id: int, changed_at: int | None) -> dict[str, Any]:
        path = self._options.path.format(id=game_id)
        if self._options.read is Reading.SUBLIST:
            query = Query(self.replies, path, {}, may_be_missing=True)
            await query.read()
            items = [_element(each) for each in query.rows]
            return {"id": game_id, "items": items, "is_missing": query.is_missing, "updated_at": changed_at}
        reply = await self.replies.single(path)
        found = {} if reply.is_missing else dict(reply.rows[0])
        # Of a game that became one with another, RAWG may return the other one, or only where it is.
        row = found if found.get("id") in (game_id, str(game_id)) else {"id": game_id, "is_missing": True}
        # Not that of the page, which may be older than the list, or wrong: the game would wait without end.
        return {**row, "updated_at": changed_at}

    def _page(self, rows: Sequence[Any], claim: IdRange | None) -> Page:
        return Page(self._contract.check(rows), claim)


def _any_id(ids: LiveIds) -> int | None:
    """Return one at random: the page of any single game may be broken."""
    found = list(ids.ids())
    return random.choice(found) if found else None  # noqa: S311 - guards nothing


def _element(found: Any) -> Any:
    """Return an element of a row's list; one that no parser accepts as its bytes: the others of the list count."""
    return {"reason": found.reason, **Reject(found, "").kept()} if isinstance(found, UnreadableRow) else found
