from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gamelake.topics.settings import BrokerSettingsError, from_connection

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.topics.settings import BrokerSettings


def given(extra: object = None, **fields: Any) -> BrokerSettings:
    filled: dict[str, Any] = {"host": "broker-1:9092", "port": None, "login": None, "password": None, **fields}
    return from_connection(**filled, extra={} if extra is None else extra)


def test_a_connection_states_how_to_reach_a_broker(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    plain = given(host="broker-1:9092, broker-2:9092")
    assert (plain.servers, plain.security_protocol) == (("broker-1:9092", "broker-2:9092"), "PLAINTEXT")
    assert plain.topic("igdb.games") == "gamelake.igdb.games"
    assert given(host="broker", port=9094).servers == ("broker:9094",)
    private = given(
        {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "ca_file": str(authority),
            "topic_prefix": "lake.prod",
            "partitions": 6,
            "replication_factor": 3,
        },
        host="broker.example.com:9093",
        login="gamelake",
        password="a-secret",
    )
    assert private.topic("igdb.games") == "lake.prod.igdb.games"
    assert "a-secret" not in repr(private)


@pytest.mark.parametrize(
    ("extra", "fields", "field"),
    [
        ({}, {"host": None}, "host"),
        ({}, {"host": "broker"}, "host"),
        ({}, {"host": "https://broker:9092"}, "host"),
        ([], {}, "extra"),
        ({"partition": 3}, {}, "extra"),
        ({"security_protocol": "TLS"}, {}, "extra.security_protocol"),
        ({"security_protocol": "SASL_SSL"}, {}, "extra.security_protocol"),
        ({"security_protocol": "SASL_SSL"}, {"login": "gamelake"}, "extra.security_protocol"),
        ({}, {"login": "gamelake", "password": "a-secret"}, "extra.security_protocol"),
        (
            {"security_protocol": "SASL_PLAINTEXT"},
            {"host": "broker.example.com:9092", "login": "gamelake", "password": "a-secret"},
            "extra.security_protocol",
        ),
        (
            {"security_protocol": "SASL_PLAINTEXT"},
            {"host": "[2001:db8::1]:9092", "login": "gamelake", "password": "a-secret"},
            "extra.security_protocol",
        ),
        ({"sasl_mechanism": "GSSAPI"}, {}, "extra.sasl_mechanism"),
        ({"topic_prefix": "../raw"}, {}, "extra.topic_prefix"),
        ({"topic_prefix": 3}, {}, "extra.topic_prefix"),
        ({"partitions": 0, "replication_factor": 1}, {}, "extra.partitions"),
        ({"partitions": 3}, {}, "extra.partitions, extra.replication_factor"),
        ({"max_message_bytes": "1 MB"}, {}, "extra.max_message_bytes"),
        ({"ca_file": "/none/ca.pem"}, {}, "extra.ca_file"),
    ],
)
def test_what_cannot_be_is_refused(extra: object, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(BrokerSettingsError) as refused:
        given(extra, **fields)
    assert refused.value.field == field
    assert "a-secret" not in str(refused.value)
