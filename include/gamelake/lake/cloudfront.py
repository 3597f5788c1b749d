"""Invalidate CloudFront's copies of lake objects that have changed, and wait until that is done.

    InvalidationError           CloudFront refused: names the distribution, the paths, the reason and what to do
      PendingInvalidationError  it is still at work after WAIT_SECONDS

Nothing of the lake is overwritten but a few objects that show what is newest (`_manifest.json`, `_current.json` and the
fixed paths of the marts): these alone are ever outdated.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from gamelake.lake.https import url_path

if TYPE_CHECKING:
    from collections.abc import Sequence

WAIT_SECONDS = 300
"""CloudFront takes seconds, at times a minute or two."""
POLL_SECONDS = 5

_RIGHTS = "the credentials need cloudfront:CreateInvalidation and GetInvalidation on the distribution"
_HINTS = {
    "AccessDenied": _RIGHTS,
    "AccessDeniedException": _RIGHTS,
    "NoSuchDistribution": "correct cloudfront_distribution_id in the extra of the connection, or remove it",
    "TooManyInvalidationsInProgress": "CloudFront takes 3,000 paths at a time: run again when others are done",
}


class InvalidationError(Exception):
    """CloudFront did not forget: `paths` of `distribution`, and `reason`."""

    def __init__(self, distribution: str, paths: tuple[str, ...], reason: str) -> None:
        super().__init__(distribution, paths, reason)  # all three are args, so that the error survives pickling
        self.distribution = distribution
        self.paths = paths
        self.reason = reason

    def __str__(self) -> str:
        return f"distribution {self.distribution!r}, paths {', '.join(self.paths)}: {self.reason}"


class PendingInvalidationError(InvalidationError):
    """CloudFront has taken the request, and was not done with it in time."""


def paths_of(keys: Sequence[str], *, lake_uri: str, cdn_url: str | None) -> tuple[str, ...]:
    """Under which paths the distribution serves these keys.

    With `https://host/prefix` as the CDN's URL, below that prefix; without one, below the prefix of
    `s3://bucket/prefix`, where a distribution without an origin path has them.
    """
    prefix = unquote(urlsplit(cdn_url or lake_uri).path).strip("/")
    return tuple("/" + url_path(f"{prefix}/{key}".lstrip("/")) for key in sorted(set(keys)))


def invalidate(
    client: Any, distribution: str, paths: tuple[str, ...], *, change: str, wait_seconds: float = WAIT_SECONDS
) -> str:
    """Have a distribution forget its copies, and wait until it has.

    client: boto3's client of CloudFront. paths: at least one. change: names what was changed, once and for all: asked
    again with the same change and paths, CloudFront makes no second invalidation, and this waits for the first.

    Returns: the invalidation's id.
    Raises: InvalidationError, PendingInvalidationError.
    """
    reference = hashlib.sha256("\n".join([change, *paths]).encode()).hexdigest()[:32]
    batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": f"gamelake-{reference}"}
    waiter = {"Delay": POLL_SECONDS, "MaxAttempts": max(1, round(wait_seconds / POLL_SECONDS))}
    try:
        made = client.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
        invalidation = str(made["Invalidation"]["Id"])
        client.get_waiter("invalidation_completed").wait(
            DistributionId=distribution, Id=invalidation, WaiterConfig=waiter
        )
    except WaiterError as error:
        raise _unfinished(distribution, paths, invalidation, error, wait_seconds) from error
    except ClientError as error:
        hint = _HINTS.get(error.response["Error"].get("Code", ""))
        reason = f"{error}{f'; {hint}' if hint else ''}"
        raise InvalidationError(distribution, paths, reason) from error
    except BotoCoreError as error:
        raise InvalidationError(distribution, paths, f"{type(error).__name__}: {error}") from error
    return invalidation


def _unfinished(
    distribution: str, paths: tuple[str, ...], invalidation: str, error: WaiterError, seconds: float
) -> InvalidationError:
    refused = error.last_response.get("Error")
    if refused:
        hint = _HINTS.get(refused.get("Code", ""))
        reason = f"{error}{f'; {hint}' if hint else ''}"
        return InvalidationError(distribution, paths, reason)
    reason = (
        f"invalidation {invalidation} is not done after {seconds:g} s; until it is, readers may see old copies; "
        "look at it in CloudFront's console, then run the task again"
    )
    return PendingInvalidationError(distribution, paths, reason)
