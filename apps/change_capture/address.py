"""Where the database is: the URI of GAMELAKE_CAPTURE_URI. Pure; no password is in a message or a repr.

AddressError     the URI cannot be used
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

VARIABLE = "GAMELAKE_CAPTURE_URI"
OPTIONS = ("sslmode", "sslrootcert")
"""The options that the URI may have after `?`: PostgreSQL's names, which both the driver and Debezium know."""
_VERIFYING = ("verify-ca", "verify-full")
_MODES = ("disable", "allow", "prefer", "require", *_VERIFYING)
_EXPECTED = "postgresql://user@host:5432/database, with the password in it or in PGPASSWORD"


class AddressError(Exception):
    """The URI cannot be used; the message states why, without the URI."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is, and as whom to connect."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"postgresql://{self.user}@{self.url_host}:{self.port}/{self.database}"

    @property
    def url_host(self) -> str:
        """The host as a URL has it: an address of IPv6 is in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_address(uri: str | None, password: str | None) -> Address:
    """Return the address.

    Args:
        uri: The value of GAMELAKE_CAPTURE_URI.
        password: The value of PGPASSWORD, for a URI without a password.

    Raises:
        AddressError: The URI is missing, or has a part that is not understood.
    """
    if not uri:
        raise AddressError(f"{VARIABLE}: not set, expected {_EXPECTED}")
    try:
        parts = urlsplit(uri)
        port = parts.port or 5432
    except ValueError:
        raise AddressError(f"{VARIABLE}: found no URI, expected {_EXPECTED}") from None
    if parts.scheme not in {"postgresql", "postgres"}:
        raise AddressError(f"{VARIABLE}: found another scheme than postgresql, expected {_EXPECTED}")
    database = unquote(parts.path.removeprefix("/"))
    if not parts.hostname or "," in parts.netloc.rpartition("@")[2] or not parts.username or not database:
        raise AddressError(f"{VARIABLE}: found no user, no database or not one host, expected {_EXPECTED}")
    options = tuple(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := [name for name, _ in options if name not in OPTIONS]:
        raise AddressError(f"{VARIABLE}: found the option {unknown[0]!r}, expected {' or '.join(OPTIONS)}")
    _check_encryption(dict(options))
    given = unquote(parts.password) if parts.password else password
    if not given:
        raise AddressError(f"{VARIABLE}: found no password in it, and PGPASSWORD is not set; expected one of them")
    return Address(parts.hostname, port, database, unquote(parts.username), given, options)


def _check_encryption(options: dict[str, str]) -> None:
    """Check how the connection is encrypted. Raises: AddressError."""
    mode = options.get("sslmode", "prefer")
    if mode not in _MODES:
        raise AddressError(f"{VARIABLE}: sslmode: found {mode!r}, expected one of {', '.join(_MODES)}")
    if "sslrootcert" in options and mode not in _VERIFYING:
        # The driver would not read the file, and encrypt for any server.
        raise AddressError(
            f"{VARIABLE}: found sslrootcert with sslmode={mode}, which checks no certificate; expected sslmode="
            f"{' or '.join(_VERIFYING)}"
        )
