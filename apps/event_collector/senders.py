"""Who may send events, by secret; and which events, by JSON Schema.

SendersError     a setting is wrong; no secret is in the message
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from jsonschema import FormatChecker
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry

from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

IGDB = "igdb"
MIN_SECRET = 16

_SENDER = re.compile("[a-z][a-z0-9]*")
_TYPE = re.compile("[a-z][a-z0-9_]*")


class SendersError(Exception):
    """A setting is wrong: the message names it, and what was expected."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender of events, its secrets as digests, and its types with their schemas. IGDB has no types."""

    name: str
    secrets: tuple[bytes, ...]
    types: Mapping[str, Validator]


class Senders:
    """All senders.

    Args:
        webhook_secret: GAMELAKE_WEBHOOK_SECRET; without it IGDB's webhooks are refused.
        event_senders: GAMELAKE_EVENT_SENDERS.
        schemas: GAMELAKE_EVENT_SCHEMAS.

    Raises:
        SendersError: A value is wrong, or a schema is none.
    """

    def __init__(self, webhook_secret: str | None, event_senders: str, schemas: Path | None) -> None:
        secrets = _secrets("GAMELAKE_WEBHOOK_SECRET", (webhook_secret or "").split(",")) if webhook_secret else ()
        self.igdb = Sender(IGDB, secrets, {})
        entries = enumerate(event_senders.split(","), start=1)
        self._others = [_sender(number, text, schemas) for number, text in entries if text.strip()]
        names = [each.name for each in self._others]
        if twice := sorted({name for name in names if names.count(name) > 1 or name == IGDB}):
            raise SendersError(f"GAMELAKE_EVENT_SENDERS: found {twice[0]!r}, expected other names, each once")

    def is_igdb(self, secret: str) -> bool:
        """Return whether a secret is IGDB's."""
        return _matches(self.igdb, _digest(secret))

    def sender_of(self, secret: str) -> Sender | None:
        """Return the other sender with this secret. The time that it takes tells nothing about any secret."""
        given = _digest(secret)
        found = [each for each in self._others if _matches(each, given)]
        return found[0] if found else None


def _matches(sender: Sender, given: bytes) -> bool:
    # All are compared, and digests have one length.
    return sum(hmac.compare_digest(given, secret) for secret in sender.secrets) > 0


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _secrets(variable: str, texts: Sequence[str]) -> tuple[bytes, ...]:
    texts = [text.strip() for text in texts]
    if short := [text for text in texts if len(text) < MIN_SECRET or not text.isascii() or not text.isprintable()]:
        raise SendersError(
            f"{variable}: found a secret of {len(short[0])} characters, expected at least {MIN_SECRET} of ASCII; "
            "make one: openssl rand -hex 32"
        )
    return tuple(map(_digest, texts))


def _sender(number: int, text: str, schemas: Path | None) -> Sender:
    variable = "GAMELAKE_EVENT_SENDERS"
    name, equals, secret = text.strip().partition("=")
    if not equals or not _SENDER.fullmatch(name):
        # What comes before `=` may be a secret in the wrong place.
        expected = "name=secret, the name of lower-case letters and digits"
        raise SendersError(f"{variable}: entry {number} has no name, expected {expected}")
    if schemas is None:
        raise SendersError(f"GAMELAKE_EVENT_SCHEMAS: not set, expected the folder with {name}/<type>.json")
    types = {path.stem: _validator(path) for path in sorted((schemas / name).glob("*.json"))}
    if not types:
        raise SendersError(
            f"GAMELAKE_EVENT_SCHEMAS: found no file in {schemas / name}, expected a <type>.json for each type"
        )
    source = load_sources().get(name)
    if source and (tables := sorted(types.keys() & source.entities.keys())):
        raise SendersError(
            f"{schemas / name / tables[0]}.json: {name}.{tables[0]} is a table of the registry, whose inbox has other "
            "events; expected another type, or another name of the sender"
        )
    return Sender(name, _secrets(variable, [secret]), types)


def _validator(path: Path) -> Validator:
    if not _TYPE.fullmatch(path.stem):
        raise SendersError(f"{path}: found the type {path.stem!r}, expected lower-case letters, digits and underscores")
    try:
        schema = orjson.loads(path.read_bytes())
        kind = validator_for(schema, default=Validator)
        if kind is Validator:
            raise SendersError(f"{path}: $schema: expected https://json-schema.org/draft/2020-12/schema")
        kind.check_schema(schema)
    except orjson.JSONDecodeError as error:
        raise SendersError(f"{path}: {error}, expected JSON") from error
    except SchemaError as error:
        raise SendersError(f"{path}: {error.json_path}: {error.message}") from error
    # An empty registry: `$ref` reaches no network and no other file.
    validator: Validator = kind(schema, registry=Registry(), format_checker=FormatChecker())
    return validator
