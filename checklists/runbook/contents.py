"""What a person has to know of a runbook before they confirm it: systems, commands, variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from checklists.runbook.document import Document, ItemSpec
from integrations.actions import registry
from integrations.system_kinds import system_kinds

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")


def list_variables(document: Document) -> list[str]:
    """The names of the environment's variables that the text takes values from."""
    return sorted(set(VARIABLE.findall(document.text)))


def list_systems(document: Document) -> list[str]:
    """Each system in a line: name, kind, and its settings as they are written."""
    return [f"{name}: {_settings(section)}" for name, section in document.systems.items()]


def _settings(section: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in section.items())


def list_commands(document: Document) -> list[str]:
    """Each command in a line: where it stands, and its words as they are written."""
    return [*_commands_of_systems(document), *_commands_of_items(document)]


def _commands_of_systems(document: Document) -> Iterator[str]:
    for name, section in document.systems.items():
        kind = system_kinds().get(str(section.get("kind")))
        for setting in sorted(kind.commands & section.keys()) if kind else ():
            yield f"system {name}, {setting}: {_words(section[setting])}"


def _commands_of_items(document: Document) -> Iterator[str]:
    for item in document.items:
        action = registry().get(item.action) if item.kind == "action" else None
        for name in action.command_params if action else ():
            if name in item.params:
                yield f"{item.number} {item.title}, {name}: {_words(item.params[name])}"


def _words(command: Any) -> str:
    return " ".join(map(str, command)) if isinstance(command, list | tuple) else str(command)


def list_early_phases(document: Document) -> list[str]:
    """The phases that may start before the window of production."""
    return [f"{phase.number} {phase.title}" for phase in document.phases if phase.before_window]


def list_irreversible(document: Document) -> list[ItemSpec]:
    """The items that nothing takes back."""
    return [item for item in document.items if item.irreversible]
