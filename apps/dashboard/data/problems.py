"""Why there is nothing to show: the kinds of errors that a viewer can do something about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gamelake.marts.reader import NotPublishedError

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_LAKE, NO_NETWORK, NO_PERMISSION, OTHER = "no_lake", "no_network", "no_permission", "other"

_NETWORK = {
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "ConnectionError",
    "EndpointConnectionError",
    "HTTPClientError",
    "MaxRetryError",
    "NameResolutionError",
    "NewConnectionError",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "SSLError",
    "TimeoutError",
}
"""Names of errors of the operating system, boto3 and urllib3: none of them need be imported to be known."""
_PERMISSION = {"NoCredentialsError", "PartialCredentialsError", "PermissionError"}
_DENIED = re.compile(
    r"\b(401|403|AccessDenied|Forbidden|InvalidAccessKeyId|SignatureDoesNotMatch|Expired\w*|InvalidToken)\b"
)


def kind_of(error: BaseException) -> str:
    """Return what keeps the lake from being read: one of the four kinds above."""
    if isinstance(error, NotPublishedError):
        return NO_LAKE
    causes = list(_causes(error))
    names = {base.__name__ for cause in causes for base in type(cause).__mro__}
    if names & _PERMISSION:
        return NO_PERMISSION
    if names & _NETWORK:
        return NO_NETWORK
    return NO_PERMISSION if any(_DENIED.search(str(cause)) for cause in causes) else OTHER


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
