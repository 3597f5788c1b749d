"""Fixtures that several folders below use."""

from tests.include.cloudfront import cdn, cloudfront, status  # noqa: F401
from tests.include.lake.conftest import bucket, moto_endpoint, s3  # noqa: F401
