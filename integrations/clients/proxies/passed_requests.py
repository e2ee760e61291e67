"""The requests that a load balancer has passed to its two members."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from integrations.errors import Problem
from integrations.json_values import parse_json

MAX_SCAN = 64 * 1024 * 1024  # bytes at the end of a log that are read at first
NOT_KNOWN = "How many requests it passes to which stack is not known."
LOG_SETTING = "path of its access log: JSON lines with `ts` (seconds) and `upstream`"


@dataclass(frozen=True)
class MemberRequests:
    """Requests passed to one member since ``since``; None: not known when the last came, or since when."""

    total: int
    last_at: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class PassedRequests:
    """Requests passed to each of the two members."""

    old: MemberRequests
    new: MemberRequests


class AccessLog:
    """Counts the lines of an access log by upstream. Each line is a JSON object with ``ts``, in seconds
    since 1970, and ``upstream``, the address that the request was passed to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.inode, self.offset = 0, -1
        self.totals: Counter[str] = Counter()
        self.last: dict[str, float] = {}
        self.since: float | None = None
        self.lines = 0

    def read(self, old: str, new: str) -> PassedRequests:
        """Counts what was written since the last call. Raises `Problem` when that is not known."""
        try:
            with self.path.open("rb") as file:
                self._seek(file)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    self.offset += len(line)
                    self._count(line)
        except OSError as error:
            raise not_counted(f"the log {self.path} cannot be read: {error.strerror}") from None
        self._require_upstreams(old, new)
        return PassedRequests(self._of(old), self._of(new))

    def _seek(self, file: Any) -> None:
        found = os.fstat(file.fileno())
        if self.offset < 0:
            self.inode, self.offset = found.st_ino, max(0, found.st_size - MAX_SCAN)
            file.seek(self.offset)
            if self.offset:
                self.offset += len(file.readline())  # the rest of a line
        elif found.st_ino != self.inode or found.st_size < self.offset:
            raise not_counted(f"the log {self.path} was rotated while it was read. Start this again")
        file.seek(self.offset)

    def _count(self, line: bytes) -> None:
        try:
            entry = parse_json(line)
            at, upstream = float(entry["ts"]), str(entry.get("upstream") or "")
            datetime.fromtimestamp(at, UTC)  # refuses what is no time of ours: 1e30, NaN
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
            raise not_counted(f"a line of {self.path} is no JSON object with “ts” in seconds") from None
        self.lines += 1
        self.since = at if self.since is None else min(self.since, at)
        # A request that was passed on again after a failure names every address, the last one answered.
        upstream = upstream.rpartition(",")[2].strip()
        if upstream not in ("", "-"):
            self.totals[upstream] += 1
            self.last[upstream] = max(at, self.last.get(upstream, 0.0))

    def _require_upstreams(self, old: str, new: str) -> None:
        if self.lines and not self.totals:
            raise not_counted(f"no line of {self.path} says where its request was passed (“upstream”)")
        if self.totals and not self.totals.keys() & {old, new}:
            named = ", ".join(sorted(self.totals)[:3])
            raise not_counted(f"{self.path} names {named}, and neither {old} nor {new}")

    def _of(self, member: str) -> MemberRequests:
        last = self.last.get(member)
        return MemberRequests(
            self.totals[member],
            datetime.fromtimestamp(last, UTC) if last else None,
            datetime.fromtimestamp(self.since, UTC) if self.since is not None else None,
        )


def not_counted(why: str) -> Problem:
    """The error for a load balancer whose requests cannot be counted."""
    return Problem(
        f"The requests cannot be counted: {why}.",
        means=NOT_KNOWN,
        next="docs/reference/runbook-file.md says what each load balancer has to be given (kind proxy).",
    )
