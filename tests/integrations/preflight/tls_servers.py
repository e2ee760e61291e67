"""nginx with one port for each certificate, and a PostgreSQL with TLS: real servers."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cutover.embedded import Postgres
from tests import servers
from tests.integrations.certificates import Issued
from tests.ports import free_port
from tests.waiting import wait_for

#: OpenSSL's own settings forbid the old versions; nginx has to allow them for the test
OLD_ONLY = "ssl_protocols TLSv1.1; ssl_ciphers DEFAULT:@SECLEVEL=0;"


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def nginx(folder: Path, certificates: Mapping[str, Issued], old: str = "") -> Iterator[dict[str, int]]:
    """The ports by the names of the certificates. The one called ``old`` speaks TLS 1.1 only; the one called
    ``bare`` sends its certificate without those of its issuers."""
    ports = {name: free_port() for name in certificates}
    blocks = []
    for name, issued in certificates.items():
        file = issued.server_file(folder, with_issuer=name != "bare")
        blocks.append(
            f"server {{ listen 127.0.0.1:{ports[name]} ssl; ssl_certificate {file}; "
            f"ssl_certificate_key {file}; {OLD_ONLY if name == old else ''} location / {{ return 200; }} }}"
        )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        + "\n".join(blocks)
        + "\n}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    # nginx writes its title over its environment: this way the title tells the keeper whose it is.
    words = ["-c", str(folder / "nginx.conf"), "-p", str(servers.FOLDER)]
    child = subprocess.Popen([program, *words], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: all(map(listens, ports.values())))
        yield ports
    finally:
        child.terminate()
        child.wait(90)


@contextmanager
def postgres_with_tls(issued: Issued, name: str) -> Iterator[int]:
    """Debian's PostgreSQL, which has TLS, with a certificate; its port."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "the tests need Debian's package postgresql beside the wheel's server"
    certificate, key = servers.FOLDER / f"{name}.crt", servers.FOLDER / f"{name}.key"
    certificate.write_bytes(issued.pem())
    key.write_bytes(issued.key_pem())
    key.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(key, pwd.getpwnam("nobody").pw_uid, -1)
    settings = {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
    server = Postgres(
        servers.FOLDER / name,
        port=free_port(),
        password="none",
        fsync=False,
        programs=found[0],
        settings=settings,
    )
    try:
        server.start()
        yield server.port
    finally:
        server.stop()
