"""The contract of a check: a function that asks the systems of a runbook something and yields results.

A module in ``checks/`` looks like this, and nothing else has to be changed to add one::

    @preflight_check("postgres.sequences", "Sequences are ahead of the rows")
    def check_sequences(scope: CheckScope) -> Iterator[CheckResult]:
        for system in scope.systems_of("postgres"):
            with scope.database(system) as connection:
                ...
                yield CheckResult(subject=..., verdict=Verdict.RED, asked=..., seen=..., change=...,
                                  systems=(system.name,))

A check yields at least one result for everything that it looked at: a green one says what was asked and
seen. It yields nothing where the runbook has nothing of its kind. When it raises `Problem`, or takes longer
than its share of time, the runner reports UNKNOWN.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from integrations.artefacts import ArtefactStore, LocalArtefacts
from integrations.clients import postgres
from integrations.preflight.load import CheckTurn
from integrations.preflight.once import OncePerRun
from integrations.preflight.result import CheckResult
from integrations.systems import System, Systems

STATEMENT_TIMEOUT = 10_000  # milliseconds for one query of a check; see `CheckScope.database`


@dataclass(frozen=True)
class PlannedItem:
    """An item of the runbook that an action will carry out: its action's key, and its parameters as written
    (with ``${NAME}``; `Systems.fill_variables` fills them in)."""

    key: str
    title: str
    action: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class CheckScope:
    """Everything that a check may know: the systems, the items that are planned, and the window.

    ``now`` is the time of the panel's database when the monotonic clock stood at ``now_at``. ``evidence``
    is as in `integrations.actions.Context`: item's key → facts of its latest success. ``folder`` is the
    private folder of the cutover. Call ``raise_if_cancelled`` in loops: it raises once the check's time is
    over. ``turn`` bounds the load of a run; the runner sets both. ``once`` has what
    several checks of a run need.
    """

    systems: Systems
    items: Mapping[str, PlannedItem] = field(default_factory=dict)
    window: tuple[datetime, datetime] | None = None
    rehearsal: bool = True
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    folder: Path = Path()
    store: ArtefactStore | None = field(default=None, repr=False, compare=False)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    now_at: float = field(default_factory=time.monotonic)
    raise_if_cancelled: Callable[[], None] = lambda: None
    turn: CheckTurn | None = field(default=None, repr=False, compare=False)
    once: OncePerRun = field(default_factory=OncePerRun, repr=False, compare=False)

    @property
    def artefacts(self) -> ArtefactStore:
        """The files of the cutover that all hosts share."""
        return self.store or LocalArtefacts(self.folder, "")

    def database_time(self) -> datetime:
        """The time of the panel's database at this moment, for comparisons of clocks."""
        return self.now + timedelta(seconds=time.monotonic() - self.now_at)

    def systems_of(self, kind: str) -> list[System]:
        """The systems of one kind, in the order of the runbook."""
        return [system for system in self.systems.values() if system.kind == kind]

    def items_of(self, *actions: str) -> list[PlannedItem]:
        """The items that one of these actions carries out, in the order of the runbook."""
        return [item for item in self.items.values() if item.action in actions]

    @contextmanager
    def database(
        self, system: System, *, statement_timeout: int = STATEMENT_TIMEOUT
    ) -> Iterator[postgres.Connection]:
        """A read-only connection to a system of kind ``postgres``, with bounded load.

        One query at a time on each server without parallel workers, each for at most ``statement_timeout``
        milliseconds, waiting for no lock for more than a second. Raises `Unreachable`.
        """
        url = system["url"]
        if self.turn is not None:
            self.turn.system = system.name  # also when it cannot be reached: the result has to name it
        with postgres.connect(url, attempt="preflight", readonly=True) as connection:
            connection.execute("select set_config('statement_timeout', %s, false)", [str(statement_timeout)])
            connection.execute("set lock_timeout = '1s'")
            connection.execute("set max_parallel_workers_per_gather = 0")
            with self.turn.queries_of(connection, url) if self.turn else nullcontext():
                yield connection


CheckFunction = Callable[[CheckScope], Iterator[CheckResult]]


@dataclass(frozen=True)
class Check:
    """One registered check. ``seconds`` is its share of time; after that the rest of it is not known.

    ``texts_shown``: its results name no value of a row, and people who only watch may read them.
    """

    key: str
    title: str
    function: CheckFunction
    seconds: float
    texts_shown: bool = False


_CHECKS: dict[str, Check] = {}


def preflight_check(
    key: str, title: str, *, seconds: float = 15, texts_shown: bool = False
) -> Callable[[CheckFunction], CheckFunction]:
    """Registers a check. ``key`` is ``topic.thing``; ``title`` says what is right when it is green.

    Of a check without ``texts_shown``, people who only watch see the title and the verdict.
    """

    def register(function: CheckFunction) -> CheckFunction:
        known = _CHECKS.get(key)
        if known is not None and known.function is not function:
            raise ValueError(f"two checks are called {key}")
        _CHECKS[key] = Check(key, title, function, seconds, texts_shown)
        return function

    return register


def registered_checks() -> dict[str, Check]:
    """Every check by key, in alphabetical order; imports the modules in ``checks/``."""
    from integrations.preflight import checks

    checks.load()
    return dict(sorted(_CHECKS.items()))
