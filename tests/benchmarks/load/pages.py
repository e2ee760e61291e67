"""Another person's pages while others watch: ``python pages.py PORT COOKIE PATH…``.

In a process of its own, so that the viewers of the benchmark do not delay what it measures.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import time
from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """On SIGTERM prints ``[[began, seconds, status], …]``; a request that was refused has the status 0."""
    port, cookie, paths = int(argv[0]), argv[1], argv[2:]
    asked, over = list[tuple[float, float, int]](), list[int]()
    signal.signal(signal.SIGTERM, lambda number, _: over.append(number))
    while not over:
        began = time.monotonic()
        connection, status = http.client.HTTPConnection("127.0.0.1", port, timeout=30), 0
        try:
            path = paths[len(asked) % len(paths)]
            connection.request("GET", path, headers={"Host": "localhost", "Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        asked.append((began, time.monotonic() - began, status))
        time.sleep(0.2)
    print(json.dumps(asked))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
