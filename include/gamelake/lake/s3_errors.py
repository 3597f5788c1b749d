"""The errors of boto3 as those of a store, each with what to do where it is known.

client_errors     while a client is made: a profile that is missing, an endpoint that is no URL
s3_errors         while it is used; an operation that is denied names the rights that it needs
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)

from gamelake.lake.reach import endpoint_source
from gamelake.lake.s3_replies import NOT_S3, ForeignReplyError
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CREDENTIALS = (
    "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role; in Airflow, connection aws_default"
)
_SETTINGS = (
    "correct it where it is: a variable such as AWS_ENDPOINT_URL, the AWS profile, or in Airflow the connection "
    "aws_default"
)
_PROXY = "is the proxy up, and HTTP_PROXY or HTTPS_PROXY right? NO_PROXY lists hosts that need none"
_CA = "a private CA is named by AWS_CA_BUNDLE, the file of its certificate"
_EXPIRED = "the session's credentials have expired: renew them (`aws sso login`, or a new session token)"
_LOGIN = "log in again with that profile: `aws sso login`"
_FOREIGN = (
    "an S3 server replies in another way: is the endpoint right (AWS_ENDPOINT_URL_S3, or endpoint_url of the "
    "connection or profile), and does no proxy or login reply in its place?"
)
_HINTS = {
    NOT_S3: _FOREIGN,
    "NoSuchBucket": "create the bucket, or correct GAMELAKE_URI",
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidToken": "AWS_SESSION_TOKEN, or the session token of aws_default, does not belong to the key",
    "PermanentRedirect": "the bucket is in another region: set AWS_DEFAULT_REGION",
    "SlowDown": "the store asks for fewer requests; run again later",
    "InternalError": "the store has a fault; run again later",
    "ServiceUnavailable": "the store has a fault; run again later",
    "RequestTimeTooSkewed": "this machine's clock differs from the store's by more than 15 minutes: set it",
    "InvalidObjectState": (
        "it is in an archive: restore it with `aws s3api restore-object`, and let no lifecycle rule move a lake's "
        "objects to one"
    ),
}
_ABSENT = {"NoSuchKey", "NotFound", "404"}

_DENIED = {"AccessDenied", "403"}
"""The error codes of an operation that the credentials have no right for."""

_READ = "s3:GetObject on the object, and s3:ListBucket on the bucket: without that S3 denies an object that is absent"
_WRITE = "s3:PutObject and s3:PutObjectTagging on the object"
_SETUP = "on the bucket, as the policy `setup` has it"
_RIGHTS = {
    "ListObjectsV2": "s3:ListBucket on the bucket",
    "HeadObject": _READ,
    "GetObject": _READ,
    "PutObject": _WRITE,
    "CopyObject": f"s3:GetObject and s3:GetObjectTagging on what is copied, {_WRITE} that is made",
    "CreateMultipartUpload": _WRITE,
    "UploadPart": _WRITE,
    "CompleteMultipartUpload": _WRITE,
    "GetBucketLifecycleConfiguration": f"s3:GetLifecycleConfiguration {_SETUP}",
    "PutBucketLifecycleConfiguration": f"s3:PutLifecycleConfiguration {_SETUP}",
}


@contextmanager
def client_errors(uri: str) -> Iterator[None]:
    """Raise what keeps boto3 from making a client, such as a profile that is missing, as StoreError."""
    with s3_errors("open", uri, hint=_SETTINGS):
        try:
            yield
        except (ValueError, TypeError, OSError) as error:  # no URL, an unknown option, or a file that is missing
            if isinstance(error, BotoCoreError):
                raise
            raise StoreError("open", uri, _reason(str(error), _SETTINGS)) from error


@contextmanager
def s3_errors(operation: str, key: str, *, hint: str | None = None) -> Iterator[None]:
    """Raise boto3's errors as StoreError, with what to do where it is known; `hint` where it is not."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        if code in _ABSENT:
            raise ObjectNotFoundError(operation, key, "no such object") from error
        if code in {"PreconditionFailed", "412"}:
            raise ObjectExistsError(operation, key, "the key is taken") from error
        status = error.response["ResponseMetadata"].get("HTTPStatusCode")
        message = error.response["Error"].get("Message", "")
        what = message if code == NOT_S3 else f"{code} (status {status}): {message}"
        todo = _needed(operation) if code in _DENIED else _HINTS.get(code)
        raise StoreError(operation, key, _reason(what, todo)) from error
    except ForeignReplyError as error:
        raise StoreError(operation, key, _reason(str(error), _FOREIGN)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StoreError(operation, key, _reason(str(error), _CREDENTIALS)) from error
    except (SSOError, TokenRetrievalError) as error:
        raise StoreError(operation, key, _reason(f"{type(error).__name__}: {error}", _LOGIN)) from error
    except EndpointConnectionError as error:
        raise StoreError(operation, key, _reason(str(error), _endpoint_hint(error))) from error
    except ProxyConnectionError as error:
        raise StoreError(operation, key, _reason(f"{type(error).__name__}: {error}", _PROXY)) from error
    except SSLError as error:
        raise StoreError(operation, key, _reason(f"{type(error).__name__}: {error}", _CA)) from error
    except BotoCoreError as error:
        raise StoreError(operation, key, _reason(f"{type(error).__name__}: {error}", hint)) from error


def _endpoint_hint(error: EndpointConnectionError) -> str:
    url = str(error.kwargs.get("endpoint_url", ""))
    source = endpoint_source(url)
    if source is None:
        return "is there a network? A proxy is named by HTTPS_PROXY"
    return f"is the server up, and {source} right?"


def _reason(message: str, hint: str | None) -> str:
    return f"{message}; {hint}" if hint else message


def _needed(operation: str) -> str:
    """Return which rights an operation needs: most have the operation's name."""
    return f"the credentials need {_RIGHTS.get(operation, f's3:{operation} on the object')}"
