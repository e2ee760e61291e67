"""What the panel needs of every load balancer: read and set who reaches which of two members of a pool."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from integrations.clients import load_drivers
from integrations.clients.http import HttpClient
from integrations.clients.proxies.named_people import NamedPeople
from integrations.clients.proxies.passed_requests import PassedRequests, not_counted
from integrations.errors import Problem
from integrations.systems import System, Systems


@dataclass(frozen=True)
class Weights:
    """How requests are shared: percent to the old stack and to the new; both add up to 100."""

    old: int
    new: int

    @classmethod
    def to_new(cls, percent: int) -> Weights:
        """``percent`` to the new stack, the rest to the old."""
        return cls(100 - percent, percent)

    @classmethod
    def of_parts(cls, old: int, new: int) -> Weights:
        """From weights that need not add up to 100. Raises `Problem` when both are 0."""
        if old + new <= 0:
            raise Problem(
                "The load balancer sends requests to neither stack.", next="Look at its configuration."
            )
        return cls.to_new(round(100 * new / (old + new)))

    def smallest_parts(self) -> tuple[int, int]:
        """The same weights as the smallest whole numbers: 4 and 1 for 80 and 20.

        Caddy gives as many requests in a row to one member as its weight says: of 80 and 20, forty requests
        would show anything between 0 and 50 %.
        """
        divisor = math.gcd(self.old, self.new)
        return self.old // divisor, self.new // divisor

    def as_facts(self) -> dict[str, int]:
        """The weights as JSON values, for evidence."""
        return {"old": self.old, "new": self.new}

    def __str__(self) -> str:
        return f"{self.old} % old, {self.new} % new"


class Proxy(ABC):
    """One pool of a load balancer with two members, the settings ``old`` and ``new``; base of the drivers."""

    def __init__(self, system: System, http_client: HttpClient) -> None:
        self.system, self.http_client = system, http_client

    @property
    def where(self) -> str:
        """``driver:pool``, without secrets: for people, and as the name of the resource."""
        return f"{self.system.driver()}:{self.system['pool']}"

    @abstractmethod
    def read(self) -> tuple[Weights, Any]:
        """The weights now, and a version of the state that they were read from. Raises `Problem`."""

    @abstractmethod
    def set(self, weights: Weights, version: Any) -> None:
        """Sets the weights without dropping open connections.

        Raises `Problem` when the state is no longer the one that `read` gave as ``version``, or the load
        balancer refuses; nothing has changed then.
        """

    def read_requests(self) -> PassedRequests:
        """The requests that it passed to each member. Raises `Problem` when that is not known."""
        raise not_counted(f"{self.where} has no counter that the panel can read")

    @abstractmethod
    def commands(self, weights: Weights) -> list[str]:
        """What `set` sends, as text for a preview."""

    def explain_unsupported(self, people: NamedPeople) -> str:
        """Why this load balancer cannot tell these people apart, in a sentence; "" when it can.

        Asked also when a runbook is checked: it sends nothing.
        """
        return f"{self.system.driver()} cannot send named people to the new stack." if people else ""

    def read_people(self) -> NamedPeople:
        """Who reaches the new stack whatever the weights are. Raises `Problem` when that is not known."""
        return NamedPeople()

    def set_people(self, people: NamedPeople, before: NamedPeople) -> None:
        """Sends these people to the new stack, and no others, without dropping open connections.

        Raises `Problem` when those of now are no longer ``before``, or the load balancer refuses; nothing
        has changed then.
        """
        if people or before:
            raise Problem(self.explain_unsupported(people or before), means="Nothing was changed.")

    def people_commands(self, people: NamedPeople) -> list[str]:
        """What `set_people` sends, as text for a preview."""
        return []


def changed_meanwhile(where: str) -> Problem:
    """The error for a pool that somebody else changed between our read and our write."""
    return Problem(
        f"{where} was changed by somebody else just now.",
        means="Nothing was written: their change would have been lost.",
        next="Find out who it was, look at the weights, then start this again.",
    )


def missing_member(system: System, found: list[str]) -> Problem:
    """The error for a pool that does not have the two members that the runbook names."""
    return Problem(
        f"{system['pool']} does not share between {system['old']} and {system['new']}.",
        means=f"Its members are: {', '.join(found) or 'none'}. Nothing was changed.",
        next="Correct pool:, old: and new: of the system, or add the missing member with weight 0.",
    )


def get_proxy(system: System, systems: Systems) -> Proxy:
    """The load balancer of a system of kind ``proxy``. Raises `Problem` for an unknown driver."""
    load_drivers()
    proxy_class = system.registered_driver().implementation_of(Proxy)
    return proxy_class(system, HttpClient.of(systems))
