"""The network of chaos: what is cut off hears nothing, in the direction that was asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.network import HostNetwork

#: Sends one word to a port, and prints what comes back within a second.
ASK = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 1) as there: print(there.recv(9).decode())
except OSError: print("nothing")
"""


@pytest.fixture(scope="module")
def network() -> Iterator[HostNetwork]:
    made = HostNetwork()
    yield made
    made.close()


def ask(network: HostNetwork, host: str, server: str) -> str:
    """What a host hears from a server: whether a connection is made, and whether an answer comes back."""
    listener = network.listen(server)
    with listener:
        port = str(listener.getsockname()[1])
        words = [*network.inside(host), sys.executable, "-S", "-c", ASK, network.address(server), port]
        asked = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        listener.settimeout(1.5)
        try:
            with listener.accept()[0] as near:
                near.sendall(b"an answer")
                return asked.communicate()[0].strip()
        except TimeoutError:
            return asked.communicate()[0].strip()


def test_a_host_is_cut_off_from_one_server_in_one_direction_or_from_all(network: HostNetwork) -> None:
    links = Path("/proc/net/dev").read_text().count(":")
    assert ask(network, "worker-1", "database") == "an answer"
    for cut, ends in (
        (network.separate, ("worker-1", "database")),
        (network.lose, ("worker-1", "database")),
        (network.lose, ("database", "worker-1")),
    ):
        mend = cut(*ends)
        assert ask(network, "worker-1", "database") == "nothing"
        assert ask(network, "worker-1", "redis") == "an answer"
        assert ask(network, "worker-2", "database") == "an answer"
        mend()
        assert ask(network, "worker-1", "database") == "an answer"
    mend = network.cut("worker-1")
    assert ask(network, "worker-1", "redis") == "nothing"
    mend()
    assert ask(network, "worker-1", "redis") == "an answer"
    assert Path("/proc/net/dev").read_text().count(":") == links  # those of the machine
