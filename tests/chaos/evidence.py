"""What a run is judged by, and the list of the properties that are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.chaos.faults import Faults
from tests.chaos.journal import Journal
from tests.chaos.people import People
from tests.chaos.processes import Processes
from tests.chaos.surroundings import Surroundings

SLACK = 2.0  # seconds beyond a promised limit, for a machine that has more to do
Check = Callable[["Evidence"], Iterator[str]]
PROPERTIES: dict[str, Check] = {}


@dataclass(frozen=True)
class Evidence:
    """What is judged."""

    around: Surroundings
    people: People
    faults: Faults
    panel: Processes
    journal: Journal

    @classmethod
    def collect(cls, around: Surroundings, people: People, faults: Faults, panel: Processes) -> Evidence:
        """Reads the journal when nothing writes into it any more."""
        return cls(around, people, faults, panel, Journal.read(around.journal))


@dataclass(frozen=True)
class Verdict:
    """A property with what speaks against it."""

    name: str
    violations: list[str]


def judge(evidence: Evidence) -> list[Verdict]:
    """Every property."""
    return [Verdict(name, sorted(set(check(evidence)))) for name, check in PROPERTIES.items()]


def add_property(name: str) -> Callable[[Check], Check]:
    """Adds the decorated function to the properties, under this name."""

    def register(check: Check) -> Check:
        PROPERTIES[name] = check
        return check

    return register
