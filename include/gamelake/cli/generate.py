"""`gamelake generate`: write the files that follow from others."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def generate(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit status 1 if a file is stale.")] = False,
) -> int:
    """Write dbt's sources, the JSON Schemas and the generated pages of docs/."""
    from gamelake.cli import reference
    from gamelake.codegen import configuration, cost, dbt_sources, marts_documents, metrics, schemas

    status = 0
    pages = configuration.generated() | cost.generated() | metrics.generated()
    pages |= reference.generated(context.find_root().command)
    documents = schemas.generated() | marts_documents.generated()
    for path, text in (dbt_sources.generated() | documents | pages).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            print(f"{path}: stale; run `make generate`", file=sys.stderr)
            status = 1
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path)
    return status
