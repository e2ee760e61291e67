"""The generator: writes log lines at a steady rate and announces each, in a process of its own.

``python lines.py DATABASE REDIS CUTOVER ATTEMPT RATE``; on SIGTERM it prints the number of the last line.
Each line has the time at which it was handed to the database, by the clock that all processes share.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence

import psycopg
import redis

INSERT = (
    "INSERT INTO checklists_logline (attempt_id, number, at, text) VALUES (%s, %s, clock_timestamp(), %s)"
)


def line_text(number: int) -> str:
    """A line as a program writes it, with the time of now."""
    return f"[{time.monotonic():.5f}] copied batch {number} of the table donations, 1000 rows"


def main(argv: Sequence[str]) -> int:
    """Writes until SIGTERM."""
    database, broker, cutover, attempt, rate = argv
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: over.append(number))
    client, number, began = redis.Redis.from_url(broker), 0, time.monotonic()
    with psycopg.connect(database, autocommit=True) as connection:
        while not over:
            time.sleep(max(0.0, began + number / float(rate) - time.monotonic()))
            number += 1
            connection.execute(INSERT, [attempt, number, line_text(number)])
            client.publish(f"cutover:0:{cutover}", "log")
    print(number)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
