"""Apicalypse, IGDB's query language: text in, a checked `Query` or the parts of a multiquery out. Pure.

    fields *; exclude a,b; where a = 1 & (b != null | c >= 2); sort id asc; limit 500; offset 0; search "x";

`fields` and `where` know one level: `genres` is an array of ids, `genres.name` is refused as an unknown field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from sandbox.igdb.errors import QueryError, syntax_error

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_LIMIT = 10
MAX_LIMIT = 500
MAX_SUBQUERIES = 10

Scalar = int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with open ends: `"abc"*`, `*"abc"`, `*"abc"*`."""

    text: str
    open_start: bool
    open_end: bool


@dataclass(frozen=True, slots=True)
class Values:
    """A list: `(1,2)` any of them, `[1,2]` all of them, `{1,2}` exactly them; `negated` is the `!` before it."""

    bracket: str
    items: tuple[Scalar, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field operator value`."""

    field: str
    operator: str
    value: Scalar | Pattern | Values


@dataclass(frozen=True, slots=True)
class Every:
    """Parts joined by `&`."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Parts joined by `|`."""

    parts: tuple[Condition, ...]


Condition = Comparison | Every | Either


@dataclass(frozen=True, slots=True)
class Query:
    """One query; `sort` is (field, descending). Without `fields` IGDB sends ids only."""

    fields: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: Condition | None = None
    sort: tuple[str, bool] | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    search: str | None = None


@dataclass(frozen=True, slots=True)
class SubQuery:
    """One part of a multiquery; `endpoint` may end in `/count`."""

    endpoint: str
    name: str
    query: Query


class _Token(NamedTuple):
    kind: str
    text: str


_TOKENS = re.compile(
    r"""
    (?P<skip>\s+|//[^\n]*)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<word>[A-Za-z_][\w.]*(?:/[A-Za-z_]+)?|\*)
    | (?P<operator>!=|>=|<=|[=<>~])
    | (?P<mark>[;,&|()\[\]{}!])
    """,
    re.VERBOSE,
)
_CLAUSES = {"f": "fields", "x": "exclude", "w": "where", "s": "sort", "l": "limit", "o": "offset"}
_DIGITS = 18  # of a number; Python refuses one of more than 4,300
_MAX_DEPTH = 50  # each level is a few Python frames
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_CONSTANTS: dict[str, Scalar] = {"null": None, "true": True, "false": False}


def parse_query(text: str) -> Query:
    """Read one query; the empty text is the query of nothing but defaults.

    Raises: QueryError with the status, title and cause that the reply carries.
    """
    parser = _Parser(text)
    query = parser.clauses()
    parser.expect_end()
    return query


def parse_multiquery(text: str) -> tuple[SubQuery, ...]:
    """Read `query <endpoint> "<name>" { … };` parts, one to ten of them.

    Raises: QueryError.
    """
    parser = _Parser(text)
    parts = tuple(parser.subqueries())
    if not parts:
        raise syntax_error('Missing query: a multiquery needs at least one `query endpoint "name" { … };`')
    if len(parts) > MAX_SUBQUERIES:
        raise syntax_error(f"Too many queries: {len(parts)}, the maximum is {MAX_SUBQUERIES}")
    return parts


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokenize(text))
        self._at = 0
        self._depth = 0

    def clauses(self, until: str = "") -> Query:
        """Clauses up to the end of the text, or up to the mark `until`."""
        query = Query()
        while (token := self._peek()).text != until:
            name = _CLAUSES.get(token.text, token.text)
            read = getattr(self, f"_clause_{name}", None) if token.kind == "word" else None
            if read is None:
                raise syntax_error(
                    f"unexpected '{token.text}', expecting fields, exclude, where, sort, limit, offset or search"
                )
            self._take()
            query = read(query)
            self._take_mark(";", "Missing `;` at end of query")
        return query

    def subqueries(self) -> Iterator[SubQuery]:
        """Yield the parts of a multiquery."""
        while self._peek().kind != "end":
            keyword, endpoint = self._take(), self._take()
            if keyword.text != "query" or endpoint.kind != "word":
                found = f"{keyword.text} {endpoint.text}"
                raise syntax_error(f"unexpected '{found}', expecting `query endpoint \"name\" {{`")
            name = self._string("name of a query")
            self._take_mark("{", "Missing `{` after the name of a query")
            query = self.clauses(until="}")
            self._take_mark("}", "Missing `}` at end of query")
            self._take_mark(";", "Missing `;` at end of query")
            yield SubQuery(endpoint.text, name, query)

    def expect_end(self) -> None:
        """Nothing may follow."""
        if (token := self._peek()).kind != "end":
            raise syntax_error(f"unexpected '{token.text}'")

    def _clause_fields(self, query: Query) -> Query:
        return replace(query, fields=query.fields + self._names())

    def _clause_exclude(self, query: Query) -> Query:
        return replace(query, exclude=query.exclude + self._names())

    def _clause_where(self, query: Query) -> Query:
        return replace(query, where=self._either())

    def _clause_sort(self, query: Query) -> Query:
        field = self._name()
        direction = self._take().text if self._peek().kind == "word" else "asc"
        if direction not in {"asc", "desc"}:
            raise syntax_error(f"unexpected '{direction}', expecting asc or desc")
        return replace(query, sort=(field, direction == "desc"))

    def _clause_limit(self, query: Query) -> Query:
        limit = self._whole_number("limit")
        if limit > MAX_LIMIT:
            raise QueryError("Request limit to high", f"limit is {limit}, the maximum is {MAX_LIMIT}", status=403)
        return replace(query, limit=limit)

    def _clause_offset(self, query: Query) -> Query:
        return replace(query, offset=self._whole_number("offset"))

    def _clause_search(self, query: Query) -> Query:
        return replace(query, search=self._string("text to search for"))

    def _either(self) -> Condition:
        parts = [self._every()]
        while self._take_if("|"):
            parts.append(self._every())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _every(self) -> Condition:
        parts = [self._operand()]
        while self._take_if("&"):
            parts.append(self._operand())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _operand(self) -> Condition:
        if self._take_if("("):
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise syntax_error(f"more than {_MAX_DEPTH} parentheses inside each other")
            inner = self._either()
            self._take_mark(")", "Missing `)` in where")
            self._depth -= 1
            return inner
        field = self._name()
        operator = self._take()
        if operator.kind != "operator":
            raise syntax_error(f"unexpected '{operator.text}' after '{field}', expecting = != > >= < <= or ~")
        return Comparison(field, operator.text, self._value())

    def _value(self) -> Scalar | Pattern | Values:
        negated = self._take_if("!")
        if (token := self._peek()).text in _CLOSING and token.kind == "mark":
            return self._list(negated)
        if negated:
            raise syntax_error(f"unexpected '{token.text}' after '!', expecting a list")
        open_start = self._take_if("*")
        value = self._scalar()
        open_end = self._take_if("*")
        if not open_start and not open_end:
            return value
        if not isinstance(value, str):
            raise syntax_error(f"unexpected '{value}' beside '*', expecting a text in quotes")
        return Pattern(value, open_start, open_end)

    def _list(self, negated: bool) -> Values:
        bracket = self._take().text
        items = [self._scalar()]
        while self._take_if(","):
            items.append(self._scalar())
        self._take_mark(_CLOSING[bracket], f"Missing `{_CLOSING[bracket]}` at end of a list")
        return Values(bracket, tuple(items), negated)

    def _scalar(self) -> Scalar:
        token = self._take()
        if token.kind == "string":
            return _unquote(token.text)
        if token.kind == "number":
            return _integer(token.text) if re.fullmatch(r"-?\d+", token.text) else float(token.text)
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        raise syntax_error(f"unexpected '{token.text}', expecting a number, a text in quotes, null, true or false")

    def _names(self) -> tuple[str, ...]:
        names = [self._name(star=True)]
        while self._take_if(","):
            names.append(self._name(star=True))
        return tuple(names)

    def _name(self, *, star: bool = False) -> str:
        token = self._take()
        if token.kind != "word" or (token.text == "*" and not star):
            raise syntax_error(f"unexpected '{token.text}', expecting a field name")
        return token.text

    def _string(self, what: str) -> str:
        token = self._take()
        if token.kind != "string":
            raise syntax_error(f"unexpected '{token.text}', expecting the {what}, surrounded with quotes")
        return _unquote(token.text)

    def _whole_number(self, clause: str) -> int:
        token = self._take()
        if not re.fullmatch(r"\d+", token.text):
            raise syntax_error(f"unexpected '{token.text}' after '{clause}', expecting a number from 0")
        return _integer(token.text)

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _take_if(self, text: str) -> bool:
        token = self._peek()
        found = token.text == text and token.kind in {"mark", "word"}
        self._at += found
        return found

    def _take_mark(self, text: str, problem: str) -> None:
        if not self._take_if(text):
            raise syntax_error(f"{problem}, found '{self._peek().text}'")


def _tokenize(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            raise syntax_error(f"unexpected '{text[position : position + 20]}'")
        position = match.end()
        if match.lastgroup != "skip":
            yield _Token(match.lastgroup or "", match.group())
    yield _Token("end", "")


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise syntax_error(f"unexpected '{text[:_DIGITS]}...', expecting a number of at most {_DIGITS} digits")
    return int(text)


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
