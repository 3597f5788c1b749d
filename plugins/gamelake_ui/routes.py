"""The pages and their data. Each route asks for Airflow's login; a page may load nothing from another host.

Only `/metrics` asks for a token of its own.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from gamelake.days import PartitionError, parse_day
from gamelake.lake.documents import DocumentError
from gamelake.lake.store import StoreError
from gamelake.marts import findings
from gamelake.marts.mart_path import UnknownMartError, mart_path
from gamelake.settings import SettingsError
from gamelake_ui import briefs, files
from gamelake_ui.lake import Lake
from gamelake_ui.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STATIC = Path(__file__).with_name("static")
PAGES = {"last-night": "last_night.html", "run": "run.html", "games": "games.html", "lineage": "lineage.html"}
"""The pages, by the last part of their address."""

UNREADABLE = (StoreError, SettingsError, DocumentError)
"""Why the lake cannot be read. Their messages have no secrets."""

HEADERS = {
    "Content-Security-Policy": f"{briefs.POLICY}; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}


@cache
def application() -> FastAPI:
    """Return the application that Airflow's API server mounts at `gamelake`."""
    # Without the pages of OpenAPI, which would be public.
    app = FastAPI(title="gamelake", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)
    lake = Lake()
    app.middleware("http")(_add_headers)
    for error in UNREADABLE:
        app.add_exception_handler(error, _explain)
    # A plain route has none of the application's dependencies, of which the login is one.
    app.router.routes.append(Route("/metrics", Metrics(lake).answer))
    for address, name in PAGES.items():
        app.get(f"/{address}")(_file(STATIC / name))
    for path in STATIC.iterdir():
        if path.suffix != ".html":
            app.get(f"/static/{path.name}")(_file(path))

    @app.get("/api/nights")
    def nights() -> Response:
        return _json(lake.reports().nights())

    @app.get("/api/nights/{day}")
    def night(day: str) -> Response:
        try:
            return _json(lake.reports().night(parse_day(day)))
        except PartitionError as error:
            raise HTTPException(404, str(error)) from None

    @app.get("/api/findings")
    def newest_report() -> Response:
        report = findings.current(lake.store())
        return _json(report) if report else JSONResponse(None)

    @app.get("/api/runs")
    def run(dag_id: str, run_id: str) -> Response:
        return _json(lake.reports().run(dag_id, run_id))

    @app.get("/api/marts")
    def marts() -> Response:
        return _json(files.published(lake.store()))

    @app.get("/api/lineage")
    def path_of_mart(mart: str | None = None) -> Response:
        try:
            path = mart_path(lake.store(), mart)
        except UnknownMartError as error:
            raise HTTPException(404, str(error)) from None
        except FileNotFoundError as error:  # dbt's manifest
            raise HTTPException(503, str(error)) from None
        return _json(path) if path else JSONResponse(None)

    @app.get("/brief")
    def brief(day: str | None = None, lang: str = "en") -> Response:
        try:
            return briefs.page(lake.store(), day, lang)
        except UNREADABLE as error:  # a person opens it: JSON would be shown as it is
            return briefs.unreadable(error)

    @app.get("/marts/{name}")
    def mart(name: str, sha256: str, request: Request) -> Response:
        return files.mart_file(lake.store(), name, sha256, request.headers.get("Range"))

    return app


def _file(path: Path) -> Callable[[], FileResponse]:
    def serve() -> FileResponse:
        return FileResponse(path)

    return serve


def _json(document: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")


async def _add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _explain(_request: Request, error: Any) -> JSONResponse:
    """Say why the lake cannot be read: the message of the error, which has no secrets."""
    return JSONResponse({"detail": str(error)}, status_code=503)
