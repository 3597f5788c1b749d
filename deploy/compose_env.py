"""Write the `.env` of the compose stack: `.env.example` with new secrets.

    python -m deploy.compose_env [FILE]        the default is .env

Needs only Python. An existing file is kept: with another Fernet key or password the volumes of a stack cannot be read.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLE = REPOSITORY / ".env.example"


def _fernet_key() -> str:
    """Return 32 bytes in URL-safe base64, as Fernet requires."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


def _secret() -> str:
    """Return 32 hexadecimal digits: 128 bits that need no quoting in a URL, a shell or a compose file."""
    return secrets.token_hex(16)


def _signing_key() -> str:
    """Return 128 hexadecimal digits: HS512, which signs Airflow's tokens, requires a key of 512 bits (RFC 7518)."""
    return secrets.token_hex(64)


SECRETS: dict[str, Callable[[], str]] = {
    "AIRFLOW_ADMIN_PASSWORD": _secret,
    "GAMELAKE_METRICS_TOKEN": _secret,
    "GRAFANA_ADMIN_PASSWORD": _secret,
    "FERNET_KEY": _fernet_key,
    "JWT_SECRET": _signing_key,
    "API_SECRET_KEY": _secret,
    "POSTGRES_PASSWORD": _secret,
    "REDIS_PASSWORD": _secret,
    "AWS_SECRET_ACCESS_KEY": _secret,
    "DASHBOARD_S3_SECRET": _secret,
    "EVENTS_S3_SECRET": _secret,
    "GAMELAKE_WEBHOOK_SECRET": _secret,
    "CAPTURE_PASSWORD": _secret,
}


def filled(example: str) -> str:
    """Return the example with a new value for each of SECRETS.

    Raises:
        ValueError: A secret is missing, or has a value.
    """
    text = example
    for name, make in SECRETS.items():
        text, count = re.subn(rf"^{name}=$", f"{name}={make()}", text, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"{name}: expected one line `{name}=` without a value in {EXAMPLE.name}, found {count}")
    return text


def write(path: Path) -> None:
    """Write the file, readable by its owner only. Raises: FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(filled(EXAMPLE.read_text(encoding="utf-8")))


def main(arguments: Sequence[str]) -> int:
    """Run the command line, and return the exit code."""
    path = Path(arguments[0]) if arguments else REPOSITORY / ".env"
    try:
        write(path)
    except FileExistsError:
        sys.stderr.write(
            f"{path} exists and is kept: its keys belong to the volumes of the stack.\n"
            f"For new keys: docker compose down -v, then remove {path.name}. That deletes all data of the stack.\n"
        )
        return 1
    sys.stdout.write(f"{path}: written, with new secrets. The web UI's user is admin; the file has its password.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
