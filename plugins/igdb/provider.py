"""What `gamelake.airflow.provider` tells Airflow about this plugin: nothing is imported here."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the connection type `igdb` and the fields of its form (airflow/provider.yaml.schema.json)."""
    return {
        "package-name": "gamelake",
        "name": "IGDB",
        "description": "The IGDB video-game database (https://api-docs.igdb.com).",
        "connection-types": [
            {
                "connection-type": "igdb",
                "hook-class-name": "igdb.hook.IgdbHook",
                "hook-name": "IGDB",
                "ui-field-behaviour": {
                    "hidden-fields": ["port", "schema"],
                    "relabeling": {"host": "API base URL", "login": "Client ID", "password": "Client secret"},
                    "placeholders": {
                        "host": "https://api.igdb.com/v4",
                        "login": "of an application in the Twitch developer console",
                        "password": "of the same application; empty with a static token",
                    },
                },
                "conn-fields": {
                    # Without a default in its schema: Airflow takes a name with "token" in it for a secret, and would
                    # show, and then store, *** in the place of the address.
                    "token_url": {
                        "label": "Token URL",
                        "description": "Where tokens are minted. Empty: https://id.twitch.tv/oauth2/token",
                        "schema": {"type": ["string", "null"]},
                    },
                    "static_token": {
                        "label": "Static token",
                        "description": "Sent as it is, instead of tokens minted with the client secret. "
                        "Someone has to renew it before it expires.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "requests_per_second": {
                        "label": "Requests per second",
                        "description": "Starts of requests in any one second. IGDB allows 4.",
                        "schema": {"type": ["number", "null"], "default": 4, "exclusiveMinimum": 0},
                    },
                    "max_open_requests": {
                        "label": "Open requests",
                        "description": "Requests that may be open at the same time. IGDB allows 8.",
                        "schema": {"type": ["integer", "null"], "default": 8, "minimum": 1},
                    },
                },
            }
        ],
    }
