"""What every load balancer can do here, and which one a system is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from integrations.clients.http import Caller
from integrations.errors import Problem
from integrations.systems import System, Systems


@dataclass(frozen=True)
class Weights:
    """How requests are shared: percent to the old stack and to the new, together 100."""

    old: int
    new: int

    @classmethod
    def to_new(cls, percent: int) -> Weights:
        """So many percent to the new stack, the rest to the old."""
        return cls(100 - percent, percent)

    @classmethod
    def of_parts(cls, old: int, new: int) -> Weights:
        """From weights that do not add up to 100. Raises `Problem` when nobody gets anything."""
        if old + new <= 0:
            raise Problem(
                "The load balancer sends requests to neither stack.", next="Look at its configuration."
            )
        return cls.to_new(round(100 * new / (old + new)))

    def as_facts(self) -> dict[str, int]:
        """JSON."""
        return {"old": self.old, "new": self.new}

    def __str__(self) -> str:
        return f"{self.old} % old, {self.new} % new"


class Proxy:
    """One pool of a load balancer with two members: the system's ``old`` and ``new``."""

    def __init__(self, system: System, caller: Caller) -> None:
        self.system, self.caller = system, caller

    @property
    def where(self) -> str:
        """Its name for people and as a resource, without secrets."""
        return f"{self.system.driver()}:{self.system['pool']}"

    def read(self) -> tuple[Weights, Any]:
        """The weights now, and a mark of the state they were read from. Raises `Problem`."""
        raise NotImplementedError

    def set(self, weights: Weights, mark: Any) -> None:
        """Sets them without dropping open connections; refused when the state is no longer that of ``mark``.

        Raises `Problem`; nothing has changed then.
        """
        raise NotImplementedError

    def commands(self, weights: Weights) -> list[str]:
        """What `set` sends, in words for a preview."""
        raise NotImplementedError


def changed_meanwhile(where: str) -> Problem:
    """Somebody else changed it between our reading and our writing."""
    return Problem(
        f"{where} was changed by somebody else just now.",
        means="Nothing was written: their change would have been lost.",
        next="Find out who it was, look at the weights, then start this again.",
    )


def no_member(system: System, found: list[str]) -> Problem:
    """The pool does not have the two members that the runbook names."""
    return Problem(
        f"{system['pool']} does not share between {system['old']} and {system['new']}.",
        means=f"Its members are: {', '.join(found) or 'none'}. Nothing was changed.",
        next="Correct pool:, old: and new: of the system, or add the missing member with weight 0.",
    )


def proxy_of(system: System, systems: Systems) -> Proxy:
    """The load balancer behind a system of kind ``proxy``. Raises `Problem`."""
    from integrations.clients.proxies import caddy, haproxy, kubernetes, nginx

    drivers: dict[str, type[Proxy]] = {
        "caddy": caddy.Caddy,
        "haproxy": haproxy.Haproxy,
        "nginx": nginx.Nginx,
        "kubernetes": kubernetes.Kubernetes,
    }
    return drivers[system.driver()](system, Caller.of(systems))
