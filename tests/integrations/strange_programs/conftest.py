"""Where programs are replaced by strange ones: the surroundings of the tests of this folder."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from integrations import background_program, programs
from integrations.actions import Context, platform_services, service_start, service_stop
from tests.allowed import allow
from tests.integrations.conftest import AppDatabase
from tests.integrations.strange_programs.good_programs import write_programs
from tests.integrations.strange_programs.kinds import World

PROGRAM = Path(__file__).with_name("program.sh")
MARK = re.compile(r"cutover-[0-9a-f]{32}")  # each start over ssh has another one
SHORT = 1.0  # seconds that a program may take which hangs


@dataclass
class Stage:
    """Replaces one program of a run, and notes which places of the code start programs."""

    strange: int = -1  # the number of the program that is replaced, in the order of their starts
    way: str = ""
    started: list[list[str]] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def missed(self, words: list[str]) -> bool:
        """Whether this run asked less often than the good one, and so never came to the strange program.

        How often a run that waits asks depends on how busy the machine is. Its first start is always met.
        """
        return len(self.started) <= self.strange and words in self.started

    def start(self, real: Callable[..., Any], words: list[str], **options: Any) -> Any:
        self.places |= set(_places_on_stack())
        self.started.append([MARK.sub("MARK", word) for word in words])
        if len(self.started) - 1 == self.strange:
            words = ["/bin/sh", str(PROGRAM), self.way, *words]
        return real(words, **options)


def _places_on_stack() -> Iterator[str]:
    for frame, _ in traceback.walk_stack(None):
        yield f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made, real, checker = Stage(), programs.start_program, programs._checker
    for module in (programs, background_program):
        monkeypatch.setattr(module, "start_program", lambda words, **more: made.start(real, words, **more))

    def soon(report: Any, timeout: float | None, program: str) -> Callable[[], None]:
        return checker(report, SHORT if made.way == "hangs" else timeout, program)

    monkeypatch.setattr(programs, "_checker", soon)
    monkeypatch.setattr(programs, "GRACE", 0.5)
    for module in (service_start, service_stop):
        monkeypatch.setattr(module, "WAIT_SECONDS", 0.5)
    monkeypatch.setattr(platform_services, "POLL_SECONDS", 0.2)
    return made


@pytest.fixture
def world(
    tmp_path: Path,
    app_database: AppDatabase,
    new_context: Callable[..., Context],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    folder = write_programs(tmp_path / "bin")
    monkeypatch.setenv("CUTOVER_PROGRAMS", str(tmp_path / "allowed-programs"))
    allow(folder / "program")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return World(folder, app_database, new_context)
