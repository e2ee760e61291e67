"""Checks the systems of a runbook: kinds, settings, and the variables that they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from checklists.runbook.error_collector import ErrorCollector, suggest
from checklists.runbook.field_types import NAME_KEY, FieldSpec
from checklists.runbook.yaml_source import Node, item_entries
from integrations.drivers import drivers_of
from integrations.markers import Marker
from integrations.sign_in import SignInShape
from integrations.system_kinds import SECONDS_SETTINGS, STRUCTURED_SETTINGS, SystemKind, system_kinds
from integrations.systems import VARIABLE, parse_seconds
from integrations.variables import ReleasedVariables, is_own_variable, is_released

_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:(?!\$\{)[^/\s@]+@")
_PARSERS: dict[str, Callable[[Any], object]] = {"marker": Marker.parse, "sign_in": SignInShape.parse}
_NAME = FieldSpec(NAME_KEY, "A key.", "")


def check_systems(root: Node, environ: Mapping[str, str] | None, errors: ErrorCollector) -> None:
    """Reports errors of each system and, with ``environ``, each variable that is not set there."""
    section = root.value.get("systems") if isinstance(root.value, dict) else None
    if section is None or not isinstance(section.value, dict):
        return
    for name, node in section.value.items():
        errors.read_value(Node(node.line, name), _NAME, "systems")
        if not isinstance(node.value, dict):
            errors.add(node.line, f"system {name}", "it has no settings.", "Add kind: and its settings.")
            continue
        _check_settings(node, node.value, f"system {name}", errors)
        for setting, value in node.value.items():
            _check_value(setting, value, f"system {name}", environ, errors)


def _check_settings(node: Node, settings: dict[str, Node], where: str, errors: ErrorCollector) -> None:
    kind = settings["kind"].value if "kind" in settings else None
    kinds = system_kinds()
    if kind is None:
        what = "kind: is missing."
        errors.add(node.line, where, what, _kinds_for(settings.keys(), kinds))
        return
    if not isinstance(kind, str) or kind not in kinds:
        remedy = f"Write one of: {', '.join(sorted(kinds))}."
        errors.add(settings["kind"].line, where, f"kind: {kind} is no kind of system.", remedy)
        return
    of_kind = kinds[kind]
    for name in sorted(of_kind.required - settings.keys()):
        what = f"a system of kind {kind} needs {name}:, and it is missing."
        errors.add(node.line, where, what, f"Add {name}: under it.")
    for name in settings.keys() - of_kind.settings - {"kind"}:
        what = f"“{name}” is no setting of kind {kind}."
        errors.add(settings[name].line, where, what, suggest(name, sorted(of_kind.settings)))
    if of_kind.driver_setting in settings:
        setting = of_kind.driver_setting
        _check_driver(settings[setting], setting, drivers_of(kind), where, errors)


def _kinds_for(given: Collection[str], kinds: Mapping[str, SystemKind]) -> str:
    """The kinds that have exactly the settings that are given, else all."""
    fitting = sorted(
        name for name, kind in kinds.items() if kind.required <= set(given) and set(given) <= kind.settings
    )
    if fitting:
        return f"Add it: with {', '.join(sorted(given))} it can be one of: {', '.join(fitting)}."
    return f"Add one of: {', '.join(sorted(kinds))}."


def _check_driver(
    node: Node, setting: str, words: Collection[str], where: str, errors: ErrorCollector
) -> None:
    """A name that comes from a variable is checked when the system is used."""
    if isinstance(node.value, str) and "${" not in node.value and node.value not in words:
        what = f"{setting}: the panel does not speak “{node.value}”."
        errors.add(node.line, where, what, suggest(node.value, sorted(words)))


def _check_value(
    setting: str, node: Node, where: str, environ: Mapping[str, str] | None, errors: ErrorCollector
) -> None:
    if setting in STRUCTURED_SETTINGS:
        _check_structure(setting, node, where, errors)
    elif not isinstance(node.value, str) or not node.value:
        errors.add(node.line, where, f"{setting}: a text belongs here.", "Put it in quotes.")
        return
    elif setting in SECONDS_SETTINGS and "${" not in node.value:
        _check_seconds(setting, node.line, node.value, where, errors)
    for line, text in _texts(node):
        if _PASSWORD_IN_URL.search(text):
            what = f"{setting}: a password stands in the file, and so in every copy and in the record."
            errors.add(line, where, what, "Take the whole address from a variable: ${NAME}.")
        _check_variables(setting, line, text, where, environ, errors)


def _check_seconds(setting: str, line: int, text: str, where: str, errors: ErrorCollector) -> None:
    """A number that comes from a variable is checked when the system is used."""
    try:
        parse_seconds(text)
    except ValueError as error:
        errors.add(line, where, f"{setting}: {error}", 'Write it in quotes: "60".')


def _check_structure(setting: str, node: Node, where: str, errors: ErrorCollector) -> None:
    """A setting that is one variable is checked when the system is used."""
    given = node.plain()
    if isinstance(given, str) and VARIABLE.fullmatch(given):
        return
    try:
        _PARSERS[setting](given)
    except ValueError as error:
        errors.add(node.line, where, f"{setting}: {error}", "docs/reference/runbook-file.md explains it.")


def check_params(root: Node, environ: Mapping[str, str] | None, errors: ErrorCollector) -> None:
    """Reports the same errors for every variable in a parameter of an item."""
    for _, item in item_entries(root):
        params, key = item.get("params"), item.get("key")
        for name, node in params.value.items() if params and isinstance(params.value, dict) else ():
            for line, text in _texts(node):
                where = f"item {key.value if key else ''}".rstrip()
                _check_variables(f"parameter “{name}”", line, text, where, environ, errors)


def check_released(root: Node, released: ReleasedVariables, errors: ErrorCollector) -> None:
    """Reports the variables that no admin has released: one error for all, and one for the panel's own."""
    section = root.value.get("systems") if isinstance(root.value, dict) else None
    places = [section] if section is not None else []
    places += [item["params"] for _, item in item_entries(root) if item.get("params") is not None]
    lines: dict[str, int] = {}  # where each is used first
    for line, text in (each for node in places for each in _texts(node)):
        for match in VARIABLE.finditer(text):
            if not released.is_released(match[1]):
                lines.setdefault(match[1], line)
    own = {name: line for name, line in lines.items() if is_own_variable(name)}
    others = {name: line for name, line in lines.items() if name not in own}
    if own:
        what = f"These variables belong to the panel, and no runbook may use them: {_name_with_lines(own)}."
        errors.add(min(own.values()), "variables", what, "Use variables of your own.")
    if others:
        what = f"These variables are not released for runbooks: {_name_with_lines(others)}."
        remedy = f"Ask an admin to release them by name: ./panel manage variables release {' '.join(others)}"
        errors.add(min(others.values()), "variables", what, remedy)


def _name_with_lines(lines: Mapping[str, int]) -> str:
    return ", ".join(f"{name} (line {line})" for name, line in lines.items())


def _texts(node: Node) -> Iterator[tuple[int, str]]:
    """Every text in a value, however deep, with its line."""
    if isinstance(node.value, str):
        yield node.line, node.value
    elif isinstance(node.value, dict | list):
        for each in node.value.values() if isinstance(node.value, dict) else node.value:
            yield from _texts(each)


def _check_variables(
    named: str, line: int, text: str, where: str, environ: Mapping[str, str] | None, errors: ErrorCollector
) -> None:
    if "${" in VARIABLE.sub("", text):
        what = f"{named}: “${{” begins a variable that does not read like one."
        errors.add(line, where, what, "Write ${NAME} or ${NAME:-default}, in capital letters.")
    for name, default in (m.groups() for m in VARIABLE.finditer(text) if environ is not None):
        if default is None and is_released(name, environ or {}) and not (environ or {}).get(name):
            what = f"{named}: the variable {name} is not set."
            errors.add(line, where, what, f"Set {name} in the environment.", is_fatal=False)
