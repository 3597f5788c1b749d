"""Whether a policy of AWS allows a request: the part of the rules that the policies of deploy/terraform use."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.recorded_s3 import Need

BUCKET = "arn:aws:s3:::lake"


@dataclass(frozen=True)
class Policy:
    """A policy document. It knows the conditions below, and refuses to guess about others."""

    document: dict[str, Any]

    @classmethod
    def of(cls, text: str) -> Policy:
        """A policy from its JSON."""
        return cls(json.loads(text))

    def allows(self, need: Need) -> bool:
        """Whether an Allow fits and no Deny does. Raises: KeyError, for a condition that is not known."""
        effects = {each["Effect"] for each in self.document["Statement"] if _fits(each, need)}
        return "Allow" in effects and "Deny" not in effects

    def denies(self, need: Need, *, secure: bool = True) -> bool:
        """Whether a Deny fits. secure: the request came by TLS."""
        denials = [each for each in self.document["Statement"] if each["Effect"] == "Deny"]
        return any(_fits(each, need, secure=secure) for each in denials)

    def grants(self) -> Iterator[tuple[dict[str, Any], str, str]]:
        """Each Allow statement with each of its actions on each of its resources."""
        for statement in self.document["Statement"]:
            if statement["Effect"] == "Allow":
                for action in statement["Action"]:
                    for resource in statement["Resource"]:
                        yield statement, action, resource


def _fits(statement: dict[str, Any], need: Need, *, secure: bool = True) -> bool:
    resource = f"{BUCKET}/{need.key}" if need.key else BUCKET
    return (
        any(matches(action, need.action) for action in statement["Action"])
        and any(matches(pattern, resource) for pattern in statement["Resource"])
        and all(
            _holds(operator, key, value, need, secure=secure)
            for operator, each in statement.get("Condition", {}).items()
            for key, value in each.items()
        )
    )


def matches(pattern: str, text: str) -> bool:
    """As IAM matches: `*` is anything, slashes too; nothing else is special."""
    return fnmatchcase(text, re.sub(r"([\[\]?])", r"[\1]", pattern))


def _holds(operator: str, key: str, value: Any, need: Need, *, secure: bool) -> bool:
    """Whether one condition holds for a request that is not CloudFront's."""
    if (operator, key) == ("StringEquals", "s3:RequestObjectTag/status"):
        return need.status in value
    if (operator, key) == ("Null", "s3:if-none-match"):
        return need.if_none_match is not (value == "true")
    if (operator, key) == ("Bool", "aws:SecureTransport"):
        return secure is (value == "true")
    if (operator, key) == ("StringEquals", "AWS:SourceArn"):
        return False
    raise KeyError(f"condition {operator} {key}")
