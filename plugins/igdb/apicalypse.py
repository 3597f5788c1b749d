"""Query text of IGDB's API (Apicalypse), built from small immutable values.

    Query(where=(at_least("id", 0), below("id", 500))).text()
    # fields *; where id >= 0 & id < 500; sort id asc; limit 500;

The same values always give the same text, so that a query in a log can be compared, cached and pasted back.

There is no `offset`, on purpose: an offset counts rows from the start of a result that changes while it is read.
Each row that is deleted before the cursor makes the next page skip one, silently. Windows over ids and keysets
(`id > last`) do not drift.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LIMIT = 500
MAX_PARTS = 10

_FIELD = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_FIELDS = re.compile(r"[a-z0-9_.*]+(,[a-z0-9_.*]+)*")
_SORT = re.compile(r"[a-z][a-z0-9_.]* (asc|desc)")
_ENDPOINT = re.compile(r"[a-z][a-z0-9_]*")
_STRING = re.compile(r'"[^"]*"')


class ApicalypseError(ValueError):
    """A query that the API would refuse, or read otherwise than it was meant: names the part, value and rule."""

    def __init__(self, part: str, found: object, expected: str) -> None:
        super().__init__(f"query: {part} is {found!r}, expected {expected}")
        self.part = part
        self.found = found
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a `where`; conditions of a query are joined with `&`. Made by the functions below."""

    text: str

    def __str__(self) -> str:
        return self.text


def at_least(field: str, value: int) -> Condition:
    """Return `field >= value`."""
    return _compare(field, ">=", value)


def above(field: str, value: int) -> Condition:
    """Return `field > value`: the keyset step, "rows after the last one I have"."""
    return _compare(field, ">", value)


def below(field: str, value: int) -> Condition:
    """Return `field < value`: the open end of a window."""
    return _compare(field, "<", value)


def matching(text: str) -> Condition:
    """Return a filter written by a person, such as the registry's, in parentheses so that its `|` stays inside it.

    Raises ApicalypseError for text that would reach beyond its parentheses: a `;`, a comment, a parenthesis or a quote
    that is not closed.
    """
    bare = _STRING.sub('""', text).strip()
    balanced = True
    depth = 0
    for character in bare:
        depth += (character == "(") - (character == ")")
        balanced = balanced and depth >= 0
    if not bare or ";" in bare or "//" in bare or not balanced or depth or bare.count('"') % 2:
        raise ApicalypseError(
            "a filter", text, "one condition without `;` or `//`, with every parenthesis and quote closed"
        )
    return Condition(f"({text.strip()})")


def any_of(*alternatives: Sequence[Condition]) -> Condition:
    """Return a condition that one of several groups meets: `((a & b) | (c & d))`."""
    if not alternatives or not all(alternatives):
        raise ApicalypseError("any_of", alternatives, "groups of at least one condition")
    groups = (" & ".join(condition.text for condition in group) for group in alternatives)
    return Condition(f"({' | '.join(f'({group})' for group in groups)})")


def _compare(field: str, operator: str, value: int) -> Condition:
    if not _FIELD.fullmatch(field):
        raise ApicalypseError("a condition's field", field, "a name such as updated_at")
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApicalypseError(f"the value that {field} is compared with", value, "a whole number")
    return Condition(f"{field} {operator} {value}")


@dataclass(frozen=True, slots=True)
class Query:
    """One request for rows.

    `fields` and `exclude` are comma-separated names (`*` is one level: relations come as ids). `sort` has a default
    because the API has none: without it rows come in no order at all. `limit` is 1 to 500, the API's own bounds.
    """

    fields: str = "*"
    exclude: str = ""
    where: tuple[Condition, ...] = ()
    sort: str = "id asc"
    limit: int = MAX_LIMIT

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", tuple(self.where))
        if not _FIELDS.fullmatch(self.fields):
            raise ApicalypseError("fields", self.fields, "`*` or names separated by commas, without spaces")
        if self.exclude and not _FIELDS.fullmatch(self.exclude):
            raise ApicalypseError("exclude", self.exclude, "names separated by commas, without spaces")
        if not _SORT.fullmatch(self.sort):
            raise ApicalypseError("sort", self.sort, "`<field> asc` or `<field> desc`: the API has no default order")
        if not 1 <= self.limit <= MAX_LIMIT:
            raise ApicalypseError(
                "limit",
                self.limit,
                f"1 to {MAX_LIMIT}: the API answers more with 403, and fewer is its default of 10. "
                "Ask in windows of ids instead",
            )

    def text(self) -> str:
        """Return the whole query, one line."""
        statements = [f"fields {self.fields}"]
        if self.exclude:
            statements.append(f"exclude {self.exclude}")
        if self.where:
            statements.append(_where(self.where))
        statements += [f"sort {self.sort}", f"limit {self.limit}"]
        return " ".join(f"{statement};" for statement in statements)


def count_text(where: Sequence[Condition]) -> str:
    """Return the body of a `/count` request, which takes nothing but a condition; empty for all rows."""
    return f"{_where(where)};" if where else ""


@dataclass(frozen=True, slots=True)
class SubQuery:
    """One part of a `/multiquery`: the rows of `query`, or with `count=True` only how many match its `where`.

    `name` is what the reply is matched by.
    """

    name: str
    endpoint: str
    query: Query
    count: bool = False

    def __post_init__(self) -> None:
        if not self.name or '"' in self.name or "\\" in self.name or not self.name.isprintable():
            raise ApicalypseError("the name of a sub-query", self.name, "printable text without quotes or backslashes")
        if not _ENDPOINT.fullmatch(self.endpoint):
            raise ApicalypseError("the endpoint of a sub-query", self.endpoint, "a name such as games")

    def text(self) -> str:
        """Return `query games "name" { … };`."""
        if self.count:
            body = count_text(self.query.where)
            return f'query {self.endpoint}/count "{self.name}" {{ {body} }};'
        return f'query {self.endpoint} "{self.name}" {{ {self.query.text()} }};'


def multiquery_text(parts: Sequence[SubQuery]) -> str:
    """Return the body of a `/multiquery`, one part a line. Refuses none, more than 10, and two of one name."""
    if not 1 <= len(parts) <= MAX_PARTS:
        raise ApicalypseError("the number of sub-queries", len(parts), f"1 to {MAX_PARTS}, the API's own bound")
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise ApicalypseError(
            "the names of sub-queries", names, "a name of its own for each: replies are matched by it"
        )
    return "\n".join(part.text() for part in parts)


def _where(conditions: Sequence[Condition]) -> str:
    return f"where {' & '.join(condition.text for condition in conditions)}"
