"""Free TCP ports for the servers of tests."""

from __future__ import annotations

import os
import socket

#: Of several processes of the suite each takes only some ports: none takes one that another has found.
PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_given = set[int]()


def free_port() -> int:
    """A TCP port on loopback that is free now, and that this process was not given before.

    The kernel may name a port again that nothing listens on yet: two servers of one test then got the same.
    """
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given and port // 2 % PROCESSES == NUMBER % PROCESSES:  # Linux gives odd ports first
            _given.add(port)
            return port
