"""The installation allows and has every program that the runbook names, and hosts let the worker in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from integrations.clients.remote_program import run_remote
from integrations.clients.ssh import SshHost
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.result import CheckResult
from integrations.runbook_commands import NamedCommand, WordList, read_command
from integrations.sizes import format_bytes
from integrations.system_kinds import system_kinds
from integrations.systems import System

SSH_TIMEOUT = 8.0  # seconds for a connection and a program that ends at once
REACHED = ("true",)
DISKS = ("df", "-Pk")  # POSIX: one line for each file system, in blocks of 1024 bytes
LITTLE = 0.05  # share of a file system; below it a person has to know
#: what placeholders of platforms stand for, so that the words of a template can be judged
FILLED = {"{services}": [], "{images}": [], "{image}": ["image"]}
#: file systems without a disk of their own
VIRTUAL = ("tmpfs", "devtmpfs", "overlay", "udev", "none", "shm", "efivarfs")


@preflight_check(
    "commands.allowed", "Every program that the runbook names is allowed and installed", texts_shown=True
)
def check_commands(scope: CheckScope) -> Iterator[CheckResult]:
    """Nothing is started: the words are compared with the installation's list of programs."""
    for system in scope.systems.values():
        for setting in sorted(system_kinds()[system.kind].commands & set(system.settings)):
            question = Question(
                f"{system.name}: {setting}", "whether its program is allowed and installed", (system.name,)
            )
            yield from _judge_setting(system, setting, question)
    for item in scope.items_of("command.run"):
        for name in (name for name in ("argv", "probe") if item.params.get(name)):
            question = Question(
                f"{item.key}: {name}", "whether its program is allowed and installed", (), (item.key,)
            )
            yield _judge_item(scope, item, name, question)


def _judge_setting(system: System, setting: str, question: Question) -> Iterator[CheckResult]:
    try:
        if not system[setting].strip():
            return
        folder = system.get("project") or system.get("folder") or None
        command = read_command(system, setting, FILLED, folder=folder)
    except Problem as problem:
        yield question.explain(problem)
        return
    yield _judge_file(question, command[0])


def _judge_file(question: Question, path: str) -> CheckResult:
    if Path(path).is_file() and os.access(path, os.X_OK):
        return question.green(f"{path} is allowed, and is there.")
    return question.red(
        f"{path} is allowed, and is not there, or the user that runs the worker may not start it.",
        "Install it where the worker runs, or correct the list of allowed programs.",
    )


def _judge_item(scope: CheckScope, item: PlannedItem, name: str, question: Question) -> CheckResult:
    try:
        command, host = _named_command(scope, item, name)
        allowed = command.allow()
    except (Problem, ValueError) as problem:
        found = problem if isinstance(problem, Problem) else Problem(f"{name}: {problem}", next="Correct it.")
        return question.explain(found)
    if host:
        return question.green(f"{allowed[0]} is allowed on {host}. Whether it is there, only a start tells.")
    return _judge_file(question, allowed[0])


def _named_command(scope: CheckScope, item: PlannedItem, name: str) -> tuple[NamedCommand, str]:
    params = scope.systems.fill_variables(dict(item.params))
    words = WordList.of(item.params[name], params[name], scope.systems.environ)
    system, folder = scope.systems.get(str(params.get("host"))), scope.systems.get(str(params.get("folder")))
    host = SshHost.of(system).name if system else ""
    path = folder["path"] if folder else None
    return NamedCommand(words.words, words.masked, f"{name}: of the item", host, path), host


@preflight_check(
    "hosts.reachable",
    "Hosts let the worker in over ssh, and have room on their disks",
    seconds=40,
    texts_shown=True,
)
def check_hosts(scope: CheckScope) -> Iterator[CheckResult]:
    """Runs “true” on each host; then “df -Pk”, where the list of allowed programs has df for that host."""
    questions = []
    for system in scope.systems_of("host"):
        asked = "a connection by ssh, with a known host key and without a password"
        question = Question(f"{system.name}: ssh", asked, (system.name,))
        questions.append((question, partial(_ask_host, system, question)))
    yield from ask_all(scope, questions)


def _ask_host(system: System, question: Question) -> Iterator[CheckResult]:
    host = SshHost.of(system)
    _run(host, REACHED)
    yield question.green(f"{host.name} let us in, and its host key is known.")
    try:
        command = NamedCommand(DISKS, DISKS, "the preflight", host.name).allow()
    except Problem:
        return  # the installation does not want us to look
    asked = Question(f"{system.name}: disks", f"{' '.join(DISKS)} on the host", question.systems)
    yield _judge_disks(asked, parse_disks(_run(host, command)))


def _run(host: SshHost, words: Sequence[str]) -> str:
    done = run_remote(host, words, capture=True, timeout=SSH_TIMEOUT, attempt="preflight")
    if not done.ok:
        raise Problem(
            f"{words[0]} ended with code {done.code} on {host.name}.",
            means=done.stderr.strip()[:300],
            next="Run it there by hand as that account.",
        )
    return done.stdout


@dataclass(frozen=True)
class HostDisk:
    """One file system of a host: where it is mounted, and its bytes."""

    mount: str
    total: int
    free: int


def parse_disks(text: str) -> list[HostDisk]:
    """The file systems that ``df -Pk`` lists, without those that have no disk."""
    found = []
    for line in text.splitlines()[1:]:
        parts = line.split(None, 5)
        if len(parts) == 6 and parts[1].isdecimal() and parts[3].isdecimal() and parts[0] not in VIRTUAL:
            found.append(HostDisk(parts[5], int(parts[1]) * 1024, int(parts[3]) * 1024))
    return [one for one in found if one.total]


def _judge_disks(question: Question, disks: list[HostDisk]) -> CheckResult:
    if not disks:
        return question.unknown("Its df lists no file system.", "Look at its disks by hand.")
    texts = ", ".join(f"{one.mount}: {format_bytes(one.free)} of {format_bytes(one.total)}" for one in disks)
    little = [one.mount for one in disks if one.free < one.total * LITTLE]
    if little:
        return question.amber(f"Free are {texts}.", f"Make room on {', '.join(little)} before the window.")
    return question.green(f"Free are {texts}.")
