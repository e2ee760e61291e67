"""How fast secrets are masked, as a multiple of what copying the lines and one regular expression take.

``./panel bench redact`` masks 20 MB of log lines with no secret, 60 secrets, and 60 private keys, then lines
that all have something to hide, then one line of 10 MB. It is no timed test: times depend on the machine.
"""

from __future__ import annotations

import argparse
import base64
import re
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from integrations.redact import MASK, Redactor

CHECK = re.compile(r"(?i)(?:password|passwd|secret|token|api_?key)\w*=")


def make_lines(megabytes: int) -> list[str]:
    """Lines as programs write them: an access log, JSON, pg_dump, a worker."""
    lines, size, number = list[str](), 0, 0
    while size < megabytes * 1_000_000:
        number += 1
        lines += (
            f"2026-11-29T22:00:{number % 60:02}Z web-1  | GET /api/v1/rows/{number} 200 in {number % 97} ms",
            f'{{"level":30,"pid":1,"msg":"request completed","url":"/api/x?page={number}","ok":true}}',
            f'pg_dump: dumping contents of table "public.table_{number}"',
            f"INFO worker: job {number} done in {number % 13} s, 120 rows copied, 7% of 4 parts, 0 errors",
        )
        size += sum(map(len, lines[-4:]))
    return lines


def make_key() -> str:
    """The form of a private key of 2048 bits."""
    body = (base64.b64encode(secrets.token_bytes(48)).decode() for _ in range(26))
    return "\n".join(["-----BEGIN PRIVATE KEY-----", *body, "-----END PRIVATE KEY-----", ""])


def measure(work: Callable[[str], object], lines: list[str]) -> float:
    """Seconds of processor time for all lines; the best of two."""
    best = float("inf")
    for _ in range(2):
        began = time.process_time()
        for line in lines:
            work(line)
        best = min(best, time.process_time() - began)
    return best


def main() -> int:
    """Prints the table; exit code 1 when a line that had to be masked was not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=20)
    lines = make_lines(parser.parse_args().megabytes)
    words = [secrets.token_urlsafe(24) for _ in range(60)]
    hot = [f"{line} {words[number % 60]}" for number, line in enumerate(lines[:20_000])]
    copying, checking = measure(lambda line: line + "\n", lines), measure(CHECK.search, lines)
    print(f"{'':34} {'MB/s':>8} {'× copying':>10} {'× one regex':>12}")

    def show(name: str, work: Callable[[str], object], given: list[str]) -> None:
        size = sum(map(len, given)) / 1_000_000
        seconds, part = measure(work, given), size / (sum(map(len, lines)) / 1_000_000)
        ratios = f"{seconds / (copying * part):10.1f} {seconds / (checking * part):12.2f}"
        print(f"{name:34} {size / seconds:8.1f} {ratios}")

    show("copying", lambda line: line + "\n", lines)
    show("one regular expression", CHECK.search, lines)
    with_words = Redactor(words)
    show("no secret", Redactor().mask_line, lines)
    show("60 secrets", with_words.mask_line, lines)
    show("60 private keys", Redactor([make_key() for _ in range(60)]).mask_line, lines)
    show("60 secrets, one in each line", with_words.mask_line, hot)
    show("60 secrets, one line of 10 MB", with_words.mask_text, ["word by word " * 770_000])
    return int(any(MASK not in with_words.mask_line(line) for line in hot))


if __name__ == "__main__":
    sys.exit(main())
