"""Hosts with networks of their own: network namespaces that a bridge joins over TCP, and what cuts them off.

The machine's own links stay as they are. A packet is lost by giving its sender a wrong hardware address of
the receiver: the bridge carries it to nobody, in that direction only, and no program is told.
"""

from __future__ import annotations

import array
import socket
import subprocess
import sys
from collections.abc import Callable

from tests.hosts import Host, Network, run_ip

#: Those of the servers, and those of the panel's own processes.
SERVERS, PANEL = ("database", "redis", "targets"), ("own", "worker-1", "worker-2")
NOBODY = "02:00:00:00:00:01"  # a hardware address that no host has
#: Listens at a port of the host in which it runs, and hands the socket to whoever started it.
LISTEN = """
import array, socket, sys
listener = socket.create_server(("0.0.0.0", 0), backlog=128)
there = socket.socket(fileno=int(sys.argv[1]))
there.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener.fileno()]))])
"""
Mend = Callable[[], None]


class HostNetwork:
    """The network of one run. Raises OSError with the kernel's settings where it is not allowed."""

    def __init__(self) -> None:
        self._network = Network()
        self._network.__enter__()
        self._hosts: dict[str, Host] = {}
        try:
            for name in (*SERVERS, *PANEL):
                self._hosts[name] = self._network.add(name)
        except OSError:
            self.close()
            raise
        self.is_of_users = self._network.is_of_users

    def close(self) -> None:
        """Removes the network; what still runs in it keeps what the kernel has of it, and reaches nobody."""
        self._network.__exit__(None, None, None)

    def address(self, name: str) -> str:
        """The IPv4 address of a host."""
        return self._hosts[name].address

    def inside(self, name: str) -> list[str]:
        """The words before a command that is to run in the network of a host. They start no process."""
        space = f"--net=/run/netns/{self._hosts[name].namespace}"
        return [*self._network.enter, "nsenter", space]

    def listen(self, name: str) -> socket.socket:
        """A listening socket of that host, in our hands: its port is reached through its network only."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            words = [*self.inside(name), sys.executable, "-S", "-c", LISTEN, str(theirs.fileno())]
            subprocess.run(words, pass_fds=[theirs.fileno()], check=True)
            numbers = array.array("i")
            _, given, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(numbers.itemsize))
        numbers.frombytes(given[0][2][: numbers.itemsize])
        return socket.socket(fileno=numbers[0])

    # ── cutting off ──────────────────────────────────────────────────────────
    def cut(self, name: str) -> Mend:
        """Takes the link of a host down: nothing reaches it or leaves it, and no connection is closed."""
        host = self._hosts[name]
        host.cut()
        return lambda: run_ip(host.enter, "link", "set", host.link, "up")

    def lose(self, sender: str, receiver: str) -> Mend:
        """Loses every packet in this one direction, silently."""
        there = self.address(receiver)
        self._neighbour(sender, "replace", there, "lladdr", NOBODY, "nud", "permanent")
        return lambda: self._neighbour(sender, "del", there)

    def separate(self, name: str, server: str) -> Mend:
        """Loses every packet between two hosts, in both directions."""
        ways = [self.lose(name, server), self.lose(server, name)]

        def mend() -> None:
            for way in ways:
                way()

        return mend

    def _neighbour(self, name: str, *words: str) -> None:
        run_ip(self.inside(name), "neigh", *words, "dev", "eth0")
