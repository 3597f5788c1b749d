"""What Airflow learns about gamelake through the entry point `apache_airflow_provider`: its connection types.

Airflow finds connection types in no other way, takes one provider of a distribution, and calls this in every one of its
processes: the modules imported here import nothing.
"""

from __future__ import annotations

from typing import Any

import igdb.provider
import rawg.provider


def get_provider_info() -> dict[str, Any]:
    """Return the connection types of all API clients (airflow/provider.yaml.schema.json)."""
    plugins = [igdb.provider.get_provider_info(), rawg.provider.get_provider_info()]
    return {
        "package-name": "gamelake",
        "name": "Game databases",
        "description": " ".join(plugin["description"] for plugin in plugins),
        "connection-types": [kind for plugin in plugins for kind in plugin["connection-types"]],
    }
