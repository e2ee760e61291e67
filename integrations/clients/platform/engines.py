"""Which engines are installed where the worker runs, and which of them a platform needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence

from integrations import programs
from integrations.clients.platform.driver import Driver
from integrations.errors import Problem

ENGINES = ("docker", "helm", "kubectl")


def installed(words: Iterable[str] = ENGINES) -> dict[str, bool]:
    """Each program, and whether it is there."""
    return {word: shutil.which(word) is not None for word in words}


def missing(commands: Sequence[Sequence[str]]) -> list[str]:
    """The programs of these commands that are not installed, once each."""
    return list(dict.fromkeys(command[0] for command in commands if not _is_there(command[0])))


def refuse_missing(driver: Driver, commands: Sequence[Sequence[str]], attempt: str = "") -> None:
    """Raises `Problem` that names the engine that these commands need, and those that are there instead."""
    absent = missing(commands)
    if absent:
        raise _absent(driver, ", ".join(absent))
    if any(list(command[:2]) == ["docker", "compose"] for command in commands):
        try:
            driver.ask(["docker", "compose", "version"], attempt)
        except Problem as problem:
            raise _absent(driver, "Compose, docker's plugin,", problem.means) from None


def _absent(driver: Driver, what: str, said: str = "") -> Problem:
    there = ", ".join(name for name, here in installed().items() if here) or "none"
    return Problem(
        f"{what} is not installed where the worker runs.{f' {said}' if said else ''}",
        means=f"The driver “{driver.system.driver()}” needs it. Nothing was started. "
        f"Of {', '.join(ENGINES)} there is: {there}.",
        next="Install it (Compose: docker-compose-plugin), or set driver: to an engine that is there.",
    )


def _is_there(program: str) -> bool:
    try:
        programs.find(program)
    except Problem:
        return False
    return True
