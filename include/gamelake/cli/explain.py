"""`gamelake explain`: the plan of a model as DuckDB ran it in a build, and what was costly; at `GAMELAKE_URI`."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from gamelake.cli.marts import generation_key
from gamelake.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gamelake.lake.store import Store
    from gamelake.marts.documents import BuildResults, NodeRun, Operator

_HEADER = ("", "operator", "seconds", "share", "rows", "scanned", "reads", "by")
_LEAST_BYTES = 50_000
_SHOWN_SHARE = 0.01
"""An operator that took a smaller share of the time is shown with --all only."""


def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The name of a model, such as `dim_games`.")],
    generation: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            callback=generation_key,
            show_default=False,
            help="The build: its key, as in `make generations`, or its Korean day. Default: what readers have.",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show the operators below 1 % of the time too.")] = False,
) -> int:
    """Show the plan of a model, its costly operator, and a hint where a rule knows one."""
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import place_of
    from gamelake.marts import plans
    from gamelake.marts.build_results import newest_plans, newest_results
    from gamelake.marts.reader import NotPublishedError, open_marts

    store = command_store()
    try:
        key = _named(store, generation) if generation else open_marts(store).generation.generation
    except NotPublishedError as error:
        print(f"{error}. A build that is not published: --generation KEY, of `make generations`", file=sys.stderr)
        return 1
    results = newest_results(store, key)
    if results is None or not results.nodes:
        place = f"{key} in {place_of(store)}"
        print(f"{place}: no build left its costs; run the DAG `transform`, or `make run`", file=sys.stderr)
        return 1
    run = _run_of(model, results)
    kept = newest_plans(store, key)
    plan = kept.plans.get(model, ()) if kept else ()
    print(f"{place_of(store)}\n{model} in {key}, built {_kst(results)} KST")
    print("; ".join(_figures(store, key, run)))
    if not plan:
        print("It has no plan: it is a view, it was not built, or DuckDB did not build it.")
        return 0
    total = sum(each.seconds for each in plan)
    costly = plans.costly(plan)
    shown = [each for each in plan if every or each is costly or each.seconds >= _SHOWN_SHARE * total]
    print()
    print(table(_HEADER, [_line(each, total, is_costly=each is costly) for each in shown], sys.stdout))
    if len(shown) < len(plan):
        print(f"{len(plan) - len(shown)} operators that took less than 1 % are not shown: --all shows them")
    print()
    if costly:
        print(f"Costly: {plans.named(costly)}, {costly.seconds:.2f} s of {total:.2f} s")
    for hint in plans.hints(plan, spilled_bytes=run.spilled_bytes):
        print(f"Hint: {hint}")
    return 0


def _named(store: Store, generation: str) -> str:
    """Return the key of a build: of a day, the newest finished one. Raises: TransformError, the day has none."""
    from gamelake.days import PartitionError, parse_day
    from gamelake.marts.rollback import find_generation

    try:
        parse_day(generation)
    except PartitionError:
        return generation if generation.startswith("marts/") else f"marts/{generation}"
    return find_generation(store, generation).generation


def _run_of(model: str, results: BuildResults) -> NodeRun:
    """Return what a model cost. Raises: typer.BadParameter, which names models of a similar name."""
    runs = {each.name: each for each in results.nodes if each.kind == "model"}
    if model not in runs:
        near = get_close_matches(model, runs, n=3, cutoff=0.5) or sorted(runs)[:3]
        raise typer.BadParameter(f"found MODEL {model!r}, expected a model of that build, such as {', '.join(near)}")
    return runs[model]


def _figures(store: Store, key: str, run: NodeRun) -> Iterator[str]:
    yield f"{run.status} in {run.seconds:.2f} s{_usual(store, key, run.name)}"
    if run.cpu_seconds is not None:
        yield f"{run.cpu_seconds:.2f} CPU s"
    if run.rows is not None:
        yield f"{run.rows:,} rows"
    for count, words in (
        (run.bytes_read, "MB read"),
        (run.memory_bytes, "MB memory at most"),
        (run.spilled_bytes, "MB spilled to disk"),
    ):
        if count and count >= _LEAST_BYTES:
            yield f"{count / 1_000_000:,.1f} {words}"


def _usual(store: Store, key: str, model: str) -> str:
    """Return what the model usually takes, in words; nothing if the build is the first, or has no readable record."""
    from gamelake.lake.documents import DocumentError
    from gamelake.lake.store import ObjectNotFoundError
    from gamelake.marts.pointer import record_of
    from gamelake.quality.slow_models import usual_runs

    try:
        found = usual_runs(store, record_of(store, key)).get(model)
    except (ObjectNotFoundError, DocumentError):
        return ""
    if found is None:
        return ""
    builds = "1 build" if found.builds == 1 else f"{found.builds} builds"
    return f", usually {found.seconds:.2f} s (median of {builds})"


def _line(operator: Operator, total: float, *, is_costly: bool) -> Sequence[str]:
    return (
        "->" if is_costly else "",
        "  " * operator.depth + operator.name,
        f"{operator.seconds:.3f}",
        f"{operator.seconds / total:.0%}" if total else "",
        f"{operator.rows:,}",
        f"{operator.rows_scanned:,}" if operator.rows_scanned else "",
        operator.target,
        operator.detail,
    )


def _kst(results: BuildResults) -> str:
    from gamelake.days import KST

    return f"{results.at.astimezone(KST):%Y-%m-%d %H:%M}"
