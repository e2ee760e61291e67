"""How a load balancer shares requests between two stacks: by weights, with named people before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.clients.proxies.named_people import NamedPeople
from integrations.clients.proxies.proxy import Proxy, Weights, changed_meanwhile
from integrations.errors import Problem


@dataclass(frozen=True)
class Sharing:
    """Named people reach the new stack; all others are shared by the weights."""

    weights: Weights
    people: NamedPeople = field(default_factory=NamedPeople)

    @classmethod
    def read(cls, proxy: Proxy) -> Sharing:
        """As the load balancer has it now. Raises `Problem`."""
        return cls(proxy.read()[0], proxy.read_people())

    @classmethod
    def from_facts(cls, weights: Mapping[str, int], people: Any) -> Sharing:
        """Reads `as_facts` of the weights and of the people; facts of before people could be named too."""
        return cls(Weights(**weights), NamedPeople.parse(people or {}))

    def describe_change(self, before: Sharing, proxy: Proxy) -> list[str]:
        """What `apply` sends, as text for a preview; empty when everything is so already."""
        lines = proxy.commands(self.weights) if self.weights != before.weights else []
        return lines + (proxy.people_commands(self.people) if self.people != before.people else [])

    def apply(self, before: Sharing, proxy: Proxy) -> None:
        """Changes what differs from ``before``. Raises `Problem` when that is no longer so."""
        if why := proxy.explain_unsupported(self.people):
            raise Problem(why, means="Nothing was changed.", next="Correct people:, or the system.")
        if self.weights != before.weights:
            now, version = proxy.read()
            if now != before.weights:
                raise changed_meanwhile(proxy.where)
            proxy.set(self.weights, version)
        if self.people != before.people:
            proxy.set_people(self.people, before.people)

    def __str__(self) -> str:
        return f"{self.weights}; {self.people} to the new stack" if self.people else str(self.weights)
