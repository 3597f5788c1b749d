"""What `gamelake.airflow.provider` tells Airflow about this plugin: nothing is imported here."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the connection type `rawg` and the fields of its form (airflow/provider.yaml.schema.json)."""
    return {
        "package-name": "gamelake",
        "name": "RAWG",
        "description": "The RAWG video-game database (https://rawg.io/apidocs).",
        "connection-types": [
            {
                "connection-type": "rawg",
                "hook-class-name": "rawg.hook.RawgHook",
                "hook-name": "RAWG",
                "ui-field-behaviour": {
                    "hidden-fields": ["port", "schema", "login"],
                    "relabeling": {"host": "API base URL", "password": "API key"},
                    "placeholders": {
                        "host": "https://api.rawg.io/api",
                        "password": "of your account at rawg.io/apidocs",
                    },
                },
                "conn-fields": {
                    "requests_per_second": {
                        "label": "Requests per second",
                        "description": "Starts of requests in any one second. RAWG states no limit.",
                        "schema": {"type": ["number", "null"], "default": 2, "exclusiveMinimum": 0},
                    },
                    "monthly_requests": {
                        "label": "Requests a month",
                        "description": "The quota of the account's plan. RAWG's free plan has 20,000.",
                        "schema": {"type": ["integer", "null"], "default": 20000, "minimum": 31},
                    },
                },
            }
        ],
    }
