"""The language model of `GAMELAKE_LANGUAGE_MODEL`: a connection of type `http`.

| field | what |
| --- | --- |
| host | the address of an API of OpenAI's form, such as `https://models.example/v1` |
| password | its key, if it has one |
| extra | `{"model": "name", "seconds": 20}` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gamelake.brief.model import ModelError
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.brief.model import Writer

SECONDS = 20.0
MOST_SECONDS = 120.0


def chosen_writer() -> Writer | None:
    """Return the model that words the brief, None if none is set. A wrong connection is a model that never answers."""
    connection_id = read_settings().gamelake_language_model
    if not connection_id:
        return None
    try:
        return _writer(connection_id)
    except ModelError as error:
        return _Unusable(connection_id, str(error))


def _writer(connection_id: str) -> Writer:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from gamelake.brief.endpoint import Endpoint

    try:
        connection = BaseHook.get_connection(connection_id)
        extra: Any = connection.extra_dejson
    except AirflowNotFoundException:
        raise ModelError("there is no connection of this id (GAMELAKE_LANGUAGE_MODEL)") from None
    except Exception as error:  # noqa: BLE001 - its text may have a secret
        raise ModelError(f"its connection cannot be read ({type(error).__name__})") from None
    if not isinstance(extra, dict):
        raise ModelError('extra: expected an object, such as {"model": "name"}')
    host = connection.host or ""
    if connection.port and "://" in host:
        raise ModelError("port: expected it in the host, such as https://models.example:8443/v1")
    address = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    if connection.port:
        address = f"{address}:{connection.port}"
    model, seconds = extra.get("model"), extra.get("seconds", SECONDS)
    if not isinstance(model, str) or not model:
        raise ModelError("extra: the field 'model' is missing, expected the name of the model")
    if not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
        raise ModelError(f"extra: the field 'seconds' is wrong, expected a number up to {MOST_SECONDS:g}")
    return Endpoint(address, model=model, key=connection.password, seconds=seconds)


class _Unusable:
    """A model that cannot be asked."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.seconds, self._reason = name, 1.0, reason

    def write(self, _instructions: str, _facts: str, _schema: Mapping[str, Any]) -> bytes:
        """Raise why it cannot be asked. Raises: ModelError."""
        raise ModelError(self._reason)
