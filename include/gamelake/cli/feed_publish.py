"""`gamelake feed publish`: send change feeds, or events of the inbox, to a Kafka broker."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gamelake.cli import arguments
from gamelake.cli.arguments import chosen_entity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.lake.store import Store
    from gamelake.topics.publisher import Sent
    from gamelake.topics.settings import BrokerSettings
    from gamelake.topics.streams import Stream

_LONGEST_WAIT = 300
"""Seconds between two tries while the broker or the lake cannot be reached."""


class UnsentError(Exception):
    """Some topics did not get what they lack; the others did.

    Args:
        failures: The error of each.
    """

    def __init__(self, failures: Mapping[str, Exception]) -> None:
        lines = "".join(f"\n  {name}: {error}" for name, error in failures.items())
        super().__init__(f"{len(failures)} topics lack messages; the next run goes on there:{lines}")
        self.failures = failures


def publish(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="TABLE",
            callback=lambda names: [arguments.table(name) for name in names],
            show_default=False,
            help="The tables, such as igdb.games.",
        ),
    ],
    inbox: Annotated[bool, typer.Option("--inbox", help="Send the events of the inbox in place of the feed.")] = False,
    snapshot: Annotated[bool, typer.Option("--snapshot", help="Send everything again, from the start.")] = False,
    follow: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", min=1, help="Do not end: look for more after so many seconds, until SIGTERM."),
    ] = None,
) -> None:
    """Send what topics lack to the Kafka broker of GAMELAKE_KAFKA: changes of tables, or events of the inbox."""
    from gamelake.airflow.kafka import chosen_broker, chosen_connection
    from gamelake.cli.store import command_store, use_stored_connection
    from gamelake.feeds.feed import has_feed
    from gamelake.topics.streams import FeedStream, InboxStream

    for name in names:
        if not inbox and not has_feed(chosen_entity(name)):
            raise typer.BadParameter(f"found {name!r}, expected no time series: it has no feed")
    use_stored_connection(chosen_connection())
    settings = chosen_broker()
    store = command_store()
    entities = [chosen_entity(name) for name in names]
    streams: list[Stream] = [
        InboxStream(store, entity.table) if inbox else FeedStream(store, entity) for entity in entities
    ]
    again = "it was asked for (--snapshot)" if snapshot else None
    asyncio.run(_run(store, streams, settings, again=again, follow=follow))


async def _run(
    store: Store, streams: list[Stream], settings: BrokerSettings, *, again: str | None, follow: int | None
) -> None:
    """Send once; or again and again, until the process is told to end."""
    ended = asyncio.Event()
    if follow:
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, ended.set)
    left = {stream.name: again for stream in streams}
    failures = 0
    while not ended.is_set():
        sending = asyncio.create_task(_send(store, streams, settings, left))
        ending = asyncio.create_task(ended.wait())
        await asyncio.wait({sending, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not sending.done():
            sending.cancel()  # as a kill: what has no position yet is sent again
            await asyncio.wait({sending})
            return
        if not follow or (error := sending.exception()) is None:
            await sending
            failures = 0
        elif not _may_pass(error):
            raise error
        else:
            failures += 1
            print(f"{error}\nIt is tried again.", file=sys.stderr, flush=True)
        if not follow:
            return
        try:
            await asyncio.wait_for(ended.wait(), min(follow * 2**failures, max(follow, _LONGEST_WAIT)))
        except TimeoutError:
            continue


async def _send(store: Store, streams: list[Stream], settings: BrokerSettings, again: dict[str, str | None]) -> None:
    """Send what each topic lacks; one that fails does not stop the others. Raises: UnsentError; the error of one."""
    from gamelake.errors import is_explained
    from gamelake.topics.broker import Broker
    from gamelake.topics.publisher import publish as publish_stream

    failures: dict[str, Exception] = {}
    async with Broker(settings) as broker:
        for stream in streams:
            topic = settings.topic(stream.name)
            try:
                sent = await publish_stream(store, stream, broker, topic, again=again[stream.name])
            except Exception as error:
                if not is_explained(error):
                    raise
                failures[topic] = error
                continue
            again[stream.name] = None
            print(_in_words(sent), flush=True)
    if len(failures) == 1:
        raise next(iter(failures.values()))
    if failures:
        raise UnsentError(failures)


def _may_pass(error: BaseException) -> bool:
    """Whether a later try may succeed without anyone."""
    from gamelake.lake.store import StoreError
    from gamelake.topics.broker import BrokerError

    if isinstance(error, UnsentError):
        return all(map(_may_pass, error.failures.values()))
    return isinstance(error, BrokerError | StoreError)


def _in_words(sent: Sent) -> str:
    if sent.position is None:
        return f"{sent.topic}: there is nothing to send yet"
    where = f"{'the table after ' if sent.position.is_snapshot else ''}number {sent.position.number}"
    why = "".join(f"\n  sent from the start, or with a gap: {reason}" for reason in sent.reasons)
    return f"{sent.topic}: {sent.messages:,} messages sent, up to {where}{why}"
