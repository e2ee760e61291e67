"""Platforms answer, and have the services that items start, stop and watch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from integrations import programs
from integrations.clients.platform import engines, get_platform
from integrations.clients.platform.platform import Platform
from integrations.clients.platform.service_status import ServiceStatus
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.result import CheckResult
from integrations.systems import System

ATTEMPT = "preflight"
CHANGES = ("service.start", "service.stop", "deploy.apply")
MOST_RIGHTS, RIGHTS_TIMEOUT = 20, 8.0  # questions to one platform, and seconds for one
CREATES = ("deploy.apply", "stack.provision")


@preflight_check(
    "platform.services",
    "Platforms answer and have the services that items name",
    seconds=45,
    texts_shown=True,
)
def check_services(scope: CheckScope) -> Iterator[CheckResult]:
    """The platform's status command, once for each platform."""
    questions = []
    for system in scope.systems_of("platform"):
        items = [item for item in scope.items.values() if item.params.get("platform") == system.name]
        if not items:
            continue  # nothing is asked of it
        question = Question(f"{system.name}: status", "the status of all services", (system.name,))
        questions.append((question, partial(_read_status, scope, system, items, question)))
    yield from ask_all(scope, questions)


def _read_status(
    scope: CheckScope, system: System, items: list[PlannedItem], question: Question
) -> Iterator[CheckResult]:
    platform = get_platform(system)
    command = platform.status_command()
    engines.refuse_missing_engines(platform, [command], ATTEMPT)
    try:
        found = platform.read_status(ATTEMPT)
    except Problem as problem:
        first = items[0]
        if first.action == "stack.provision" and first.key not in scope.evidence:
            yield question.amber(
                f"{problem.what} {problem.means} The item “{first.key}” sets this stack up, and has not "
                "succeeded yet.",
                "Nothing to do if the stack is not there yet; else run the status command by hand.",
            )
        else:
            yield question.explain(problem)
        return
    yield question.green(f"It has {', '.join(map(str, found.values())) or 'no services'}.")
    yield from _compare_services(scope, platform, items, found)


def _compare_services(
    scope: CheckScope, platform: Platform, items: list[PlannedItem], found: dict[str, ServiceStatus]
) -> Iterator[CheckResult]:
    system = platform.system
    made: dict[str, PlannedItem] = {}  # services that an item creates which has not succeeded yet
    judged: set[str] = set()
    for item in items:
        for name in _services_of(scope, item):
            if item.action in CREATES and item.key not in scope.evidence:
                made.setdefault(name, item)
            if name in judged:
                continue
            judged.add(name)
            using = tuple(each.key for each in items if name in _services_of(scope, each))
            question = Question(f"{system.name}: service {name}", "whether it is there", (), using)
            yield _judge_service(question, name, item, found, made)


def _judge_service(
    question: Question,
    name: str,
    first: PlannedItem,
    found: dict[str, ServiceStatus],
    made: dict[str, PlannedItem],
) -> CheckResult:
    if name in found:
        return question.green(str(found[name]))
    known = ", ".join(found) or "none"
    if name in made:
        return question.amber(
            f"It is not there yet; there are: {known}. “{made[name].key}” deploys it.",
            "See that the platform's files create it: some platforms only change what is there.",
        )
    return question.red(
        f"“{first.key}” needs it, and it is not there; there are: {known}.",
        "Correct the name in the item, or the mapping of services in the settings of the system.",
    )


@preflight_check(
    "platform.rights",
    "The platform lets the panel deploy and scale its services",
    seconds=45,
    texts_shown=True,
)
def check_rights(scope: CheckScope) -> Iterator[CheckResult]:
    """The platform's own answer, for each service that an item deploys, starts or stops, where it has one."""
    questions = []
    for system in scope.systems_of("platform"):
        items = [item for item in scope.items_of(*CHANGES) if item.params.get("platform") == system.name]
        names = dict.fromkeys(name for item in items for name in _services_of(scope, item))
        keys = tuple(item.key for item in items)
        question = Question(f"{system.name}: rights", "what its login may change", (), keys)
        questions.append((question, partial(_ask_rights, system, list(names), question)))
    yield from ask_all(scope, questions)


def _ask_rights(system: System, names: list[str], question: Question) -> Iterator[CheckResult]:
    platform = get_platform(system)
    commands = platform.rights_commands(names)[:MOST_RIGHTS]
    if not commands:
        return  # this platform has no such question
    engines.refuse_missing_engines(platform, commands[:1], ATTEMPT)
    refused = []
    for command in commands:
        done = programs.run(command, capture=True, attempt=ATTEMPT, timeout=RIGHTS_TIMEOUT)
        answer = done.stdout.split()[:1]
        # kubectl's exit code says the same as its answer (0 is yes). Where both differ, nothing is known.
        if answer == ["no"]:
            refused.append(" ".join(command[command.index("can-i") + 1 :]))
        elif answer != ["yes"] or not done.ok:
            said = " ".join((done.stderr or done.stdout).split())[:300]
            yield question.unknown(f"It does not say: {said or 'nothing'}", "Run the command by hand.")
            return
    if refused:
        yield question.red(
            f"The login may not: {'; '.join(refused)}.", "Give its role these rights in this namespace."
        )
    else:
        yield question.green(f"It may deploy and scale {', '.join(names)}.")


def _services_of(scope: CheckScope, item: PlannedItem) -> list[str]:
    """The services that an item names: in services:, or as the keys of images:."""
    services, images = item.params.get("services"), item.params.get("images")
    names = [str(name) for name in services] if isinstance(services, list) else []
    return names + (list(map(str, images)) if isinstance(images, dict) else [])
