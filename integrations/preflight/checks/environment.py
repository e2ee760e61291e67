"""Variables of the runbook are set, and environment files can be read and are complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from integrations import drivers
from integrations.environment.env_file import EnvFile, describe_faults, read_system_file
from integrations.environment.secret_names import PLACEHOLDER, check_value, find_missing
from integrations.errors import MissingVariable, Problem
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.questions import Question
from integrations.preflight.result import CheckResult, Verdict
from integrations.secrecy import Secrecy
from integrations.secret_values import SHORTEST_SECRET, find_short_secrets, list_system_texts
from integrations.system_kinds import system_kinds
from integrations.systems import System, Systems


@preflight_check("environment.variables", "Every variable that the runbook names is set", texts_shown=True)
def check_variables(scope: CheckScope) -> Iterator[CheckResult]:
    """Nothing is asked: the settings of each system and the parameters of each item are filled in."""
    for system in scope.systems.values():
        question = Question(f"{system.name}: variables", "the variables in its settings", (system.name,))
        yield _judge_settings(question, system)
    for item in scope.items.values():
        question = Question(f"{item.key}: variables", "the variables in its parameters", (), (item.key,))
        try:
            scope.systems.fill_variables(dict(item.params))
        except MissingVariable as missing:
            yield question.explain(missing)


@preflight_check("environment.secrets", "Secrets are long enough to be masked", texts_shown=True)
def check_secrets(scope: CheckScope) -> Iterator[CheckResult]:
    """Nothing is asked: production refuses a short secret when an item starts, and this says so before."""
    names = tuple(sorted(scope.systems))
    question = Question("length of secrets", "the secrets in the settings of all systems", names)
    if not (found := find_short_secrets(list_system_texts(scope.systems))):
        yield question.green(f"Each has {SHORTEST_SECRET} characters or more.")
        return
    verdict = Verdict.AMBER if scope.rehearsal else Verdict.RED
    yield question.result(
        verdict,
        f"Less than {SHORTEST_SECRET} characters: {'; '.join(found)}. Such a secret cannot be masked without "
        "hiding half of every log, so production starts nothing with it.",
        "Set longer secrets, or have the variable released as public if it is none.",
    )


def _judge_settings(question: Question, system: System) -> CheckResult:
    read = 0
    try:
        names = _read_settings(system)
    except Problem as problem:
        return question.explain(problem)
    for name in names:
        try:
            value = _fill(system, name)
        except MissingVariable as missing:
            return question.explain(missing)
        read += 1
        if not value and name in system_kinds()[system.kind].required:
            return question.red(f"{name}: is empty.", "Write it into the runbook, or set its variable.")
        if _is_placeholder(system, name, value):
            return question.red(
                f"{name}: is a placeholder, not a value.", "Set its variable to the real value."
            )
    return question.green(f"{read} settings have values.")


def _fill(system: System, name: str) -> str:
    """The value of a setting; of one that is a mapping, its variables are filled in, and “mapping” stands
    for it. Raises `MissingVariable`."""
    given = system.settings[name]
    if isinstance(given, str):
        return system[name]
    Systems({}, system.environ).fill_variables(given)
    return "mapping"


def _read_settings(system: System) -> list[str]:
    """The settings that its driver reads: those of other drivers may be empty. Raises `Problem`."""
    kind = system_kinds()[system.kind]
    if not kind.driver_setting:
        return list(system.settings)
    own = system.registered_driver()
    others = {name for each in drivers.drivers_of(system.kind).values() for name in each.settings}
    return [name for name in system.settings if name not in others - set(own.settings) - kind.required]


def _is_placeholder(system: System, name: str, value: str) -> bool:
    """Whether a secret is one of the words that examples have, also as the password in a URL."""
    if "://" in value:
        try:
            value = unquote(urlsplit(value).password or "")
        except ValueError:
            return False
    elif system.secrecy_of(name) != Secrecy.SECRET:
        return False
    return bool(PLACEHOLDER.fullmatch(value.strip()))


@preflight_check(
    "environment.files", "Environment files can be read, and have what items expect", texts_shown=True
)
def check_environment_files(scope: CheckScope) -> Iterator[CheckResult]:
    """Each file is read as text; names and rules are those of the items that compare settings."""
    for system in scope.systems_of("env_file"):
        question = Question(f"{system.name}: file", "whether it can be read", (system.name,))
        try:
            found = read_system_file(system)
        except Problem as problem:
            yield question.explain(problem)
            continue
        yield _judge_file(question, found)
        for item in scope.items_of("secrets.ledger"):
            yield from _compare_with_ledger(scope, system, item, found)


def _judge_file(question: Question, found: EnvFile) -> CheckResult:
    if faults := describe_faults(found):
        return question.red(faults, "Correct these lines, so that every program reads the same values.")
    placeholders = [name for name, value in found.values.items() if PLACEHOLDER.fullmatch(value.strip())]
    if placeholders:
        return question.amber(
            f"Placeholders instead of values: {', '.join(placeholders)}.", "Give them their real values."
        )
    if found.overridden:
        names = "; ".join(f"{name} in line {_lines(lines)}" for name, lines in found.overridden.items())
        return question.amber(
            f"Lines without effect, because a later line sets the same name: {names}.",
            "Remove the lines that are not meant.",
        )
    return question.green(f"It has {len(found.values)} settings.")


def _lines(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _compare_with_ledger(
    scope: CheckScope, system: System, item: PlannedItem, found: EnvFile
) -> Iterator[CheckResult]:
    """What an item would say of the file now: before its time that is amber, after its success red."""
    if item.params.get("new") != system.name:
        return
    question = Question(
        f"{system.name}: what {item.key} expects", "names and forms of settings", (system.name,), (item.key,)
    )
    params = scope.systems.fill_variables(dict(item.params))
    wrong = [f"{name} is missing." for name in find_missing(_names(params), found.values)]
    wrong += _find_wrong_values(params, found.values, rehearsal=scope.rehearsal)
    if not wrong:
        yield question.green("All names are set, and their values are well-formed.")
        return
    done = item.key in scope.evidence
    when = "It was right when that item ran." if done else "That item has not succeeded yet."
    verdict = Verdict.RED if done else Verdict.AMBER
    remedy = f"Correct the file, then start “{item.key}”, which also compares it with the old one."
    yield question.result(verdict, f"{' '.join(wrong)} {when}", remedy)


def _names(params: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, (*(params.get("names") or ()), *(params.get("also") or ())))))


def _find_wrong_values(params: Mapping[str, Any], values: Mapping[str, str], *, rehearsal: bool) -> list[str]:
    rules = params.get("rules")
    if not isinstance(rules, Mapping):
        return []
    return [
        f"{name} {wrong}"
        for name, rule in rules.items()
        if values.get(str(name)) and (wrong := check_value(values[str(name)], rule, rehearsal=rehearsal))
    ]
