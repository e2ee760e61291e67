"""Resolves a host once and asks exactly that address, and hangs up when the time for it is over."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from integrations.errors import Silent


@dataclass(frozen=True)
class Place:
    """A host, and the addresses that its name had when it was asked for."""

    host: str
    addresses: tuple[str, ...]

    @property
    def is_loopback(self) -> bool:
        """Whether every address is this machine."""
        return all(ipaddress.ip_address(address).is_loopback for address in self.addresses)


def resolved(parts: SplitResult) -> Place:
    """Where the host of an address is now. Raises `Silent` for an unknown name."""
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise silent(
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", "Its host's name is unknown."
        ) from None
    return Place(host, tuple(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)))


def silent(where: str, why: str) -> Silent:
    """What is said of an address that nobody answers at."""
    return Silent(
        f"{where} cannot be reached.",
        means=why,
        next="Check that it was started (its own log says why it stopped), and the address.",
    )


class _Line:
    """The connections of one question, cut when its time is over.

    A socket's own timeout begins anew with every byte, so that a peer that sends one now and then, of the
    head or of the body, would hold us for hours.
    """

    def __init__(self, until: float) -> None:
        self._held: list[socket.socket] = []
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(0.0, until - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def hold(self, connection: socket.socket) -> socket.socket:
        """Watches over it by a second handle: TLS takes the first one over."""
        with self._lock:
            self._held.append(connection.dup())
        if self._over:
            self._cut()
        return connection

    def _cut(self) -> None:
        self._over = True
        with self._lock:
            for each in self._held:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Lets go of them."""
        self._timer.cancel()
        with self._lock:
            for each in self._held:
                each.close()
            self._held.clear()


def _pools(line: _Line) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, whose connections are held by the line from their first moment."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return line.hold(super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return line.hold(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Bounded(HTTPAdapter):
    """Every connection is held by a line."""

    def __init__(self, line: _Line, **tls: str) -> None:
        self.line, self.tls = line, tls
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **settings: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **{**settings, **self.tls})
        self.poolmanager.pool_classes_by_scheme = _pools(self.line)


@contextmanager
def asking(
    place: Place, method: str, url: str, *, until: float, **question: Any
) -> Iterator[requests.Response]:
    """The answer, its body still to be read; the next address is tried only where none was connected to.

    At ``until`` (by the monotonic clock) the connection is cut, whatever is still to come. TLS is spoken
    with the name that was asked for, though the connection goes to a number. Raises what requests raises.
    """
    line = _Line(until)
    try:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = os.environ.get("SSL_CERT_FILE") or True
            session.mount("http://", _Bounded(line))
            session.mount("https://", _Bounded(line, server_hostname=place.host, assert_hostname=place.host))
            question["headers"] = {**question["headers"], "Host": _authority(url)}
            with _answer(session, place, method, url, question) as answer:
                yield answer
    finally:
        line.close()


def _answer(
    session: requests.Session, place: Place, method: str, url: str, question: dict[str, Any]
) -> requests.Response:
    for number, address in enumerate(place.addresses, 1):
        try:
            return session.request(method, _at(url, address), allow_redirects=False, stream=True, **question)
        except requests.ConnectionError as error:
            if number == len(place.addresses) or not never_connected(error):
                raise
    raise requests.ConnectionError


def never_connected(error: requests.ConnectionError) -> bool:
    """Whether nothing took the connection; one that hung up is there."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _authority(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _at(url: str, address: str) -> str:
    """The same question to a number instead of a name; a login in the address stays."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    number = f"[{address}]" if ":" in address else address
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{login}{at}{number}{port}"))
