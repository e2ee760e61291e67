"""The systems a runbook talks about, by name, with addresses taken from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from integrations.errors import MissingVariable, Problem

VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")

#: kind of system → (settings it must have, settings it may have)
KINDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "postgres": (frozenset({"url"}), frozenset({"bin"})),
    "prisma": (
        frozenset({"project", "command", "database"}),
        frozenset({"schema", "diff", "shadow"}),
    ),
    "http": (frozenset({"url"}), frozenset()),
    "login": (frozenset({"email", "password"}), frozenset()),
    "env_file": (frozenset({"path"}), frozenset()),
    "folder": (frozenset({"path"}), frozenset()),
}


@dataclass(frozen=True)
class System:
    """One system of the runbook, its settings still holding ``${NAME}`` or ``${NAME:-default}``.

    ``system["url"]`` gives the setting with the variables filled in and raises
    `MissingVariable` naming the first that is unset or empty.
    """

    name: str
    kind: str
    settings: Mapping[str, str]
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False, compare=False)

    def __getitem__(self, key: str) -> str:
        if key not in self.settings:
            raise Problem(
                f"The system “{self.name}” has no setting “{key}”.",
                next=f"Add {key}: under systems: {self.name}: in the runbook file.",
            )
        return VARIABLE.sub(self._value, self.settings[key])

    def get(self, key: str, default: str = "") -> str:
        """The setting, or ``default`` where the runbook does not give it."""
        return self[key] if key in self.settings else default

    def _value(self, match: re.Match[str]) -> str:
        name, default = match.groups()
        value = self.environ.get(name, "") or default
        if value is None or (value == "" and default is None):
            raise MissingVariable(name, system=self.name)
        return value

    def variables(self) -> Iterator[str]:
        """Names of the environment variables the settings need, without those that have a default."""
        for text in self.settings.values():
            yield from (name for name, default in VARIABLE.findall(text) if not default)


class Systems(Mapping[str, System]):
    """The ``systems:`` section of a runbook, ready to be asked by name."""

    def __init__(
        self, sections: Mapping[str, Mapping[str, str]], environ: Mapping[str, str] | None = None
    ) -> None:
        env = os.environ if environ is None else environ
        self._by_name = {
            name: System(name, section["kind"], {k: v for k, v in section.items() if k != "kind"}, env)
            for name, section in sections.items()
        }

    def __getitem__(self, name: str) -> System:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def unset_variables(self) -> list[tuple[str, str]]:
        """(system, variable) for every needed variable that the environment does not set."""
        return [
            (system.name, variable)
            for system in self.values()
            for variable in system.variables()
            if not system.environ.get(variable)
        ]
