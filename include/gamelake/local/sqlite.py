"""How long a process of the laptop's Airflow waits for its SQLite database, which one process at a time may write.

Airflow imports `CONNECT_ARGS`, by its setting `sql_alchemy_connect_args`. By default a process waits for 5 seconds. The
API server may wait for itself so long: it writes its log of actions where it serves all requests, while another request
has the database. The scheduler would wait as long and end, so it waits longer, and the API server does not.
"""

from __future__ import annotations

import sys

CONNECT_ARGS = {"timeout": 5.0 if "api-server" in sys.argv else 60.0}
