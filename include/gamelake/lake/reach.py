"""How the store on S3 is reached: boto3 decides, and other libraries get its decision from here.

Region, endpoint, address style, certificates, proxy and credentials come from environment variables, profiles, roles or
an Airflow connection. boto3 combines them; DuckDB has other rules. So nothing here reads a variable that boto3
reads: `reach_of` inspects the client.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from gamelake.settings import read_settings
from gamelake.urls import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
REGION = "AWS_DEFAULT_REGION"
ENDPOINT = "AWS_ENDPOINT_URL_S3"
CA_BUNDLE = "AWS_CA_BUNDLE"

TIMEOUTS: dict[str, Any] = {"connect_timeout": 10, "read_timeout": 15}
"""Seconds of one try: a store that never answers fails a request within two minutes. boto3's own are a minute."""

_AWS_DEFAULT = "s3.amazonaws.com"
_PROBE = "gamelake"


class ReachError(Exception):
    """A client reaches the bucket in a way that variables cannot express; the message names each difference."""


class Credentials(NamedTuple):
    """A key of S3; `token` is empty for one that does not expire."""

    key: str
    secret: str
    token: str


@dataclass(frozen=True, slots=True)
class Reach:
    """How a client reaches a bucket, without its credentials.

    endpoint: `host[:port][/path]`, empty for AWS itself in that region.
    verify: whether certificates are checked; or the file of the CAs to check them with.
    proxy: the URL of the proxy, None without one. It may have a password in it.
    """

    endpoint: str
    use_ssl: bool
    url_style: Literal["path", "vhost"]
    region: str
    verify: bool | str
    proxy: str | None

    def differences(self, expected: Reach) -> list[str]:
        """Return each difference, as `region: found 'a', expected 'b'`. A proxy's password is not shown."""
        pairs = [(each.name, getattr(self, each.name), getattr(expected, each.name)) for each in fields(self)]
        return [
            f"{name}: found {_shown(found)}, expected {_shown(other)}" for name, found, other in pairs if found != other
        ]


def _shown(value: object) -> str:
    return repr(without_secrets(value) if isinstance(value, str) else value)


def default_client(added: Mapping[str, str] | None = None, *, config: Config | None = None) -> S3Client:
    """Return a client from the environment: the standard AWS_* variables, profiles and roles.

    Args:
        added: more variables for the environment, of those that `exports` returns.
        config: other retries and timeouts than those of a load.
    """
    import boto3
    from botocore.config import Config

    config = config or Config(**TIMEOUTS, retries={"mode": "standard", "total_max_attempts": 6})
    given = added or {}
    key, secret, token = (given.get(name) or None for name in CREDENTIALS)
    session = boto3.Session(key, secret, token, region_name=given.get(REGION))
    return session.client(
        "s3",
        # AWS's other SDKs read AWS_REGION, and EKS and Lambda set only that; boto3 does not.
        region_name=session.region_name or environment_region(),
        endpoint_url=given.get(ENDPOINT),
        verify=given.get(CA_BUNDLE),
        config=config,
    )


def exports(client: S3Client, bucket: str, *, own_credentials: bool = True) -> dict[str, str]:
    """Return the variables with which another process reaches the bucket as this client does, secrets included.

    Args:
        client: The client.
        bucket: The bucket.
        own_credentials: Whether the client may have others than those of the environment. If not, none are returned:
            a role or a `credential_process` gives each process new ones, and the other process renews its own.

    Returns:
        Nothing if this process's environment is enough.

    Raises:
        ReachError: no variables can express it.
        botocore.exceptions.BotoCoreError: the client has no valid settings.
    """
    from botocore.exceptions import PartialCredentialsError

    expected, credentials = reach_of(client, bucket), credentials_of(client)
    added: dict[str, str] = {}
    other = found = None
    try:
        other = default_client()
        found = credentials_of(other)
    except PartialCredentialsError:  # half of a key in the environment, which the connection's own replaces
        other = None
    if own_credentials and credentials is not None and credentials != found:
        added |= dict(zip(CREDENTIALS, credentials, strict=True))
        other = None
    reach, signed = reach_of(other or default_client(added), bucket), len(added)
    if reach.region != expected.region:
        added[REGION] = expected.region
    if reach.endpoint != expected.endpoint and expected.endpoint:
        added[ENDPOINT] = client.meta.endpoint_url
    if reach.verify != expected.verify and isinstance(expected.verify, str):
        added[CA_BUNDLE] = expected.verify
    if len(added) > signed:  # a client takes a tenth of a second to make
        reach = reach_of(default_client(added), bucket)
    if differences := reach.differences(expected):
        raise ReachError("; ".join(differences))
    return added


def environment_region() -> str | None:
    """Return `AWS_REGION`, which counts where boto3 finds no region."""
    return read_settings().aws_region


def reach_of(client: S3Client, bucket: str) -> Reach:
    """Return how a client reaches a bucket, without a request.

    Raises: botocore's errors, such as NoCredentialsError: an address of an object can only be made with credentials.
    """
    url = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": _PROBE}))
    by_name = url.netloc.startswith(f"{bucket}.")
    host = url.netloc.removeprefix(f"{bucket}.") if by_name else url.netloc
    path = url.path.removesuffix(f"/{_PROBE}") if by_name else url.path.removesuffix(f"/{bucket}/{_PROBE}")
    region = client.meta.region_name
    # boto3 has no public name for these two, which it has put together from several variables, files and arguments.
    session = _internals(client)._endpoint.http_session
    return Reach(
        endpoint="" if host == _AWS_DEFAULT else host + path,
        use_ssl=url.scheme == "https",
        url_style="vhost" if by_name else "path",
        region="us-east-1" if region in {None, "aws-global"} else region,
        verify=session._verify,
        proxy=session._proxy_config.proxy_url_for(f"{url.scheme}://{url.netloc}"),
    )


def credentials_of(client: S3Client) -> Credentials | None:
    """Return the present credentials of a client, which boto3 renews; None if it signs no requests."""
    credentials = _internals(client)._request_signer._credentials
    if credentials is None:
        return None
    frozen = credentials.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")


def endpoint_source(url: str) -> str | None:
    """Return the variable or setting that named the endpoint of a URL; None for AWS itself."""
    settings = read_settings()
    named = {"AWS_ENDPOINT_URL_S3": settings.aws_endpoint_url_s3, "AWS_ENDPOINT_URL": settings.aws_endpoint_url}
    for variable, endpoint in named.items():
        if endpoint and url.startswith(endpoint.rstrip("/")):
            return variable
    host = urlsplit(url).hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return None
    return "the endpoint_url of connection aws_default or of the AWS profile"


def _internals(client: S3Client) -> Any:
    return client
