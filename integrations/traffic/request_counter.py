"""Counts requests to both stacks where they pass: at load balancers, or at counters of the applications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.clients.http import HttpClient
from integrations.clients.proxies import Proxy, get_proxy
from integrations.clients.proxies.passed_requests import MemberRequests
from integrations.errors import Problem, Unreachable
from integrations.json_answer import JsonAnswer
from integrations.systems import System, Systems


@dataclass(frozen=True)
class RequestCount:
    """A counter at one moment: all requests, when the last one came, and since when it counts (if known)."""

    total: int
    last_at: datetime | None
    since: datetime | None
    read_at: datetime

    @property
    def known_quiet_from(self) -> datetime | None:
        """Since when no request came, as far as the counter goes back; None when it does not tell."""
        return self.last_at or (self.since if self.total == 0 else None)

    def as_facts(self) -> dict[str, Any]:
        """Returns JSON values; times are ISO 8601."""
        moments = {"last_at": self.last_at, "since": self.since, "read_at": self.read_at}
        return {"total": self.total, **{name: at and at.isoformat() for name, at in moments.items()}}


@dataclass(frozen=True)
class StackCounters:
    """Requests of all clients to each stack; None where that is not known, and ``reason`` says why."""

    old: int | None
    new: int | None
    reason: str = ""

    def requests_since(self, before: StackCounters, own: tuple[int, int] = (0, 0)) -> Requests | None:
        """The requests that came since then, without our own (to the old stack, to the new).

        None when it is not known, also for counters that were set back meanwhile.
        """
        if self.old is None or self.new is None or before.old is None or before.new is None:
            return None
        old, new = self.old - before.old, self.new - before.new
        if old < 0 or new < 0:
            return None
        return Requests(max(0, old - own[0]), max(0, new - own[1]))


@dataclass(frozen=True)
class Requests:
    """Requests that reached each stack in a time."""

    old: int
    new: int

    def __add__(self, other: Requests) -> Requests:
        return Requests(self.old + other.old, self.new + other.new)

    @property
    def total(self) -> int:
        """Requests to both."""
        return self.old + self.new

    @property
    def old_percent(self) -> float | None:
        """The share of the old stack; None without requests."""
        return round(100 * self.old / self.total, 1) if self.total else None


class TrafficCounter:
    """Reads how many requests reached each stack.

    ``proxies`` are the load balancers that pass them. Without any, an application's own counter is read
    (``requests:`` of the system), where both stacks have one; else that of ``default``.
    """

    def __init__(
        self,
        systems: Systems,
        proxies: Sequence[System],
        old: System,
        new: System | None = None,
        *,
        default: System | None = None,
    ) -> None:
        self.http_client, self.old, self.new = HttpClient.of(systems), old, new
        own_counters = bool(old.get("requests")) and (new is None or bool(new.get("requests")))
        named = list(proxies) or ([default] if default and not own_counters else [])
        self.proxies: list[Proxy] = [get_proxy(system, systems) for system in named]
        self.names = [system.name for system in named]

    @property
    def counts_own_requests(self) -> bool:
        """Whether requests of the panel are among those counted. Applications leave health checks out."""
        return bool(self.proxies)

    @property
    def where(self) -> str:
        """The places that count, for people."""
        return " and ".join(f"“{name}”" for name in self.names) or "the applications' own counters"

    def read(self) -> StackCounters:
        """Reads the counters of both stacks. What cannot be read becomes the reason."""
        try:
            if not self.proxies:
                return self._read_applications()
            found = [proxy.read_requests() for proxy in self.proxies]
        except Problem as problem:
            return StackCounters(None, None, problem.what)
        return StackCounters(sum(one.old.total for one in found), sum(one.new.total for one in found))

    def _read_applications(self) -> StackCounters:
        assert self.new is not None, "both stacks are counted"
        missing = [stack.name for stack in (self.old, self.new) if not stack.get("requests")]
        if missing:
            named = " and ".join(f"“{name}”" for name in missing)
            return StackCounters(None, None, f"Nothing counts the requests to {named}.")
        counts = [read_request_count(self.http_client, stack) for stack in (self.old, self.new)]
        return StackCounters(counts[0].total, counts[1].total)

    def read_old(self) -> RequestCount:
        """The requests to the old stack, with the last one's time. Raises `Problem` when it is not known."""
        if not self.proxies:
            return read_request_count(self.http_client, self.old)
        return _add_counts([proxy.read_requests().old for proxy in self.proxies])


def _add_counts(counts: Sequence[MemberRequests]) -> RequestCount:
    """One count for several places. Where one does not say when its last request came, nobody knows it."""
    used = [one for one in counts if one.total]
    lasts = [one.last_at for one in used if one.last_at]
    starts = [one.since for one in counts if one.since]
    return RequestCount(
        total=sum(one.total for one in counts),
        last_at=max(lasts) if used and len(lasts) == len(used) else None,
        since=max(starts) if len(starts) == len(counts) else None,
        read_at=datetime.now(UTC),
    )


def read_request_count(http_client: HttpClient, stack: System) -> RequestCount:
    """Reads an application's own counter. Raises `Problem` when that fails: what it served is not known."""
    if not stack.get("requests"):
        raise Problem(
            f"Nothing counts the requests to “{stack.name}”.",
            means="Whether anybody still uses it is not known.",
            next="Name the load balancers that pass its requests in counted_at: of the item.",
        )
    try:
        reply = http_client.request(stack["url"], stack["requests"], timeout=5)
        if not reply.ok:
            raise _make_problem(stack, f"it answers {reply.status}")
        found = JsonAnswer(reply.json())
        total = found.at("total").whole(0)
        last, since = _parse_time(found.find("last_at")), _parse_time(found.find("since"))
    except Unreachable as silence:
        raise Problem(
            f"The request counter of “{stack.name}” does not answer: {silence.what}",
            means=f"{silence.means} Whether it served anything in the agreed time is not known.",
            next="Name the load balancers that pass its requests in counted_at:, or let it run read-only.",
        ) from None
    except ValueError as error:
        raise _make_problem(stack, f"its answer is not {{“total”, “last_at”}} ({error})") from None
    if total and last is None:
        raise _make_problem(stack, "it served requests and does not say when the last came")
    return RequestCount(total, last, since, datetime.now(UTC))


def _parse_time(found: JsonAnswer | None) -> datetime | None:
    return found.moment() if found and found.value != "" else None


def _make_problem(stack: System, why: str) -> Problem:
    return Problem(
        f"The request counter of “{stack.name}” cannot be read: {why}.",
        means="Whether it served anything in the agreed time is not known.",
        next="Check requests: of the system, or name the load balancers in counted_at: of the item.",
    )
