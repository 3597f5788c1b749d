"""How to reach a broker, from a connection of Airflow.

| field | what |
| --- | --- |
| host | the addresses of brokers: `broker-1:9093,broker-2:9093` |
| login, password | of SASL, if the broker asks for it |
| extra | `{"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "ca_file": "/etc/ca.pem", "topic_prefix": "gamelake", "partitions": 3, "replication_factor": 3, "max_message_bytes": 1048576}` |
"""  # noqa: E501 - one line of a table

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gamelake.urls import is_near

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
MEBIBYTE = 1024 * 1024

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class BrokerSettingsError(ValueError):
    """A connection has an invalid value: names the field, what was found (never a secret) and what was expected."""

    def __init__(self, field: str, found: object, expected: str) -> None:
        super().__init__(field, found, expected)
        self.field = field
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"the connection to the broker: {self.field}: found {self.found!r}, expected {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """How to reach a broker, and what its topics are like.

    Attributes:
        servers: Addresses of brokers, `host:port`.
        security_protocol: One of PROTOCOLS.
        sasl_mechanism: One of MECHANISMS.
        user: Of SASL.
        password: Of SASL.
        ca_file: The certificates to trust, in place of the system's.
        topic_prefix: The start of the names of topics, without the dot.
        partitions: Of topics that are missing. None: a missing topic is an error.
        replication_factor: Of the same.
        max_message_bytes: The largest message that the topics take.

    Raises:
        BrokerSettingsError: A value is wrong, or does not fit another one.
    """

    servers: tuple[str, ...]
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    topic_prefix: str = "gamelake"
    partitions: int | None = None
    replication_factor: int | None = None
    max_message_bytes: int = MEBIBYTE

    def __post_init__(self) -> None:
        for server in self.servers or ("",):
            if not _ADDRESS.fullmatch(server):
                raise BrokerSettingsError("host", server, "addresses with their ports, such as broker-1:9093")
        _one_of("extra.security_protocol", self.security_protocol, PROTOCOLS)
        _one_of("extra.sasl_mechanism", self.sasl_mechanism, MECHANISMS)
        if not isinstance(self.topic_prefix, str) or not _PREFIX.fullmatch(self.topic_prefix):
            raise BrokerSettingsError("extra.topic_prefix", self.topic_prefix, "letters, digits, dots, - and _")
        for name in ("partitions", "replication_factor"):
            _whole(f"extra.{name}", getattr(self, name), least=1, may_be_missing=True)
        if (self.partitions is None) != (self.replication_factor is None):
            raise BrokerSettingsError(
                "extra.partitions, extra.replication_factor", (self.partitions, self.replication_factor), "both or none"
            )
        _whole("extra.max_message_bytes", self.max_message_bytes, least=1024)
        if self.ca_file is not None and not Path(self.ca_file).is_file():
            raise BrokerSettingsError("extra.ca_file", self.ca_file, "a file of certificates that exists")
        is_sasl = self.security_protocol.startswith("SASL")
        if is_sasl != bool(self.user and self.password):
            found = f"{self.security_protocol} {'with' if self.password else 'without'} a password"
            raise BrokerSettingsError(
                "extra.security_protocol", found, "SASL_SSL or SASL_PLAINTEXT with login and password, or neither"
            )
        if self.security_protocol == "SASL_PLAINTEXT" and self.sasl_mechanism == "PLAIN" and not self._is_near():
            raise BrokerSettingsError(
                "extra.security_protocol", self.security_protocol, "SASL_SSL, or SCRAM: the password would be readable"
            )

    def _is_near(self) -> bool:
        """Whether all brokers are on this machine, or a host of compose."""
        return all(is_near(server.rpartition(":")[0].strip("[]")) for server in self.servers)

    def topic(self, stream: str) -> str:
        """Return the name of the topic of a stream."""
        return f"{self.topic_prefix}.{stream}"


def from_connection(
    *, host: str | None, port: int | None, login: str | None, password: str | None, extra: object
) -> BrokerSettings:
    """Return the settings that a connection has. Raises: BrokerSettingsError."""
    if not isinstance(extra, Mapping):
        raise BrokerSettingsError("extra", type(extra).__name__, "a JSON object")
    options: dict[str, Any] = dict(extra)
    known = set(BrokerSettings.__dataclass_fields__) - {"servers", "user", "password"}
    if unknown := sorted(options.keys() - known):
        raise BrokerSettingsError("extra", unknown[0], f"only {', '.join(sorted(known))}")
    servers = [server.strip() for server in (host or "").split(",")]
    if port is not None and len(servers) == 1 and ":" not in servers[0]:
        servers = [f"{servers[0]}:{port}"]
    return BrokerSettings(servers=tuple(servers), user=login or None, password=password or None, **options)


def _one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BrokerSettingsError(name, value, f"one of {', '.join(choices)}")


def _whole(name: str, value: object, *, least: int, may_be_missing: bool = False) -> None:
    if not (value is None and may_be_missing) and (type(value) is not int or value < least):
        raise BrokerSettingsError(name, value, f"a whole number of {least} or more")
