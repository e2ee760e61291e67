"""Who answers whom: our own questions at a public address, and the counters that both stacks keep."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.clients.http import Caller, Reply
from integrations.errors import Problem, Unreachable
from integrations.systems import System


@dataclass
class Answers:
    """How many of our questions each stack answered, and how many failed (5xx, or no answer)."""

    old: int = 0
    new: int = 0
    unknown: int = 0
    errors: int = 0
    silent: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """All questions."""
        return self.old + self.new + self.unknown + len(self.silent)

    @property
    def old_percent(self) -> float:
        """Share of the old stack among those that one of the two answered."""
        known = self.old + self.new
        return round(100 * self.old / known, 1) if known else 0.0

    @property
    def errors_percent(self) -> float:
        """Share of questions without a good answer."""
        return round(100 * (self.errors + len(self.silent)) / self.asked, 1) if self.asked else 0.0


@dataclass(frozen=True)
class Counters:
    """Requests that people made, as each stack counts them; None where it keeps no counter."""

    old: int | None
    new: int | None

    def old_percent_since(self, before: Counters) -> float | None:
        """Share of the old stack since then; None when nothing is known or nobody came."""
        if None in (self.old, self.new, before.old, before.new):
            return None
        old, new = self.old - before.old, self.new - before.new  # type: ignore[operator]
        return round(100 * old / (old + new), 1) if old + new else None

    def requests_since(self, before: Counters) -> int | None:
        """How many requests came since then."""
        if None in (self.old, self.new, before.old, before.new):
            return None
        return (self.old - before.old) + (self.new - before.new)  # type: ignore[operator]


class Traffic:
    """A public address, and the two stacks that may answer there (systems of kind ``http``)."""

    def __init__(self, caller: Caller, public: System, old: System, new: System) -> None:
        self.caller, self.public, self.old, self.new = caller, public, old, new

    def ask(self, answers: Answers, path: str = "/health/live") -> None:
        """One question through a connection of its own; whoever answers is counted."""
        try:
            reply = self.caller.ask(self.public["url"], path, timeout=5)
        except Unreachable as silence:
            answers.silent.append(str(silence))
            return
        answers.errors += reply.status >= 500
        if is_from(reply, self.old):
            answers.old += 1
        elif is_from(reply, self.new):
            answers.new += 1
        else:
            answers.unknown += 1

    def counters(self) -> Counters:
        """Both counters now."""
        return Counters(self._counter(self.old), self._counter(self.new))

    def _counter(self, stack: System) -> int | None:
        path = stack.get("requests")
        if not path:
            return None
        try:
            reply = self.caller.ask(stack["url"], path, timeout=5)
            found: Mapping[str, Any] = reply.json()
            return int(found["total"])
        except (Unreachable, ValueError, KeyError, TypeError):
            return None  # a stack that is stopped counts nothing, and that is no mistake


def is_from(reply: Reply, stack: System) -> bool:
    """Whether this answer carries the stack's marker, “header: value” (the value may be a part)."""
    header, _, value = stack["marker"].partition(":")
    return value.strip().lower() in reply.headers.get(header.strip().lower(), "").lower()


def refuse_unmarked(old: System, new: System) -> None:
    """Raises `Problem` when the two stacks could not be told apart."""
    if old["marker"] == new["marker"]:
        raise Problem(
            f"“{old.name}” and “{new.name}” have the same marker.",
            means="Whoever answers could not be told.",
            next="Give each a marker: that only its answers carry, such as “server: new-api”.",
        )


def pause(seconds: float, began: float) -> None:
    """Sleeps so that what began then takes so long in all."""
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))
