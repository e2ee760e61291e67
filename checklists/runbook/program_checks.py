"""Checks the commands of a runbook against the programs that the installation allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from django import forms

from checklists.runbook.document import Document
from checklists.runbook.error_collector import ErrorCollector
from checklists.runbook.yaml_source import Node, item_entries
from integrations.actions import AnyAction, Context
from integrations.drivers import drivers_of
from integrations.errors import MissingVariable, Problem
from integrations.runbook_commands import read_command
from integrations.system_kinds import system_kinds
from integrations.systems import System, Systems


def check_programs(
    document: Document,
    root: Node,
    registry: Mapping[str, AnyAction],
    environ: Mapping[str, str],
    errors: ErrorCollector,
) -> None:
    """Reports each command that would be refused here.

    These errors are not fatal: another installation may allow what this one does not. A variable that is
    not set is reported elsewhere.
    """
    kinds = system_kinds()
    known = {name: each for name, each in document.systems.items() if each.get("kind") in kinds}
    systems = Systems(known, environ)
    for system in systems.values():
        _check_system(system, root, errors)
    context = Context(systems, evidence={}, folder=Path())
    lines = dict(item_entries(root))
    for item in document.items:
        action = registry.get(item.action) if item.kind == "action" else None
        if action is not None and action.command_params:
            node = lines.get(item.line, {}).get("params")
            line = node.line if node else item.line
            _check_params(action, item.params, context, line, f"item {item.key}", errors)


def _check_system(system: System, root: Node, errors: ErrorCollector) -> None:
    folder = "project" if system.kind == "prisma" else "folder"
    for setting in _command_settings(system):
        try:
            if system[setting].strip():
                read_command(system, setting, folder=system.get(folder) or None)
        except MissingVariable:
            continue
        except Problem as problem:
            line = _line_of(root, system.name, setting)
            _add(line, f"system {system.name}", problem, errors)


def _command_settings(system: System) -> Iterator[str]:
    """The settings that hold commands of the system's own driver, as far as the runbook gives them."""
    kind = system_kinds()[system.kind]
    foreign: set[str] = set()
    if kind.driver_setting:
        try:
            own = system.registered_driver().commands
        except Problem:
            return  # it is reported elsewhere
        foreign = {name for each in drivers_of(system.kind).values() for name in each.commands - own}
    yield from (name for name in system.settings if name in kind.commands and name not in foreign)


def _line_of(root: Node, name: str, setting: str) -> int:
    node = root
    for key in ("systems", name, setting):
        if not isinstance(node.value, dict) or key not in node.value:
            break
        node = node.value[key]
    return node.line


def _check_params(
    action: AnyAction,
    raw: Mapping[str, object],
    context: Context,
    line: int,
    where: str,
    errors: ErrorCollector,
) -> None:
    try:
        for command in action.list_commands(action.bind(raw, context)):
            command.allow()
    except (MissingVariable, forms.ValidationError):
        return  # reported elsewhere
    except Problem as problem:
        _add(line, where, problem, errors)


def _add(line: int, where: str, problem: Problem, errors: ErrorCollector) -> None:
    errors.add(line, where, problem.what, f"{problem.means} {problem.next}".strip(), is_fatal=False)
