"""An expired certificate, another host's, or one of an unknown authority: no client sends anything over it.

The questions are those of `answer_cases` and `test_transport_faults`, so a new driver is tried as well. The
server is a real one; what a client sends after its handshake, or without one, is kept.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from integrations import drivers
from integrations.artefacts.bucket import Bucket
from integrations.artefacts.settings import BucketSettings
from integrations.clients import load_drivers, mail, postgres, redis_server
from integrations.clients.dns.zone import Zone, get_zone
from integrations.clients.http import HttpClient
from integrations.errors import Problem
from integrations.system_kinds import system_kinds
from tests.integrations.certificates import DAY, Issued, issue
from tests.integrations.clients import test_transport_faults
from tests.integrations.clients.answer_case import AnswerCase
from tests.integrations.clients.answer_cases import CASES, NEW, OLD
from tests.integrations.clients.fault_server import FaultServer, within
from tests.integrations.clients.test_transport_faults import CHANGES, ROUTE53, WITHOUT, Network, of_system

HOST = "127.0.0.1"
PASSWORD = "pw12345678"
LONGEST = 10.0  # seconds for a question, on a busy machine
#: What is wrong with the certificate → words of which the message has one.
WRONG = {
    "expired": ("expired", "too old"),
    "another host": ("another name", "mismatch", "does not match", "doesn't match", "not valid for"),
    "unknown authority": ("self-signed", "authority", "issuer"),
}


@dataclass
class TlsServerOfTests:
    """Listens with a certificate. ``heard``: what came after a handshake, or instead of one."""

    context: ssl.SSLContext
    begin: Callable[[socket.socket], None]
    heard: list[bytes] = field(default_factory=list)
    port: int = 0
    greeting: bytes = b""  # what it says first once a handshake is done

    def serve(self, listener: socket.socket) -> None:
        """Until the listener is closed."""
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                peer.settimeout(2)
                with peer, suppress(OSError):
                    self.begin(peer)
                    with self.context.wrap_socket(peer, server_side=True) as secure:
                        secure.sendall(self.greeting)
                        if heard := secure.recv(1000):
                            self.heard.append(heard)


def begin_tls(peer: socket.socket) -> None:
    """At once."""


def begin_postgres(peer: socket.socket) -> None:
    """Agrees to TLS."""
    peer.recv(8)
    peer.sendall(b"S")


def begin_smtp(peer: socket.socket) -> None:
    """Greets, and offers and takes STARTTLS."""
    peer.sendall(b"220 mail\r\n")
    peer.recv(1000)
    peer.sendall(b"250-mail\r\n250 STARTTLS\r\n")
    peer.recv(1000)
    peer.sendall(b"220 go on\r\n")


def ask_redis(port: int, root: Path) -> Any:
    url = f"rediss://:{PASSWORD}@{HOST}:{port}/0?ssl_ca_certs={root}"
    with redis_server.connect(url) as client:
        return client.get("x")


def ask_postgres(port: int, root: Path) -> Any:
    url = f"postgresql://a:{PASSWORD}@{HOST}:{port}/x?sslmode=verify-full&sslrootcert={root}"
    with postgres.explain_errors(url), postgres.connect(url, readonly=True) as connection:
        return connection.execute("select 1").fetchall()


def ask_mail(port: int, root: Path) -> Any:
    """The answer of `try_login`, which raises nothing, as a `Problem`."""
    answer, said = mail.try_login(mail.MailLogin(HOST, port, "a", PASSWORD))
    assert answer == mail.LoginAnswer.NOT_KNOWN, said
    raise Problem(said, means="Whether the login is accepted is not known.")


def ask_bucket(port: int, root: Path) -> Any:
    where = (f"https://{HOST}:{port}", "us-east-1", "k12345678", PASSWORD, "path", str(root))
    return Bucket(BucketSettings("artefacts", "", *where)).write("a", b"b")


def ask_route53(do: Callable[[Zone], Any]) -> Callable[[int, Path], Any]:
    settings = {**ROUTE53, "url": f"https://{HOST}:{{port}}"}
    ask = of_system("dns", lambda systems: do(get_zone(systems["s"], systems)), **settings)
    return lambda port, root: ask(port)


#: Clients that do not use `HttpClient`: name → what the server begins with, and the question.
OTHERS: dict[str, tuple[Callable[[socket.socket], None], Callable[[int, Path], Any]]] = {
    "redis": (begin_tls, ask_redis),
    "postgres": (begin_postgres, ask_postgres),
    "mail": (begin_tls, ask_mail),
    "mail by STARTTLS": (begin_smtp, ask_mail),
    "artefacts": (begin_tls, ask_bucket),
    "dns/route53": (begin_tls, ask_route53(lambda zone: zone.read("www", "A"))),
    "dns/route53 change": (begin_tls, ask_route53(lambda zone: zone.write(OLD, NEW))),
}
#: Drivers and kinds of systems that speak no TLS of their own, and why.
NO_TLS = {
    **WITHOUT,
    "dns/rfc2136": "TSIG signs each packet",
    "proxy/haproxy": "its socket",
    "prisma": "Prisma connects: `test_errors`",
    "mysql": "`test_mysql`, with a real server",
    "host": "ssh: `test_ssh`",
    "login": "for a login of the application",
    **dict.fromkeys(("api_process", "env_file", "folder", "sqlite", "platform"), "of this host"),
}


@pytest.fixture(scope="module")
def root() -> Issued:
    return issue("Root of the tests", authority=True)


@pytest.fixture(scope="module")
def certificates(root: Issued, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What is wrong → key and certificate of the server, and the root that is trusted."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "root.pem").write_bytes(root.pem())
    made = {
        "expired": issue("api", root, names=(HOST,), begins=-2 * DAY, ends=-DAY),
        "another host": issue("api", root, names=("other.example.org",)),
        "unknown authority": issue("api", issue("Root of nobody", authority=True), names=(HOST,)),
        "": issue("api", root, names=(HOST,)),
    }
    files = {name: one.server_file(folder) for name, one in made.items()}
    return {**files, "root": folder / "root.pem"}


@pytest.fixture(autouse=True)
def _trusted(certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["root"]))
    load_drivers()


@contextmanager
def serving(file: Path, begin: Callable[[socket.socket], None] = begin_tls) -> Iterator[TlsServerOfTests]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server((HOST, 0)) as listener:
        server = TlsServerOfTests(context, begin, port=listener.getsockname()[1])
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def judge(wrong: str, found: Any, seconds: float, heard: list[bytes]) -> str:
    """What is wrong with what came of it, "" for nothing."""
    if heard:
        return f"it sent {heard[0][:80]!r}"
    if seconds > LONGEST:
        return f"it took {seconds:.1f} s"
    if not isinstance(found, Problem):
        return f"{type(found).__name__}: {found}"
    if not (found.what and found.means):
        return f"a Problem without a meaning: {found}"
    if not any(word in f"{found}".lower() for word in WRONG[wrong]):
        return f"it does not tell what is wrong: {found}"
    return f"it tells the password: {found}" if PASSWORD in f"{found}" else ""


@pytest.mark.parametrize("case", [*CASES, *CHANGES], ids=str)
def test_a_client_of_http_refuses_the_certificate(
    case: AnswerCase, certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found_wrong = []
    monkeypatch.setattr(test_transport_faults, "SHORT", LONGEST)
    for only_changes in (False, True):
        for wrong in WRONG:
            with serving(certificates[wrong]) as server:
                fault = FaultServer.__new__(FaultServer)
                fault.url = f"https://{HOST}:{server.port}"
                network = Network(case, fault, only_changes=only_changes)
                with monkeypatch.context() as patch:
                    patch.setattr(
                        HttpClient, "request", lambda *given, _on=network, **more: _on.request(*given, **more)
                    )
                    found, seconds = within(LONGEST, lambda: case.ask(case.systems()))
            if only_changes and network.changes == 0:
                continue
            if said := judge(wrong, found, seconds, server.heard):
                found_wrong.append(f"{wrong}{' at a change' if only_changes else ''}: {said}")
    assert found_wrong == []


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", OTHERS)
def test_other_clients_refuse_it_too(
    name: str, wrong: str, certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, ask = OTHERS[name]
    with serving(certificates[wrong], begin) as server:
        if name == "mail":
            monkeypatch.setattr(mail, "IMPLICIT_TLS_PORT", server.port)
        found, seconds = within(LONGEST, lambda: ask(server.port, certificates["root"]))
    assert judge(wrong, found, seconds, server.heard) == ""


@pytest.mark.parametrize("name", OTHERS)
def test_the_same_clients_speak_to_a_server_with_a_right_certificate(
    name: str, certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, ask = OTHERS[name]
    with serving(certificates[""], begin) as server:
        if name == "mail":
            monkeypatch.setattr(mail, "IMPLICIT_TLS_PORT", server.port)
            server.greeting = b"220 mail\r\n"
        within(LONGEST, lambda: ask(server.port, certificates["root"]))
    assert server.heard, f"{name} said nothing: then its silence in the other tests proves nothing"


def test_every_driver_and_kind_of_system_is_tried() -> None:
    tried = {case.covers for case in [*CASES, *CHANGES]} | {name.partition(" ")[0] for name in OTHERS}
    known = {f"{kind}/{name}" for kind, name in drivers.REGISTRY}
    known |= {name for name, kind in system_kinds().items() if not kind.driver_setting}
    assert known - tried - NO_TLS.keys() == set()
    assert NO_TLS.keys() - known - {"platform"} == set()
