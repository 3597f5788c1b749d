"""Sends messages to a broker that speaks Kafka's protocol, with aiokafka, which is optional."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from gamelake.topics.settings import BrokerSettings
    from gamelake.topics.streams import Message

REQUEST_SECONDS = 30
"""How long a message may wait for its confirmation, over all tries, before sending it has failed."""
_LINGER_MS = 20
_BATCH_BYTES = 256 * 1024


class BrokerError(Exception):
    """The broker cannot be reached, or takes no messages; or aiokafka is not installed."""


class Broker:
    """A connection to a broker, as an asynchronous context manager.

    Raises:
        BrokerError: At entry: it cannot be reached, or aiokafka is not installed.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._producer: Any = None

    async def __aenter__(self) -> Broker:
        try:
            from aiokafka import AIOKafkaProducer
            from aiokafka.errors import KafkaError
        except ModuleNotFoundError as error:
            raise BrokerError(f"{error.name} is not installed: `make kafka` installs it") from error
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors reach us as exceptions
        self._producer = AIOKafkaProducer(
            **self._access(),
            acks="all",
            # Each partition has one request on its way, so the order stays in any case. Repeats are allowed, and not
            # every broker numbers producers.
            enable_idempotence=False,
            compression_type="gzip",
            linger_ms=_LINGER_MS,
            max_batch_size=min(_BATCH_BYTES, self._settings.max_message_bytes),
            max_request_size=self._settings.max_message_bytes,
        )
        try:
            await self._producer.start()
        except (KafkaError, OSError, LookupError, ValueError) as error:  # the last two: a refusal of SCRAM
            await self._producer.stop()
            raise self._error("cannot be reached", error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def ensure(self, topic: str) -> bool:
        """Create a topic if it is missing. Returns: whether it was. Raises: BrokerError."""
        from aiokafka.admin import AIOKafkaAdminClient, NewTopic
        from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

        admin = AIOKafkaAdminClient(**self._access())
        try:
            await admin.start()
            if topic in await admin.list_topics():
                return False
            if self._settings.partitions is None:
                raise BrokerError(
                    f"the broker has no topic {topic}: create it, or give the connection the extra fields partitions "
                    f"and replication_factor, such as 3 and 3"
                )
            new = NewTopic(topic, self._settings.partitions, self._settings.replication_factor)
            reply = await admin.create_topics([new])
            for _, code, *why in reply.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise BrokerError(f"the broker does not create the topic {topic}: {for_code(code).__name__} {why}")
        except (KafkaError, OSError) as error:
            raise self._error(f"does not list or create the topic {topic}", error) from error
        finally:
            await admin.close()
        return True

    async def send(self, topic: str, messages: Sequence[Message], *, headers: Sequence[tuple[str, bytes]]) -> int:
        """Send messages, and wait until the broker has all of them.

        Returns:
            How many the topic got: one that is for all partitions is there once in each.

        Raises:
            BrokerError: It may have some of them nevertheless.
        """
        from aiokafka.errors import KafkaError

        waiting = []
        try:
            for message in messages:
                partitions = sorted(await self._producer.partitions_for(topic)) if message.is_for_all else (None,)
                for partition in partitions:
                    waiting.append(
                        await self._producer.send(
                            topic, message.value, key=message.key, partition=partition, headers=headers
                        )
                    )
        except (KafkaError, OSError) as error:
            reason = self._error(f"takes no message of the topic {topic}", error, message)
            await asyncio.gather(*waiting, return_exceptions=True)
            raise reason from error
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(outcome, BaseException):
                if not isinstance(outcome, KafkaError | OSError):
                    raise outcome
                raise self._error(f"did not confirm messages of the topic {topic}", outcome) from outcome
        return len(waiting)

    def _access(self) -> dict[str, Any]:
        """Return what every client of aiokafka needs."""
        from aiokafka.helpers import create_ssl_context

        chosen = self._settings
        access: dict[str, Any] = {
            "bootstrap_servers": list(chosen.servers),
            "client_id": "gamelake",
            "request_timeout_ms": REQUEST_SECONDS * 1000,
            "security_protocol": chosen.security_protocol,
        }
        if chosen.security_protocol.endswith("SSL"):
            access["ssl_context"] = create_ssl_context(cafile=chosen.ca_file)
        if chosen.user:
            access |= {
                "sasl_mechanism": chosen.sasl_mechanism,
                "sasl_plain_username": chosen.user,
                "sasl_plain_password": chosen.password,
            }
        return access

    def _error(self, what: str, error: BaseException, message: Message | None = None) -> BrokerError:
        which = "" if message is None else f" (key {message.key.decode()}, {len(message.value):,} bytes)"
        servers = ", ".join(self._settings.servers)
        hint = " The next run goes on from the last position."
        if type(error).__name__ == "MessageSizeTooLargeError":
            hint = " Raise max.message.bytes of the topic, and max_message_bytes of the connection's extra."
        text = str(error) or type(error).__name__
        return BrokerError(f"the broker at {servers} {what}{which}: {text}.{hint}")
