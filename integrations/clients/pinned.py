"""Connections to hosts that a runbook names: pinned to the addresses of one look-up, with a total deadline.

The name of a host is resolved once. What is checked about its addresses then holds for the connection, too:
a name that leads elsewhere a second later (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from integrations.errors import NotListening, Problem, Unreachable


@dataclass(frozen=True)
class ResolvedHost:
    """A host, and the addresses that its name had when it was looked up."""

    host: str
    addresses: tuple[str, ...]

    @property
    def is_loopback(self) -> bool:
        """Whether every address is this machine."""
        return all(ipaddress.ip_address(address).is_loopback for address in self.addresses)


def refuse_unnamed_host(host: str, named: Collection[str]) -> None:
    """Raises `Problem` for a host that is not among those that the runbook names."""
    if host not in named:
        raise Problem(
            f"{host} is no host that the runbook names.",
            means="Nothing was sent: the panel asks only what stands under systems: in the runbook.",
            next=f"If {host} is right, name it in a setting of its system; if not, find out who sent us.",
        )


def resolve_host(host: str, where: str) -> ResolvedHost:
    """Looks the host's addresses up. Raises `NotListening`, with ``where`` in it, for an unknown name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise not_listening(where, "Its host's name is unknown.") from None
    return ResolvedHost(host, tuple(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)))


def not_listening(where: str, why: str) -> NotListening:
    """The error for an address that no connection can be made to."""
    return NotListening(
        f"{where} cannot be reached.",
        means=why,
        next="Check that it was started (its own log says why it stopped), and the address.",
    )


def no_answer_in_time(where: str, timeout: float) -> Unreachable:
    """The error for a peer that did not answer in time."""
    return Unreachable(
        f"{where} did not answer within {timeout:g} s.",
        means="It hangs, is overloaded, or a firewall swallows the question.",
        next="Look at its log and its load; then try again.",
    )


def hung_up(where: str) -> Unreachable:
    """The error for a peer that took the connection and closed it without an answer."""
    return Unreachable(
        f"{where} hung up without an answer.",
        means="Something listens there, and it is stopping, overloaded, or speaks another protocol.",
        next="Look at its log; then try again.",
    )


class ConnectionDeadline:
    """Shuts the connections of one request down at ``until``, by the monotonic clock.

    A socket's own timeout begins anew with every byte. A peer that sends one byte now and then would hold
    us for hours.
    """

    def __init__(self, until: float) -> None:
        self._held: list[socket.socket] = []
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(0.0, until - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def hold(self, connection: socket.socket) -> socket.socket:
        """Puts a connection under the deadline.

        A second handle of it is kept, because wrapping a socket in TLS closes the first one.
        """
        with self._lock:
            self._held.append(connection.dup())
        if self._over:
            self._cut()
        return connection

    @property
    def is_over(self) -> bool:
        """Whether the time is over: what was read until then may be a part of the answer."""
        return self._over

    def _cut(self) -> None:
        self._over = True
        with self._lock:
            for each in self._held:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the watch; the connections themselves stay open."""
        self._timer.cancel()
        with self._lock:
            for each in self._held:
                each.close()
            self._held.clear()


def _pools(deadline: ConnectionDeadline) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, with connections that are under the deadline from their first moment."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.hold(super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.hold(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _DeadlineAdapter(HTTPAdapter):
    """Puts every connection of requests under a deadline."""

    def __init__(self, deadline: ConnectionDeadline, **tls: str) -> None:
        self.deadline, self.tls = deadline, tls
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **settings: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **{**settings, **self.tls})
        self.poolmanager.pool_classes_by_scheme = _pools(self.deadline)


@contextmanager
def open_response(
    host: ResolvedHost, method: str, url: str, *, until: float, **request: Any
) -> Iterator[requests.Response]:
    """The response, its body still to be read. Raises what requests raises.

    The next address is tried only when no connection was made to one before: otherwise a request could be
    carried out twice. At ``until`` (by the monotonic clock) the connection is shut down. TLS checks the
    certificate against the host's name, although the connection goes to an address.
    """
    deadline = ConnectionDeadline(until)
    try:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = os.environ.get("SSL_CERT_FILE") or True
            session.mount("http://", _DeadlineAdapter(deadline))
            session.mount(
                "https://", _DeadlineAdapter(deadline, server_hostname=host.host, assert_hostname=host.host)
            )
            request["headers"] = {**request["headers"], "Host": _authority(url)}
            with _answer(session, host, method, url, request) as answer:
                yield answer
    finally:
        deadline.close()


def _answer(
    session: requests.Session, host: ResolvedHost, method: str, url: str, request: dict[str, Any]
) -> requests.Response:
    for number, address in enumerate(host.addresses, 1):
        try:
            return session.request(
                method, _with_address(url, address), allow_redirects=False, stream=True, **request
            )
        except requests.ConnectionError as error:
            if number == len(host.addresses) or not never_connected(error):
                raise
    raise requests.ConnectionError


def never_connected(error: requests.ConnectionError) -> bool:
    """Whether no connection was made at all; a peer that hung up is there."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _authority(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _with_address(url: str, address: str) -> str:
    """The same URL with an address in place of the host's name; a login in it stays."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    number = f"[{address}]" if ":" in address else address
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{login}{at}{number}{port}"))
