"""The line of a program's log that tells why it ended."""

from __future__ import annotations

import re
from collections.abc import Sequence

ERROR = re.compile(r"error|exception|fatal|panic|cannot|could not", re.IGNORECASE)
STACK = re.compile(r"\s*(at |File \"|\.{3} |\^)")  # frames of Node.js, Java and Python


def find_cause(lines: Sequence[str]) -> str:
    """The last line about an error, or else the last line; "" for a log without lines.

    A program that crashes ends its log with a stack trace, hints or its version, long after the cause.
    """
    named = [line for line in lines if ERROR.search(line) and not STACK.match(line)]
    return (named or list(lines) or [""])[-1].strip()[:300]
