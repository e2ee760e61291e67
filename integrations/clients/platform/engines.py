"""Which command-line programs of platforms are installed on the worker's host, and which one is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence

from integrations import programs
from integrations.clients.platform.platform import READ_TIMEOUT, Platform
from integrations.errors import Problem

ENGINES = ("docker", "helm", "kubectl")


def installed_engines(words: Iterable[str] = ENGINES) -> dict[str, bool]:
    """Program → whether it is installed."""
    return {word: shutil.which(word) is not None for word in words}


def missing_programs(commands: Sequence[Sequence[str]]) -> list[str]:
    """The programs of these commands that are not installed, each once."""
    return list(dict.fromkeys(command[0] for command in commands if not _is_there(command[0])))


def refuse_missing_engines(driver: Platform, commands: Sequence[Sequence[str]], attempt: str = "") -> None:
    """Raises `Problem` when a program of these commands is not installed; it names those that are."""
    absent = missing_programs(commands)
    if absent:
        raise _missing_program(driver, ", ".join(absent))
    if any(list(command[:2]) == ["docker", "compose"] for command in commands):
        # Not in the folder of the system: one that is missing is another error.
        done = programs.run(
            ["docker", "compose", "version"], capture=True, attempt=attempt, timeout=READ_TIMEOUT
        )
        if not done.ok:
            raise _missing_program(driver, "Compose, docker's plugin,", done.stderr.strip()[:400])


def _missing_program(driver: Platform, what: str, reason: str = "") -> Problem:
    there = ", ".join(name for name, here in installed_engines().items() if here) or "none"
    return Problem(
        f"{what} is not installed where the worker runs.{f' {reason}' if reason else ''}",
        means=f"The driver “{driver.system.driver()}” needs it. Nothing was started. "
        f"Of {', '.join(ENGINES)} there is: {there}.",
        next="Install it (Compose: docker-compose-plugin), or set driver: to an engine that is there.",
    )


def _is_there(program: str) -> bool:
    try:
        programs.find_program(program)
    except Problem:
        return False
    return True
