"""Reads what a TLS server shows: its certificates, the negotiated version, and whether clients trust it.

The rules are those of the HTTP client: only hosts that the runbook names, the addresses of one look-up, and a
total deadline, which covers both handshakes where a second one is needed.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from integrations.clients import pinned
from integrations.errors import Unreachable
from integrations.systems import Systems

TIMEOUT = 10.0  # seconds for connection and handshakes together
#: what OpenSSL says of a peer that has no version of TLS in common with it; the last is how OpenSSL 3.0
#: refuses the signatures of TLS 1.0 and 1.1 (some versions of Python pass it on as text)
NO_COMMON_VERSION = (
    *("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION", "UNSUPPORTED_SSL_VERSION"),
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
)
#: how PostgreSQL is asked to go on with TLS (postgresql.org/docs/current/protocol-message-formats.html,
#: SSLRequest), and its consent
POSTGRES_REQUEST, POSTGRES_CONSENT = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big"), b"S"


@dataclass(frozen=True)
class Certificate:
    """One certificate.

    ``subject`` and ``issuer`` are distinguished names (RFC 4514). ``names`` are the DNS names and addresses
    that it is valid for. It is valid from ``not_before`` to ``not_after`` (UTC). ``sha256`` is the
    fingerprint in hexadecimal digits.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    sha256: str

    @classmethod
    def of_der(cls, der: bytes) -> Certificate:
        """From its DER encoding. Raises ValueError for other bytes."""
        found = x509.load_der_x509_certificate(der)
        return cls(
            found.subject.rfc4514_string(),
            found.issuer.rfc4514_string(),
            _names(found),
            found.not_valid_before_utc,
            found.not_valid_after_utc,
            found.fingerprint(SHA256()).hex(),
        )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(each) for each in found.get_values_for_type(x509.IPAddress))
    return (*found.get_values_for_type(x509.DNSName), *addresses)


@dataclass(frozen=True)
class TlsServer:
    """What a server showed in a handshake.

    ``address``: where the connection went. ``version``: such as ``TLSv1.3``. ``chain``: the certificates as
    the server sent them, its own first, without the root in most cases. ``verification_error``: why a client
    that checks the certificate refuses it, in OpenSSL's words; "" when it is trusted for this host.
    """

    host: str
    port: int
    address: str
    version: str
    chain: tuple[Certificate, ...]
    verification_error: str

    @property
    def certificate(self) -> Certificate:
        """The server's own certificate."""
        return self.chain[0]


@dataclass(frozen=True)
class TlsOptions:
    """What is special about a server.

    ``authority``: file with the authorities that its clients trust (default: those of the HTTP client).
    ``address``: where to connect to instead of the addresses of the host's name. ``begin`` agrees with the
    server on TLS before the handshake, and raises OSError where it does not want any.
    """

    authority: str = ""
    address: str = ""
    begin: Callable[[socket.socket], None] = lambda connection: None


def begin_postgres(connection: socket.socket) -> None:
    """Asks a PostgreSQL server for TLS. Raises OSError when it refuses."""
    connection.sendall(POSTGRES_REQUEST)
    if connection.recv(1) != POSTGRES_CONSENT:
        raise ConnectionAbortedError("the server does not offer TLS")


class TlsClient:
    """Connects to named hosts, and to no others."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = frozenset(host.lower() for host in hosts)

    @classmethod
    def of(cls, systems: Systems) -> TlsClient:
        """A client for every host in the settings of a runbook's systems."""
        return cls(systems.hosts())

    def inspect(
        self,
        host: str,
        port: int = 443,
        *,
        timeout: float = TIMEOUT,
        options: TlsOptions = TlsOptions(),
    ) -> TlsServer:
        """Makes a handshake and closes the connection; nothing is sent over it.

        A certificate that is not trusted is no error: see `TlsServer.verification_error`. Raises `Problem`
        for a host that is not named, `NotListening` when no connection can be made, and `Unreachable` when
        no handshake comes about within ``timeout`` seconds.
        """
        host, until = host.lower(), time.monotonic() + timeout
        pinned.refuse_unnamed_host(host, self.hosts)
        where = f"{f'[{host}]' if ':' in host else host}:{port}"
        given = pinned.ResolvedHost(host, (options.address,))
        resolved = given if options.address else pinned.resolve_host(host, where)
        deadline = pinned.ConnectionDeadline(until)
        try:
            return _inspect(resolved, port, until, deadline, options)
        except ConnectionRefusedError:
            raise pinned.not_listening(where, "Nobody listens there.") from None
        except (OSError, ValueError) as error:
            if time.monotonic() >= until or isinstance(error, TimeoutError):
                raise pinned.no_answer_in_time(where, timeout) from None
            raise _no_handshake(where, error) from None
        finally:
            deadline.close()


def _inspect(
    host: pinned.ResolvedHost,
    port: int,
    until: float,
    deadline: pinned.ConnectionDeadline,
    options: TlsOptions,
) -> TlsServer:
    """One handshake that verifies; a second one without verification when the first one is refused.

    OpenSSL ends a handshake that it cannot verify, and then shows no certificate.
    """
    error, begin = "", options.begin
    try:
        context = _verifying_context(options.authority)
        with _handshake(host, port, until, deadline, context, begin) as (connection, address):
            version, chain = connection.version(), _sent_chain(connection)
    except ssl.SSLCertVerificationError as refused:
        error = refused.verify_message
        with _handshake(host, port, until, deadline, _reading_context(), begin) as (connection, address):
            version, chain = connection.version(), _sent_chain(connection)
    return TlsServer(host.host, port, address, version or "", chain, error)


@contextmanager
def _handshake(
    host: pinned.ResolvedHost,
    port: int,
    until: float,
    deadline: pinned.ConnectionDeadline,
    context: ssl.SSLContext,
    begin: Callable[[socket.socket], None],
) -> Iterator[tuple[ssl.SSLSocket, str]]:
    """A TLS connection and the address that it goes to; the next address is tried when one refuses."""
    plain, address = _connect(host, port, until)
    with plain:
        deadline.hold(plain)
        begin(plain)
        with context.wrap_socket(plain, server_hostname=host.host) as connection:
            yield connection, address


def _connect(host: pinned.ResolvedHost, port: int, until: float) -> tuple[socket.socket, str]:
    for number, address in enumerate(host.addresses, 1):
        try:
            left = max(0.001, until - time.monotonic())
            return socket.create_connection((address, port), left), address
        except OSError:
            if number == len(host.addresses):
                raise
    raise ConnectionRefusedError


def _verifying_context(authority: str) -> ssl.SSLContext:
    """Trusts the authorities of a file, or the same as the HTTP client."""
    trusted = authority or os.environ.get("SSL_CERT_FILE") or DEFAULT_CA_BUNDLE_PATH
    return ssl.create_default_context(cafile=trusted)


def _reading_context() -> ssl.SSLContext:
    """Trusts anything: only to read the certificate of a server that was refused already."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _sent_chain(connection: ssl.SSLSocket) -> tuple[Certificate, ...]:
    """The certificates that the server sent. Before Python 3.13 only an internal object tells them."""
    source: Any = connection
    if not hasattr(connection, "get_unverified_chain"):
        source = connection._sslobj  # type: ignore[attr-defined]  # not in the stubs: it is internal
    found = source.get_unverified_chain() or []
    encoded = (
        each if isinstance(each, bytes) else ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in found
    )
    return tuple(map(Certificate.of_der, encoded))


def _no_handshake(where: str, error: OSError | ValueError) -> Unreachable:
    reason = getattr(error, "reason", "") or str(error) or type(error).__name__
    if any(known in reason.upper().replace(" ", "_") for known in NO_COMMON_VERSION):
        return Unreachable(
            f"{where} speaks only a version of TLS that is too old ({reason}).",
            means="Today's browsers and programs refuse it: TLS 1.2 is the oldest version in use (RFC 8996).",
            next="Allow TLS 1.2 and 1.3 in the server's settings.",
        )
    return Unreachable(
        f"No TLS connection to {where} came about ({reason}).",
        means="Something listens there that does not speak TLS, or no version of it that is allowed here.",
        next="Check host and port, and the server's TLS settings; TLS 1.2 is the oldest version in use.",
    )
