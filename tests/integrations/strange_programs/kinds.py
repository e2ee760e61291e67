"""What is played with strange programs: an action, a check of the preflight, or a call of a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integrations.actions import Context, Outcome, registry
from integrations.preflight import Verdict, registered_checks
from integrations.preflight.runner import run_checks
from tests.integrations.conftest import AppDatabase
from tests.integrations.preflight.scopes import planned, scope_of
from tests.integrations.recorder import Recorder

Facts = dict[str, Any]


@dataclass(frozen=True)
class World:
    """What cases are made from: the folder of good programs, a filled database, and how a context is made."""

    folder: Path
    database: AppDatabase
    new_context: Callable[..., Context]


@dataclass(frozen=True)
class ProgramCase:
    """An action that starts programs, and all that it needs. ``starts``: places of the code, module.function.

    ``by_exit_code``: the action's contract with the program is its exit code alone, for this reason.
    """

    name: str
    action: str
    systems: Callable[[World], Mapping[str, Any]]
    params: Mapping[str, Any]
    starts: tuple[str, ...]
    evidence: Callable[[World, Mapping[str, Any]], Mapping[str, Facts]] = lambda world, systems: {}
    by_exit_code: str = ""
    exit_codes: Mapping[str, str] = field(
        default_factory=dict
    )  # a word of a command of which only it counts → why
    found_later: Mapping[str, str] = field(default_factory=dict)  # a way → what finds it instead
    never_succeeds: str = ""  # why not even the good programs are a success
    tolerates: Mapping[str, str] = field(default_factory=dict)  # a word of the command → why

    def __str__(self) -> str:
        return self.name

    def prepare(self, world: World) -> Callable[[Recorder], Any]:
        """What runs the action once; each call is another attempt."""
        systems = self.systems(world)
        evidence = self.evidence(world, systems)
        action = registry()[self.action]

        def run(report: Recorder) -> Any:
            context = world.new_context(systems, **evidence)
            return action.run(action.bind(self.params, context), report)

        return run


@dataclass(frozen=True)
class CheckCase(ProgramCase):
    """A check of the preflight, run as the preflight runs it: ``action`` is empty, ``check`` its key.

    It succeeds where every result is green.
    """

    check: str = ""
    items: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    def prepare(self, world: World) -> Callable[[Recorder], Any]:
        """What runs the check once."""
        scope = scope_of(self.systems(world), items=planned(**self.items))

        def run(report: Recorder) -> Outcome:
            (ended,) = run_checks(scope, [registered_checks()[self.check]])
            about = [one for one in ended.results if self.params["about"] in one["subject"]]
            bad = [one for one in about if one["verdict"] != Verdict.GREEN]
            report.evidence({"results": about})
            return Outcome(
                bool(about) and not bad, " ".join(one["seen"] for one in bad or about) or "nothing"
            )

        return run


@dataclass(frozen=True)
class ClientCase(ProgramCase):
    """A call of a client that no action of the registry makes by itself: ``call`` makes it."""

    call: Callable[[World, Recorder], Any] = lambda world, report: None

    def prepare(self, world: World) -> Callable[[Recorder], Any]:
        """What calls it once."""

        def run(report: Recorder) -> Outcome:
            self.call(world, report)
            return Outcome(True, "It raised nothing.")

        return run
