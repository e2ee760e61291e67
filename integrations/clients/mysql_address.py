"""Reads the address of a MySQL or MariaDB database: where it is, how to sign in, how to encrypt."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from integrations.errors import Problem
from integrations.torn_address import is_torn

DEFAULT_PORT = 3306
#: `ssl-mode` of MySQL's own programs: dev.mysql.com/doc/refman/8.4/en/connection-options.html
TLS_MODES = ("disabled", "preferred", "required", "verify_ca", "verify_identity")
_SCHEMES = ("mysql", "mariadb", "mysql2")  # the last is that of Rails
_FILES = ("ssl-ca", "ssl-cert", "ssl-key")
#: settings of other libraries that change nothing for one query
_IGNORED = ("charset", "encoding", "pool", "connection-limit", "pool-timeout", "timeout", "reconnect")
_EXAMPLE = "mysql://user:password@host:3306/database"


@dataclass(frozen=True)
class MySqlAddress:
    """One database. ``socket`` is the path of a local socket, or empty; ``tls`` is one of `TLS_MODES`."""

    user: str
    password: str = field(repr=False)
    host: str
    port: int
    database: str
    socket: str
    tls: str
    files: dict[str, str] = field(default_factory=dict, hash=False)  # ssl-ca, ssl-cert, ssl-key

    @classmethod
    def parse(cls, url: str) -> MySqlAddress:
        """Reads ``mysql://…`` or ``mariadb://…``, also with the name of a driver (``mysql+pymysql://…``).

        Raises `Problem`, which does not repeat the text: it may hold the password.
        """
        parts = _split(url)
        given = {name.replace("_", "-").lower(): value for name, value in parse_qsl(parts.query)}
        unknown = sorted(given.keys() - {"ssl-mode", "socket", *_FILES, *_IGNORED})
        if unknown:
            raise _unreadable(
                f"It has settings that are not understood: {', '.join(unknown)}.",
                f"Use ssl-mode, {', '.join(_FILES)} and socket only.",
            )
        files = {name: given[name] for name in _FILES if given.get(name)}
        mode = given.get("ssl-mode", "verify_ca" if "ssl-ca" in files else "preferred").lower()
        if mode not in TLS_MODES:
            raise _unreadable("Its ssl-mode is none of MySQL's.", f"Use one of: {', '.join(TLS_MODES)}.")
        return cls(
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            host=parts.hostname or "localhost",
            port=parts.port or DEFAULT_PORT,
            database=unquote(parts.path.lstrip("/")),
            socket=given.get("socket", ""),
            tls=mode,
            files=files,
        )

    def __str__(self) -> str:
        """``host:port/database`` without secrets; also the name of the resource."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.socket or f'{host}:{self.port}'}/{self.database}"

    def tls_context(self) -> ssl.SSLContext | None:
        """The context for the modes that insist on encryption; None for the others. Raises `Problem`."""
        if self.tls in ("disabled", "preferred"):
            return None
        missing = [path for path in self.files.values() if not Path(path).is_file()]
        if missing:
            raise _unreadable(
                f"The file {missing[0]}, which it names, is not there.",
                "Put it where the worker runs, or correct its path.",
            )
        try:
            return self._make_context()
        except (ssl.SSLError, OSError) as error:
            raise _unreadable(f"Its certificates cannot be read: {error}.", "Give files in PEM format.")

    def _make_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.files.get("ssl-ca"))
        # Python 3.13 refuses certificates without an authority key id, which MySQL makes for itself.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = self.tls == "verify_identity"
        context.verify_mode = ssl.CERT_REQUIRED if self.tls.startswith("verify") else ssl.CERT_NONE
        if "ssl-cert" in self.files:
            context.load_cert_chain(self.files["ssl-cert"], self.files.get("ssl-key"))
        return context


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_wrong = is_torn(parts) or parts.port == 0
    except ValueError:
        raise _unreadable(*_TORN) from None
    if parts.scheme.partition("+")[0] not in _SCHEMES:
        raise _unreadable("It has another form than an address of MySQL.", f"Write it as {_EXAMPLE}.")
    if is_wrong:
        raise _unreadable(*_TORN)
    return parts


_TORN = (
    "It is no complete address; often a sign in the password is not percent-encoded.",
    f"Write it as {_EXAMPLE}, with @ as %40, / as %2F, # as %23 and ? as %3F in the password.",
)


def _unreadable(means: str, remedy: str) -> Problem:
    return Problem("The address of the MySQL or MariaDB database cannot be used.", means=means, next=remedy)
