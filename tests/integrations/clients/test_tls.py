"""What a TLS server shows is read from real servers, with certificates of an authority of our own."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from integrations.clients.tls import TlsClient, TlsServer
from integrations.errors import NotListening, Problem, Unreachable
from integrations.systems import Systems
from tests.integrations.certificates import DAY, Issued, issue

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def root() -> Issued:
    return issue("Root of the tests", authority=True)


@pytest.fixture(scope="module")
def intermediate(root: Issued) -> Issued:
    return issue("Intermediate of the tests", root, authority=True)


@pytest.fixture(autouse=True)
def _trusted(root: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker trusts the root, as an administrator would set it."""
    (tmp_path / "root.pem").write_bytes(root.pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))


@contextmanager
def accepting(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that hands every connection to ``talk``; its port."""
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@contextmanager
def serving(file: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Iterator[int]:
    """A TLS server with the certificates of a file; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.maximum_version = newest

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1)

    with accepting(talk) as port:
        yield port


def inspect(port: int, host: str = HOST, timeout: float = 10.0) -> TlsServer:
    return TlsClient([host]).inspect(host, port, timeout=timeout)


def test_a_trusted_server_shows_its_chain_names_dates_and_version(
    root: Issued, intermediate: Issued, tmp_path: Path
) -> None:
    leaf = issue("api", intermediate, names=("api.example.org", HOST), ends=9 * DAY)
    with serving(leaf.server_file(tmp_path)) as port:
        found = inspect(port)
    assert (found.host, found.port, found.address) == (HOST, port, HOST)
    assert (found.version, found.verification_error) == ("TLSv1.3", "")
    assert [each.subject for each in found.chain] == ["CN=api", "CN=Intermediate of the tests"]
    own = found.certificate
    assert (own.issuer, own.names) == ("CN=Intermediate of the tests", ("api.example.org", HOST))
    left = own.not_after - datetime.now(UTC)
    assert 8 * DAY < left < 9 * DAY
    assert own.not_before < datetime.now(UTC)
    assert len(bytes.fromhex(own.sha256)) == 32


def test_an_older_version_is_told(intermediate: Issued, tmp_path: Path) -> None:
    leaf = issue("api", intermediate, names=(HOST,))
    with serving(leaf.server_file(tmp_path), ssl.TLSVersion.TLSv1_2) as port:
        assert inspect(port).version == "TLSv1.2"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("expired", "expired"),
        ("too early", "not yet valid"),
        ("another name", "IP address mismatch"),
        ("its own authority", "self-signed certificate"),
        ("no intermediate", "unable to get local issuer certificate"),
    ],
)
def test_a_certificate_that_clients_refuse_is_shown_all_the_same(
    wrong: str, said: str, intermediate: Issued, tmp_path: Path
) -> None:
    leaf = {
        "expired": lambda: issue("api", intermediate, names=(HOST,), begins=-2 * DAY, ends=-DAY),
        "too early": lambda: issue("api", intermediate, names=(HOST,), begins=DAY),
        "another name": lambda: issue("api", intermediate, names=("127.0.0.2",)),
        "its own authority": lambda: issue("api", names=(HOST,)),
        "no intermediate": lambda: issue("api", intermediate, names=(HOST,)),
    }[wrong]()
    with serving(leaf.server_file(tmp_path, with_issuer=wrong != "no intermediate")) as port:
        found = inspect(port)
    assert said in found.verification_error
    assert found.certificate.subject == "CN=api"
    assert found.version == "TLSv1.3"


def test_a_host_that_is_not_named_is_not_asked() -> None:
    connections: list[socket.socket] = []
    with (
        accepting(connections.append) as port,
        pytest.raises(Problem, match="no host that the runbook names"),
    ):
        TlsClient(["api.example.org"]).inspect(HOST, port)
    assert connections == []


def test_the_hosts_are_those_of_the_systems() -> None:
    systems = Systems({"api": {"kind": "http", "url": "https://API.example.org:8443/v1"}}, {})
    assert TlsClient.of(systems).hosts == {"api.example.org"}


def test_an_unknown_name_and_a_closed_port_are_told_apart() -> None:
    with pytest.raises(NotListening, match="cannot be reached") as unknown:
        inspect(443, "nobody.invalid")
    assert "name is unknown" in unknown.value.means
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotListening, match=f"{HOST}:{port}"):
        inspect(port)


def test_a_server_that_speaks_no_tls_is_told_so() -> None:
    def plain(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with accepting(plain) as port, pytest.raises(Unreachable, match="No TLS connection"):
        inspect(port)


def test_a_server_that_hangs_up_is_told_so() -> None:
    with accepting(lambda connection: None) as port, pytest.raises(Unreachable) as gone:
        inspect(port)
    assert not isinstance(gone.value, NotListening)


def drip(connection: socket.socket) -> None:
    """The head of a handshake record of 16 KiB, then a byte now and then: no read times out by itself."""
    connection.sendall(b"\x16\x03\x03\x40\x00")
    for _ in range(200):
        time.sleep(0.05)
        connection.sendall(b"\x02")


@pytest.mark.parametrize("talk", [drip, lambda connection: connection.recv(10_000) and time.sleep(1.5)])
def test_the_deadline_holds_for_the_whole_handshake(talk: Callable[[socket.socket], None]) -> None:
    began = time.monotonic()
    with accepting(talk) as port:
        with pytest.raises(Unreachable, match=r"did not answer within 0\.5 s"):
            inspect(port, timeout=0.5)
        assert time.monotonic() - began < 5
