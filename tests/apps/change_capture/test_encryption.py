"""The connection to a PostgreSQL with a certificate: what is encrypted and checked, and what a message names."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from examples.shop.local_postgres import running_postgres
from tests.support.capture import changes, new_shop, replayed, running_capture, start_that_fails
from tests.support.seaweed import make_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store
    from tests.support.capture import Shop

pytestmark = pytest.mark.capture


@pytest.fixture
def certificates() -> Iterator[Path]:
    """The files of two CAs: `ca.pem` has signed `server.pem`, for 127.0.0.1; `other/ca.pem` has not."""
    folder = Path(tempfile.mkdtemp(prefix="gamelake-certificates-"))  # tmp_path is closed to PostgreSQL's user
    folder.chmod(0o755)
    (folder / "other").mkdir()
    _, key, _ = make_certificates(folder)
    make_certificates(folder / "other")
    key.chmod(0o600)
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(key, account.pw_uid, account.pw_gid)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def encrypted(certificates: Path) -> Iterator[Shop]:
    """A shop in a server that refuses a connection without encryption."""
    with (
        running_postgres(
            listen_addresses="127.0.0.1,127.0.0.2",
            ssl="on",
            ssl_cert_file=str(certificates / "server.pem"),
            ssl_key_file=str(certificates / "server.key"),
        ) as server,
        new_shop(server) as shop,
    ):
        hosts = "".join(f"hostssl all all {each}/32 scram-sha-256\n" for each in ("127.0.0.1", "127.0.0.2"))
        (server.folder / "data" / "pg_hba.conf").write_text(hosts, encoding="ascii")
        shop.run("select pg_reload_conf()")
        yield shop


def test_the_certificate_of_the_server_is_checked(
    encrypted: Shop, certificates: Path, disk: Store, tmp_path: Path
) -> None:
    base = encrypted.server.uri(encrypted.database)

    def fails(uri: str) -> str:
        text = start_that_fails(encrypted, disk.uri, tmp_path / "capture", GAMELAKE_CAPTURE_URI=uri)
        assert "Traceback" not in text
        return text.splitlines()[-1]

    assert "no encryption" in fails(f"{base}?sslmode=disable")
    wrong = fails(f"{base}?sslmode=verify-full&sslrootcert={certificates}/other/ca.pem")
    assert "the connection cannot be encrypted: SSL error: (certificate_unknown)" in wrong
    assert "sslrootcert has to name the CA of the server's certificate" in wrong
    lacking = fails(f"{base}?sslmode=verify-ca&sslrootcert={certificates}/nowhere.pem")
    assert f"Could not open SSL root certificate file {certificates}/nowhere.pem" in lacking
    other = base.replace("127.0.0.1", "127.0.0.2")
    assert "The hostname 127.0.0.2 could not be verified" in fails(
        f"{other}?sslmode=verify-full&sslrootcert={certificates}/ca.pem"
    )
    for uri in (
        f"{base}?sslmode=require",
        f"{base}?sslmode=verify-full&sslrootcert={certificates}/ca.pem",
        f"{other}?sslmode=verify-ca&sslrootcert={certificates}/ca.pem",
    ):
        with running_capture(encrypted, disk.uri, tmp_path / "capture", GAMELAKE_CAPTURE_URI=uri) as capture:
            capture.wait(lambda: replayed(changes(disk)) == {})
            assert encrypted.run(
                "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) "
                "where application_name like 'Debezium%'"
            ) == [(True,)]
            assert capture.end() == 0


def test_a_server_without_encryption_is_refused_where_it_is_required(shop: Shop, disk: Store, tmp_path: Path) -> None:
    uri = f"{shop.server.uri(shop.database)}?sslmode=require"
    text = start_that_fails(shop, disk.uri, tmp_path / "capture", GAMELAKE_CAPTURE_URI=uri)
    assert "the connection cannot be encrypted: The server does not support SSL. In GAMELAKE_CAPTURE_URI" in text
