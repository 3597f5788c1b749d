"""The broker of `GAMELAKE_KAFKA`: a connection of any type, whose fields gamelake.topics.settings describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gamelake.settings import read_settings
from gamelake.topics.settings import BrokerSettingsError, from_connection

if TYPE_CHECKING:
    from gamelake.topics.settings import BrokerSettings


def chosen_connection() -> str:
    """Return the id of the connection. Raises: BrokerSettingsError."""
    connection_id = read_settings().gamelake_kafka
    if not connection_id:
        raise BrokerSettingsError("GAMELAKE_KAFKA", "", "the id of a connection to a broker, such as kafka_default")
    return connection_id


def chosen_broker() -> BrokerSettings:
    """Return how to reach the broker. Raises: BrokerSettingsError."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    connection_id = chosen_connection()
    try:
        connection = BaseHook.get_connection(connection_id)
        extra: Any = connection.extra_dejson
    except AirflowNotFoundException:
        raise BrokerSettingsError("GAMELAKE_KAFKA", connection_id, "a connection that exists") from None
    except Exception as error:  # noqa: BLE001 - its text may have a secret
        raise BrokerSettingsError(connection_id, type(error).__name__, "a connection that can be read") from None
    return from_connection(
        host=connection.host, port=connection.port, login=connection.login, password=connection.password, extra=extra
    )
