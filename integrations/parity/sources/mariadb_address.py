"""Addresses of databases of other kinds: which kind a URL is of, and how MariaDB or MySQL is reached."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from integrations.parity.errors import ParityError
from integrations.parity.masked_passwords import is_torn_by_password

MARIADB_SCHEMES = ("mysql", "mariadb")
SQLITE_SCHEME = "sqlite"
TLS_MODES = ("disabled", "preferred", "required", "verify_ca", "verify_identity")
OPTIONS = ("ssl-mode", "ssl-ca", "socket", "charset")


def kind_of_address(url: str) -> str:
    """``mariadb``, ``sqlite``, or empty for all others; a driver may be named (``mysql+pymysql``)."""
    scheme = url.partition("://")[0].partition("+")[0].lower() if "://" in url else ""
    if scheme in MARIADB_SCHEMES:
        return "mariadb"
    return "sqlite" if scheme == SQLITE_SCHEME else ""


def shown_source_address(url: str) -> str:
    """The address of a source of another kind, without secrets; empty where it is none, or is unreadable."""
    try:
        kind = kind_of_address(url)
        return str(MariaDbAddress.parse(url)) if kind == "mariadb" else url if kind else ""
    except ParityError:
        return ""


@dataclass(frozen=True)
class MariaDbAddress:
    """One database of MariaDB or MySQL; ``tls`` is of `TLS_MODES`, ``authority`` a file of certificates."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str = ""
    socket: str = ""
    tls: str = "preferred"
    authority: str = ""

    @classmethod
    def parse(cls, url: str) -> MariaDbAddress:
        """Raises `ParityError`, which says nothing of the text: it may hold the password."""
        try:
            parts = urlsplit(url)
            port = parts.port or 3306
        except ValueError:
            raise _unreadable("It is no complete address.") from None
        if is_torn_by_password(url):
            raise _unreadable("Often a sign in the password is not percent-encoded.")
        options = {name.replace("_", "-"): value for name, value in parse_qsl(parts.query)}
        if unknown := sorted(set(options) - set(OPTIONS)):
            raise _unreadable(f"It has options that are not known here: {', '.join(unknown)}.")
        database = unquote(parts.path.lstrip("/"))
        if not database:
            raise _unreadable("It names no database.")
        authority = options.get("ssl-ca", "")
        tls = options.get("ssl-mode", "verify_ca" if authority else "preferred").lower()
        if tls not in TLS_MODES:
            raise _unreadable(f"Its ssl-mode is none of {', '.join(TLS_MODES)}.")
        return cls(
            parts.hostname or "localhost", port, unquote(parts.username or ""), unquote(parts.password or ""),
            database, options.get("socket", ""), tls, authority,
        )  # fmt: skip

    def __str__(self) -> str:
        """``host:port/database``, without secrets."""
        return f"{self.socket or f'{self.host}:{self.port}'}/{self.database}"

    def connection_options(self) -> dict[str, Any]:
        """The arguments of `pymysql.connect` that say where and how."""
        return {
            "host": self.host, "port": self.port, "user": self.user, "password": self.password.encode(),
            "database": self.database, "unix_socket": self.socket or None, "ssl": self._tls_context(),
            "ssl_disabled": self.tls == "disabled",
        }  # fmt: skip

    def _tls_context(self) -> ssl.SSLContext | None:
        if self.tls in ("disabled", "preferred"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.authority or None)
        except (OSError, ssl.SSLError):
            raise _unreadable("The certificates of ssl-ca cannot be read.") from None
        # Python 3.13 refuses certificates without an authority key id, which MySQL makes for itself.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = self.tls == "verify_identity"
        context.verify_mode = ssl.CERT_REQUIRED if self.tls.startswith("verify") else ssl.CERT_NONE
        return context


def _unreadable(means: str) -> ParityError:
    return ParityError(
        "The address of the source cannot be read.",
        means=means,
        next="Write it as mysql://user@host:3306/database, with @ as %40, / as %2F, # as %23 and ? as %3F"
        " in the password.",
    )
