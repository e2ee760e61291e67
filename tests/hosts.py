"""Hosts of their own for a test: each with UTS, pid and network namespaces, joined by a bridge over TCP."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parents[1]
_numbers = itertools.count(2)
#: Passes TCP connections on to a server that listens on a Unix socket of the machine.
FORWARDER = """
import socket, sys, threading
def pump(a, b):
    try:
        while data := a.recv(65536): b.sendall(data)
    except OSError: pass
    for s in (a, b):
        try: s.shutdown(socket.SHUT_RDWR)
        except OSError: pass
server = socket.create_server(("0.0.0.0", int(sys.argv[1])))
while True:
    near, _ = server.accept()
    far = socket.socket(socket.AF_UNIX); far.connect(sys.argv[2])
    for pair in ((near, far), (far, near)): threading.Thread(target=pump, args=pair, daemon=True).start()
"""


#: What an unprivileged user needs for these tests, with the names of the kernel's settings.
NOT_ALLOWED = (
    "These tests need network namespaces. Run them as root with CAP_SYS_ADMIN and CAP_NET_ADMIN, or allow "
    "user namespaces: the kernel settings user.max_user_namespaces > 0, kernel.unprivileged_userns_clone = 1 "
    "(kernel.apparmor_restrict_unprivileged_userns = 0 on Ubuntu)."
)
#: The first process of such a namespace: a /run of its own has room for the names of networks.
OWN_RUN = (
    "mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up && echo ready && exec sleep infinity"
)
#: Fetches a page from inside: prints the status, then the body.
FETCH = """
import sys, urllib.error, urllib.request
asked = urllib.request.Request(sys.argv[1], headers={"Host": "localhost"})
try:
    answer = urllib.request.urlopen(asked, timeout=4)
except urllib.error.HTTPError as error:
    answer = error
with answer: print(answer.status); print(answer.read().decode())
"""


@dataclass
class Host:
    """One host; ``cut`` takes its link down, ``kill`` ends the first process of its pid namespace."""

    name: str
    namespace: str
    link: str
    address: str
    enter: list[str]  # the words before a command that is to run where the networks are
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, command: list[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Starts a command as the first process of a pid namespace of this host."""
        inside = f"hostname {self.name} && exec {shlex.join(command)}"
        apart = ["unshare", "--uts", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*self.enter, "ip", "netns", "exec", self.namespace, *apart, "sh", "-c", inside],
                cwd=PROJECT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def forward(self, port: int, socket: str, log: Path) -> None:
        """Serves a Unix socket of this machine at a TCP port of the host."""
        self.start([sys.executable, "-S", "-c", FORWARDER, str(port), socket], os.environ, log)

    def cut(self) -> None:
        """Takes its network away without closing a connection."""
        run_ip(self.enter, "link", "set", self.link, "down")

    def kill(self) -> None:
        """SIGKILL; the kernel ends everything in the namespaces."""
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()


class Network:
    """A bridge with its hosts; all of it is gone after the block.

    They are made in a network namespace of their own, because a browser drops what it is loading when a link
    of its machine comes, goes or changes (ERR_NETWORK_CHANGED). Who is not root, and a root without the
    right, makes it in a user namespace. Raises OSError with the kernel's settings where neither is allowed.
    """

    def __init__(self) -> None:
        self.id = os.getpid() % 100_000
        self.bridge = f"cub{self.id}"
        self.net = f"10.{77 + self.id % 100}.{self.id // 100 % 250}"
        self.hosts: list[Host] = []
        self.enter: list[str] = []
        self._holder: subprocess.Popen[str] | None = None

    def __enter__(self) -> Network:
        self._make_namespace([] if is_allowed_directly() else ["--user"])
        try:
            self.ip("link", "add", self.bridge, "type", "bridge")
            self.ip("addr", "add", f"{self.net}.1/24", "dev", self.bridge)
            self.ip("link", "set", self.bridge, "up")
        except OSError:
            self._end_namespace()
            raise
        return self

    @property
    def is_of_users(self) -> bool:
        """Whether it is in a user namespace, where everybody is root."""
        return "--user" in self.enter

    def ip(self, *words: str) -> None:
        """Runs ``ip`` where the networks are. Raises OSError with what it said."""
        run_ip(self.enter, *words)

    def _make_namespace(self, user: list[str]) -> None:
        """Of networks; with ``--user`` also of users, in which we are root."""
        mapped = [*user, "--map-root-user"] if user else []
        argv = ["unshare", *mapped, "--net", "--mount", "sh", "-c", OWN_RUN]
        self._holder = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != "ready\n":
            said = self._holder.stderr.read().strip()
            self._end_namespace()
            raise OSError(f"{said}. {NOT_ALLOWED}")
        target = f"--target={self._holder.pid}"
        kept = [*user, "--preserve-credentials"] if user else []
        # With a mount namespace, a command would begin in /.
        self.enter = ["nsenter", target, "--net", "--mount", *kept, "env", f"--chdir={PROJECT}"]

    def _end_namespace(self) -> None:
        if self._holder is not None:
            self._holder.kill()
            self._holder.communicate()

    def fetch(self, url: str) -> tuple[int, str]:
        """Status and body of a page of a host; 0 when nobody answers."""
        argv = [*self.enter, sys.executable, "-S", "-c", FETCH, url]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        status, _, body = done.stdout.partition("\n")
        return int(status or 0), body

    def add(self, name: str) -> Host:
        """A new host, connected to the bridge."""
        number = next(_numbers)
        space, link = f"cun{self.id}-{number}", f"cuv{self.id}-{number}"
        host = Host(name, space, link, f"{self.net}.{number}", self.enter)
        inside = ("netns", "exec", host.namespace, "ip")
        self.ip("netns", "add", host.namespace)
        self.hosts.append(host)
        self.ip("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        self.ip("link", "set", host.link, "master", self.bridge)
        self.ip("link", "set", host.link, "up")
        self.ip(*inside, "addr", "add", f"{host.address}/24", "dev", "eth0")
        self.ip(*inside, "link", "set", "eth0", "up")
        self.ip(*inside, "link", "set", "lo", "up")
        return host

    def __exit__(self, *_: object) -> None:
        for host in reversed(self.hosts):
            host.kill()
        self._end_namespace()  # all of it ends with its last process


def is_allowed_directly() -> bool:
    """Whether this process may make network namespaces without a user namespace."""
    if os.geteuid() != 0:
        return False
    argv = ["unshare", "--net", "--mount", "ip", "link", "add", "probe", "type", "bridge"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def run_ip(enter: list[str], *words: str) -> None:
    """Runs ``ip``, with the words before it that lead to the networks. Raises OSError with what it said."""
    done = subprocess.run([*enter, "ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}. {NOT_ALLOWED}")
