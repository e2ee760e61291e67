"""People who visit the public name of the sandbox all night, each through a connection of their own.

Settings: PUBLIC_URL; VISITS_PER_SECOND (default 5); PUBLIC_NAME and NAME_SERVER (address:port): where they
look the name up, and keep the answer as long as it says. They only read; whoever answers them counts it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Mapping
from types import FrameType
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from integrations.clients.dns import answers_of
from integrations.errors import Problem, Unreachable

PATHS = ("/", "/churches", "/events")
TIMEOUT = 5.0  # seconds
HERE = ("127.0.0.1", "127.0.0.2", "localhost")


class Address:
    """Where the public name leads, asked anew when the answer's time is over; without a name, as it was."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.url = environ["PUBLIC_URL"]
        self.name, self.server = environ.get("PUBLIC_NAME", ""), environ.get("NAME_SERVER", "")
        self.until = 0.0

    def now(self) -> str:
        """The address; the old answer stands when the name server is silent."""
        if self.name and time.monotonic() > self.until:
            with contextlib.suppress(Unreachable, Problem):
                found = answers_of(self.server, self.name, "A")
                if found.values:
                    self.url = f"http://{found.values[0]}:{urlsplit(self.url).port}"
                    self.until = time.monotonic() + found.ttl
        return self.url


def visit(url: str) -> None:
    """One question; whatever comes back, the visitor goes away again."""
    assert urlsplit(url).hostname in HERE
    with (
        contextlib.suppress(OSError),
        urlopen(Request(url, headers={"Connection": "close"}), timeout=TIMEOUT) as it,
    ):
        it.read(100_000)


def main() -> None:
    """Visits until SIGTERM."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    address, pace = Address(os.environ), 1 / float(os.environ.get("VISITS_PER_SECOND", "5"))
    for path in itertools.cycle(PATHS):
        visit(address.now() + path)
        time.sleep(pace)


if __name__ == "__main__":
    main()
