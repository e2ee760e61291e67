"""Resolves a host once and asks exactly that address, so that its name cannot lead elsewhere meanwhile."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
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


class _Pinned(HTTPAdapter):
    """Speaks TLS with the name that was asked for, though the connection goes to a number."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        super().init_poolmanager(*arguments, **settings, server_hostname=self.host, assert_hostname=self.host)


@contextmanager
def asking(place: Place, method: str, url: str, **question: Any) -> Iterator[requests.Response]:
    """The answer, its body still to be read; the next address is tried only where none was connected to.

    Raises what requests raises.
    """
    with requests.Session() as session:
        session.trust_env = False
        session.verify = os.environ.get("SSL_CERT_FILE") or True
        session.mount("https://", _Pinned(place.host))
        question["headers"] = {**question["headers"], "Host": _authority(url)}
        for number, address in enumerate(place.addresses, 1):
            try:
                answer = session.request(
                    method, _at(url, address), allow_redirects=False, stream=True, **question
                )
            except requests.ConnectionError as error:
                if number < len(place.addresses) and never_connected(error):
                    continue
                raise
            break
        with answer:
            yield answer


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
