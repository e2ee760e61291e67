"""Checks the systems of a runbook: their kinds, their settings, and the variables these name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from checklists.runbook.kinds import NAME_KEY, Field
from checklists.runbook.notebook import Notebook, nearest
from checklists.runbook.source import Node, item_entries
from integrations.systems import DRIVERS, KINDS, VARIABLE

_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:(?!\$\{)[^/\s@]+@")
_NAME = Field(NAME_KEY, "A key.", "")


def check_systems(root: Node, environ: Mapping[str, str] | None, notes: Notebook) -> None:
    """Notes what is wrong with each system and, with ``environ``, each variable it does not set."""
    section = root.value.get("systems") if isinstance(root.value, dict) else None
    if section is None or not isinstance(section.value, dict):
        return
    for name, node in section.value.items():
        notes.value(Node(node.line, name), _NAME, "systems")
        if not isinstance(node.value, dict):
            notes.add(node.line, f"system {name}", "it has no settings.", "Add kind: and its settings.")
            continue
        _check_settings(node, node.value, f"system {name}", notes)
        for setting, value in node.value.items():
            _check_value(setting, value, f"system {name}", environ, notes)


def _check_settings(node: Node, settings: dict[str, Node], where: str, notes: Notebook) -> None:
    kind = settings["kind"].value if "kind" in settings else None
    if not isinstance(kind, str) or kind not in KINDS:
        line = settings["kind"].line if "kind" in settings else node.line
        remedy = f"Write one of: {', '.join(sorted(KINDS))}."
        notes.add(line, where, f"kind: {kind or 'is missing or no text'} is no kind of system.", remedy)
        return
    must, may = KINDS[kind]
    for name in sorted(must - settings.keys()):
        what = f"a system of kind {kind} needs {name}:, and it is missing."
        notes.add(node.line, where, what, f"Add {name}: under it.")
    for name in settings.keys() - must - may - {"kind"}:
        what = f"“{name}” is no setting of kind {kind}."
        notes.add(settings[name].line, where, what, nearest(name, sorted(must | may)))
    for (of, name), words in DRIVERS.items():
        if of == kind and name in settings:
            _check_driver(settings[name], name, words, where, notes)


def _check_driver(node: Node, setting: str, words: frozenset[str], where: str, notes: Notebook) -> None:
    """A word that comes from a variable is looked at when the system is used."""
    if isinstance(node.value, str) and "${" not in node.value and node.value not in words:
        what = f"{setting}: the panel does not speak “{node.value}”."
        notes.add(node.line, where, what, nearest(node.value, sorted(words)))


def _check_value(
    setting: str, node: Node, where: str, environ: Mapping[str, str] | None, notes: Notebook
) -> None:
    if not isinstance(node.value, str) or not node.value:
        notes.add(node.line, where, f"{setting}: a text belongs here.", "Put it in quotes.")
        return
    if _PASSWORD_IN_URL.search(node.value):
        what = f"{setting}: a password stands in the file, and so in every copy and in the record."
        notes.add(node.line, where, what, "Take the whole address from a variable: ${NAME}.")
    _check_variables(setting, node.line, node.value, where, environ, notes)


def check_params(root: Node, environ: Mapping[str, str] | None, notes: Notebook) -> None:
    """Notes the same of every variable that a parameter of an item takes its value from."""
    for _, item in item_entries(root):
        params, key = item.get("params"), item.get("key")
        for name, node in params.value.items() if params and isinstance(params.value, dict) else ():
            for line, text in _texts(node):
                where = f"item {key.value if key else ''}".rstrip()
                _check_variables(f"parameter “{name}”", line, text, where, environ, notes)


def _texts(node: Node) -> Iterator[tuple[int, str]]:
    """Every text in a value, however deep, with its line."""
    if isinstance(node.value, str):
        yield node.line, node.value
    elif isinstance(node.value, dict | list):
        for each in node.value.values() if isinstance(node.value, dict) else node.value:
            yield from _texts(each)


def _check_variables(
    named: str, line: int, text: str, where: str, environ: Mapping[str, str] | None, notes: Notebook
) -> None:
    if "${" in VARIABLE.sub("", text):
        what = f"{named}: “${{” begins a variable that does not read like one."
        notes.add(line, where, what, "Write ${NAME} or ${NAME:-default}, in capital letters.")
    for name, default in (m.groups() for m in VARIABLE.finditer(text) if environ is not None):
        if default is None and not (environ or {}).get(name):
            what = f"{named}: the variable {name} is not set."
            notes.add(line, where, what, f"Set {name} in the environment.", stops=False)
