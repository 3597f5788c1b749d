"""Fixtures that several folders below use."""

from tests.gamelake.lake.cloudfront import cdn, cloudfront, status  # noqa: F401
from tests.gamelake.lake.conftest import bucket, disk, make_file, moto_endpoint, s3  # noqa: F401
from tests.gamelake.sources.second.fixtures import boardgames  # noqa: F401
