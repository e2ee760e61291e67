"""People who visit the public address of the sandbox all night, each through a connection of their own.

Settings: PUBLIC_URL; VISITS_PER_SECOND (default 5). They only read; whoever answers them counts it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from types import FrameType
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

PATHS = ("/", "/churches", "/events")
TIMEOUT = 5.0  # seconds


def visit(url: str) -> None:
    """One question; whatever comes back, the visitor goes away again."""
    assert urlsplit(url).hostname in ("127.0.0.1", "localhost")
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
    base, pace = os.environ["PUBLIC_URL"], 1 / float(os.environ.get("VISITS_PER_SECOND", "5"))
    for path in itertools.cycle(PATHS):
        visit(base + path)
        time.sleep(pace)


if __name__ == "__main__":
    main()
