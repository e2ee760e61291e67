"""OpenSSH's own server on loopback, for the account that runs the tests, with keys of its own."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.servers import FOLDER
from tests.waiting import wait_for

SSHD = Path("/usr/sbin/sshd")


@dataclass(frozen=True)
class SshServer:
    """The folder with its keys, its port, and the account that may come in."""

    folder: Path
    port: int

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a system of kind ``host``."""
        return {"kind": "host", "address": "127.0.0.1", "user": account(), "port": str(self.port)}

    @property
    def config(self) -> Path:
        """The configuration of ssh for `CUTOVER_SSH_CONFIG`."""
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def account() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Runs sshd; only the key in ``folder`` is let in."""
    assert SSHD.exists(), "sshd is not installed (Debian: apt-get install openssh-server)"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = SshServer(folder, free_port())
    for name in ("host_key", "user_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True
        )
    host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {host_key}\n")
    (folder / "authorized_keys").write_text((folder / "user_key.pub").read_text())
    server.config.write_text(
        f"UserKnownHostsFile {server.known_hosts}\nGlobalKnownHostsFile none\n"
        f"IdentityFile {folder}/user_key\nIdentitiesOnly yes\nIdentityAgent none\n"
    )
    (folder / "sshd_config").write_text(
        f"Port {server.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    log = folder / "log"
    # sshd writes its title over its environment: this way the title tells the keeper whose it is.
    mark = ["-o", f"PidFile={FOLDER}/sshd-{server.port}.pid"]
    argv = [str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config"), *mark]
    with log.open("wb") as said:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=said, stdout=said)
    try:
        wait_for(lambda: "Server listening" in log.read_text())
        yield server
    finally:
        process.terminate()
        process.wait(10)
