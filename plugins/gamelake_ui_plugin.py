"""Adds gamelake's pages to Airflow's web UI. Airflow runs this file in each of its processes, so it imports little.

A relative `href` works below a base path too. Airflow drops the whole plugin if one destination is unknown to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    Scope = MutableMapping[str, Any]


async def serve(scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Serve the pages: an ASGI application that is made at its first request, which only the API server gets."""
    from gamelake_ui.routes import application

    await application()(scope, receive, send)


class GamelakeUiPlugin(AirflowPlugin):
    """The pages, and where Airflow shows them."""

    name = "gamelake_ui"
    fastapi_apps = [{"app": serve, "url_prefix": "/gamelake", "name": "gamelake"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Last night",
            "href": "gamelake/last-night",
            "destination": "nav",
            "url_route": "last-night",
            "icon": "gamelake/static/moon.svg",
            "icon_dark_mode": "gamelake/static/moon_dark.svg",
            "nav_top_level": True,
        },
        {
            "name": "Games",
            "href": "gamelake/games",
            "destination": "nav",
            "url_route": "games",
            "icon": "gamelake/static/gamepad.svg",
            "icon_dark_mode": "gamelake/static/gamepad_dark.svg",
            "nav_top_level": True,
        },
        {
            "name": "Daily brief",
            "href": "gamelake/brief",
            "destination": "nav",
            "url_route": "daily-brief",
            "icon": "gamelake/static/newspaper.svg",
            "icon_dark_mode": "gamelake/static/newspaper_dark.svg",
            "nav_top_level": True,
        },
        {
            "name": "Lineage",
            "href": "gamelake/lineage",
            "destination": "nav",
            "url_route": "lineage",
            "icon": "gamelake/static/branches.svg",
            "icon_dark_mode": "gamelake/static/branches_dark.svg",
            "nav_top_level": True,
        },
        {
            "name": "In the lake",
            "href": "gamelake/run?dag_id={DAG_ID}&run_id={RUN_ID}",
            "destination": "dag_run",
            "url_route": "in-the-lake",
        },
    ]
    react_apps = [  # noqa: RUF012
        {
            "name": "Last night on Home",
            "bundle_url": "gamelake/static/home_panel.js",
            "destination": "dashboard",
            "url_route": "last-night-on-home",
        },
    ]
