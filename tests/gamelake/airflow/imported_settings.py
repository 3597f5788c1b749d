"""Imports a settings file into a metadata database of its own, changes what was written, and imports it again.

python -m tests.gamelake.airflow.imported_settings FILE

Prints what is there in the end as JSON, on a line of its own. A process of its own: Airflow opens its database when it
is imported.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from airflow import settings
from airflow.models import Connection, Pool
from airflow.models.base import Base
from airflow.models.team import Team
from airflow.utils.db import _get_alembic_config
from airflow.utils.session import create_session
from alembic import command
from sqlalchemy import select, text

from gamelake.cli.main import main


def create_tables() -> None:
    """Those that the import writes to, in a database that is this Airflow's."""
    Base.metadata.create_all(settings.engine, tables=[model.__table__ for model in (Team, Connection, Pool)])
    command.stamp(_get_alembic_config(), "head")  # type: ignore[no-untyped-call]  # Airflow gives it no types


def change() -> None:
    """What people do in the web UI."""
    with create_session() as session:
        session.execute(
            text("update connection set host = 'http://b', login = 'x', port = null where conn_id = 'igdb_default'")
        )
        # As in a database that is restored after the Fernet key was rotated.
        session.execute(
            text("update connection set password = 'gAAAA', is_encrypted = true where conn_id = 'igdb_default'")
        )
        session.execute(text("update slot_pool set slots = 7 where pool = 'igdb_api'"))
        session.execute(text("update connection set host = 'https://rawg.example/api' where conn_id = 'rawg_default'"))
        aws = session.scalars(select(Connection).where(Connection.conn_id == "aws_default")).one()
        aws.login, aws.password = "my-key", "my-secret"
        aws.set_extra('{"endpoint_url": "https://minio.example", "region_name": null}')
        session.merge(Connection(conn_id="mine", conn_type="http"))


def lose_the_key() -> None:
    """What is left of a connection where the Fernet key is another one."""
    with create_session() as session:
        session.execute(
            text("update connection set password = 'gAAAA', is_encrypted = true where conn_id = 'rawg_default'")
        )


def found() -> dict[str, Any]:
    with create_session() as session:
        igdb = session.scalar(select(Connection).where(Connection.conn_id == "igdb_default"))
        assert igdb is not None
        stored = session.execute(text("select password from connection where conn_id = 'igdb_default'")).scalar()
        return {
            "connections": sorted(session.scalars(select(Connection.conn_id))),
            "igdb_default": {"host": igdb.host, "login": igdb.login, "password": igdb.password, "port": igdb.port},
            "rawg_host": session.scalar(select(Connection.host).where(Connection.conn_id == "rawg_default")),
            "stored_password": stored,
            "aws": session.scalars(select(Connection).where(Connection.conn_id == "aws_default")).one().as_json(),
            "slots": session.scalar(select(Pool.slots).where(Pool.pool == "igdb_api")),
        }


if __name__ == "__main__":
    create_tables()
    command_line = ["settings", "import", "--file", sys.argv[1], "--sandbox", "http://sandbox:8900"]
    assert main(command_line) == 0
    change()
    assert main(command_line) == 0
    as_found = found()
    lose_the_key()
    assert main(command_line) == 1
    sys.stdout.write(json.dumps(as_found) + "\n")
