"""`gamelake new`: write the first lines of a new part of the product."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamelake.cli import arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gamelake.codegen.new_entity import Guess
    from gamelake.kinds import Kind
    from gamelake.registry import Source
    from gamelake.sources.base import Sample

LEAVE_OUT = "no"

group = typer.Typer(help="Write the first lines of a new entity or source.", no_args_is_help=True)


def _kind(text: str | None) -> str | None:
    """Return the name of a kind. Raises: typer.BadParameter."""
    from gamelake.kinds import LOADED_KINDS

    return None if text is None else arguments.one_of(text, LOADED_KINDS)


def _source(text: str) -> str:
    """Return the name of a source. Raises: typer.BadParameter."""
    from gamelake.registry import load_sources

    return arguments.one_of(text, load_sources())


@group.command()
def entity(  # noqa: PLR0913, PLR0917 - one for each option
    endpoint: Annotated[
        str,
        typer.Argument(metavar="ENDPOINT", show_default=False, help="The API's name of it, such as game_engines."),
    ],
    name: Annotated[
        str | None, typer.Option(show_default=False, help="The name of the entity. Default: the endpoint.")
    ] = None,
    source: Annotated[str, typer.Option(callback=_source, help="The source that has it.")] = "igdb",
    kind: Annotated[
        str | None,
        typer.Option(
            callback=_kind,
            show_default=False,
            help="snapshot, incremental or time_series. Default: incremental for a large table with updated_at, else "
            "snapshot.",
        ),
    ] = None,
    description: Annotated[str | None, typer.Option(show_default=False, help="What its rows are.")] = None,
    condition: Annotated[
        str | None,
        typer.Option("--filter", metavar="CONDITION", show_default=False, help="Only rows that meet it: type = (1,3)."),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=TYPE",
            show_default=False,
            help="Declare a field so, such as value=double or 'game=int required'; NAME=no leaves it out. Repeatable.",
        ),
    ] = None,
    sample: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help="Rows to learn from, as JSON. Default: ask the API.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take the default of each question.")] = False,
) -> None:
    """Declare a new entity: infer its fields from sample rows, and write it to the source's entities.yaml."""
    from gamelake.codegen import new_entity
    from gamelake.kinds import Kind
    from gamelake.registry import load_sources
    from gamelake.sources.base import Sample

    name = endpoint if name is None else name
    try:
        new_entity.check_name(source, name)
    except new_entity.NewEntityError as error:
        raise typer.BadParameter(str(error)) from error
    if sample:
        rows = new_entity.read_sample(sample)
        found = Sample(rows, len(rows))
    else:
        found = _asked(load_sources()[source], endpoint, condition)
    guesses = new_entity.guess_fields(found.rows)
    given = dict(_given(field or [], guesses))
    is_asked = sys.stdin.isatty() and not yes
    doubtful = [guess for guess in guesses if guess.is_open and guess.name not in given]
    if doubtful and not is_asked and not yes:
        raise new_entity.NewEntityError(_undecided(doubtful))
    print(f"{len(found.rows):,} sample rows of {found.total:,}, {len(guesses)} fields")
    fields = {guess.name: given.get(guess.name) or _answer(guess, is_asked=is_asked) for guess in guesses}
    declared = {each: kind for each, kind in fields.items() if kind != LEAVE_OUT}
    guessed = Kind(kind) if kind else new_entity.guess_kind(declared, found.total)
    about = description or f"Rows of {source}'s endpoint {endpoint}."
    if is_asked:
        guessed = guessed if kind else _asked_kind(guessed)
        about = description or typer.prompt("What are its rows, in a sentence", default=about)
    options = {"endpoint": endpoint} | ({"filter": condition} if condition else {})
    text = new_entity.entry(name, description=about, kind=guessed, options=options, fields=declared)
    print(f"\n{text}")
    path = new_entity.registry_path(source)
    if is_asked and not typer.confirm(f"Write this to {path}?", default=True):
        print("Nothing was written.")
        return
    new_entity.add_entity(source, text)
    print(_next_steps(source, name, path, [each for each in fields if each not in declared]))


@group.command()
def source(
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="Its name in code and lake, such as rawg.")
    ],
) -> None:
    """Write the rooms of a new source: client, registry, reader and a conformance test that names what is missing."""
    from gamelake.codegen import new_source
    from gamelake.paths import REPOSITORY

    try:
        new_source.check_name(REPOSITORY, name)
    except new_source.NewSourceError as error:
        raise typer.BadParameter(str(error)) from error
    for path, text in new_source.texts(REPOSITORY, name).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)
    print(
        f"""
Next:
  make generate    the dbt source and the pages of docs
  .venv/bin/python -m pytest -n 0 tests/gamelake/sources/test_conformance.py -k {name}
                   fails, and names the first method that is missing; then the next one
docs/guides/runbooks/add-a-source.md has the steps, and what the API must have."""
    )


def _asked(source: Source, endpoint: str, condition: str | None) -> Sample:
    """Read sample rows from the API: with the user's account or stored connection, else from a sandbox."""
    import asyncio
    from importlib import import_module
    from importlib.util import find_spec

    from apiclient.errors import ApiError
    from gamelake.codegen.new_entity import NewEntityError

    module = f"gamelake.sources.{source.name}.sample"
    if find_spec(module) is None:
        raise NewEntityError(
            f"{source.name} has no module `sample`, which would ask its API: save some rows as JSON, and add "
            "--sample FILE"
        )
    with ExitStack() as stack:
        where, advice = source.name, "check its name in the API's documentation"
        if not _connect(source, stack):
            where = "no account of IGDB is set, and the sandbox, which was asked in its place,"
            advice = "set IGDB_CLIENT_ID and IGDB_CLIENT_SECRET to ask IGDB"
        sampling = import_module(module)  # only now: Airflow, which it imports, looks then where its database is
        try:
            found: Sample = asyncio.run(sampling.sample_rows(source.connection, endpoint, condition))
        except ApiError as error:
            if error.status != 404:
                raise
            raise NewEntityError(
                f"{where} has no endpoint {endpoint!r}: {advice}, or save some rows of the API's documentation as "
                "JSON and add --sample FILE"
            ) from error
        if not found.rows:
            raise NewEntityError(
                f"{where} has no rows of {endpoint!r}: choose another --filter or endpoint, or save a row of the API's "
                "documentation as JSON and add --sample FILE"
            )
    return found


def _connect(source: Source, stack: ExitStack) -> bool:
    """Make the source's connection known to this process: the user's account, else a sandbox until the stack ends.

    Returns: whether the source itself answers.
    """
    import os

    from gamelake.airflow.settings_file import IGDB_CONNECTION, is_own
    from gamelake.cli.store import use_stored_connection
    from gamelake.local import account, sandbox

    if source.connection != IGDB_CONNECTION:
        use_stored_connection(source.connection)
        return True
    if account.is_set():
        account.export()
        return True
    use_stored_connection(source.connection)
    from airflow.sdk import Connection

    stored = os.environ.get(account.CONNECTION_VARIABLE)
    found = Connection.from_json(stored, source.connection) if stored else None
    if found and is_own(source.connection, found.host, found.login):
        return True
    os.environ[account.CONNECTION_VARIABLE] = sandbox.connection(
        stack.enter_context(sandbox.running(sandbox.Days.now()))
    )
    return False


def _given(texts: Sequence[str], guesses: Sequence[Guess]) -> Iterator[tuple[str, str]]:
    """Yield the fields that the user declares, each with its type and rules. Raises: typer.BadParameter."""
    from gamelake.fields import RegistryError, parse_fields

    known = [guess.name for guess in guesses]
    for text in texts:
        name, _, declared = (part.strip() for part in text.partition("="))
        if name not in known:
            raise typer.BadParameter(f"--field: found {text!r}, expected NAME=TYPE with one of {', '.join(known)}")
        try:
            if declared != LEAVE_OUT and name != "id":
                parse_fields("field", {"id": "int", name: declared})
        except RegistryError as error:
            raise typer.BadParameter(f"--field {text}: found {error.found!r}, expected {error.expected}") from error
        yield name, declared


def _undecided(doubtful: Sequence[Guess]) -> str:
    reasons = "\n".join(f"  {guess.name}: {guess.doubt}; {_default(guess)} by default" for guess in doubtful)
    return (
        f"{len(doubtful)} fields need a decision, and standard input is no terminal: add --field NAME=TYPE for each, "
        f"or --yes to take the defaults\n{reasons}"
    )


def _default(guess: Guess) -> str:
    return guess.type.value if guess.type else LEAVE_OUT


def _answer(guess: Guess, *, is_asked: bool) -> str:
    """Return the type of a field, and its rules; `no` to leave it out."""
    from gamelake.fields import FieldType

    default = _default(guess)
    if is_asked and guess.is_open:
        choices = [*FieldType, LEAVE_OUT]
        question = f"  {guess.name}: {guess.doubt}. One of {', '.join(choices)}"
        while (default := str(typer.prompt(question, default=_default(guess)))) not in choices:
            pass
    elif guess.doubt:
        print(f"  {guess.name}: {guess.doubt}; {'left out' if default == LEAVE_OUT else f'took {default}'}")
    return default


def _asked_kind(default: Kind) -> Kind:
    from gamelake.kinds import LOADED_KINDS, Kind

    kinds = ", ".join(LOADED_KINDS)
    while (answer := typer.prompt(f"Its kind, one of {kinds}", default=default.value)) not in LOADED_KINDS:
        pass
    return Kind(answer)


def _next_steps(source: str, name: str, path: Path, left_out: Sequence[str]) -> str:
    lines = [f"Wrote {source}.{name} to {path}."]
    if left_out:
        lines.append(
            f"Left out: {', '.join(left_out)}. They stay in the raw rows, and each load counts them as undeclared."
        )
    lines += [
        f"Schedule, pool and limits are those of {source}; `max_shrink` and others may be set for this entity alone.",
        "Next:",
        "  make generate    the dbt source and the pages of docs",
        f"  make run         the DAG {source}_{name} loads it, from the sandbox without rows",
        "  make test        the tests take every entity from the registry: none has to be written",
        "Then use it in a model: docs/guides/runbooks/add-an-entity.md",
    ]
    return "\n".join(lines)
