"""The systems that a runbook names, with addresses taken from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from integrations import drivers
from integrations.drivers import Driver
from integrations.errors import MissingVariable, Problem, UnreleasedVariable
from integrations.markers import Marker
from integrations.secrecy import Secrecy
from integrations.sign_in import SignInShape
from integrations.system_kinds import MOST_SECONDS, driver_setting_of, secrecy_of
from integrations.torn_address import is_torn_address
from integrations.variables import is_own_variable, is_released

VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


def _fill(text: str, environ: Mapping[str, str], system: str = "") -> str:
    """The text with every variable in it filled in. An empty variable counts as one that is not set.

    Raises `MissingVariable` for the first that is not set and has no default, or that is not released.
    """

    def value_of(match: re.Match[str]) -> str:
        name, default = match.groups()
        if not is_released(name, environ):
            raise UnreleasedVariable(name, is_own=is_own_variable(name), system=system)
        value: str | None = environ.get(name) or default
        if value is None:
            raise MissingVariable(name, system=system)
        return value

    return VARIABLE.sub(value_of, text)


def _fill_deep(value: Any, environ: Mapping[str, str], system: str = "") -> Any:
    """`_fill` for every text in a value, however deep."""
    if isinstance(value, str):
        return _fill(value, environ, system)
    if isinstance(value, Mapping):
        return {name: _fill_deep(each, environ, system) for name, each in value.items()}
    return [_fill_deep(each, environ, system) for each in value] if isinstance(value, list) else value


def list_variables(value: Any) -> list[str]:
    """The names of the variables in a value, however deep, in the order of the value, each once."""
    if isinstance(value, str):
        found = [match[1] for match in VARIABLE.finditer(value)]
    elif isinstance(value, Mapping):
        found = [name for each in value.values() for name in list_variables(each)]
    elif isinstance(value, list):
        found = [name for each in value for name in list_variables(each)]
    else:
        found = []
    return list(dict.fromkeys(found))


def parse_seconds(text: str) -> float:
    """The seconds that a setting says. Raises ValueError, in words that follow the setting's name."""
    seconds = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0
    if not 0 < seconds <= MOST_SECONDS:
        raise ValueError(f"must be a number of seconds up to {MOST_SECONDS}, and not “{text}”.")
    return seconds


@dataclass(frozen=True)
class System:
    """One system of the runbook, its settings still holding ``${NAME}`` or ``${NAME:-default}``.

    ``system["url"]`` gives the setting with the variables filled in. It raises `MissingVariable` naming the
    first that is unset or empty, and `Problem` for an address that a sign in its password has torn.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False, compare=False)

    def __getitem__(self, key: str) -> str:
        if key not in self.settings:
            raise Problem(
                f"The system “{self.name}” has no setting “{key}”.",
                next=f"Add {key}: under systems: {self.name}: in the runbook file.",
            )
        value = self.settings[key]
        if not isinstance(value, str):
            raise Problem(f"The setting “{key}” of “{self.name}” is a mapping, and a text is needed.")
        filled = _fill(value, self.environ, self.name)
        if self.secrecy_of(key) == Secrecy.ADDRESS and any(map(is_torn_address, filled.split())):
            raise self._torn(key)
        return filled

    def secrecy_of(self, setting: str) -> Secrecy:
        """How secret a setting is."""
        return secrecy_of(self.kind, setting)

    def _torn(self, setting: str) -> Problem:
        """No part of the address is repeated: any may belong to the password."""
        return Problem(
            f"The address in {setting}: of the system “{self.name}” cannot be read: often a sign in the "
            "password is not percent-encoded.",
            means="Nothing was asked. No part of it is shown here, because any may belong to the password.",
            next="In a password, write @ as %40, / as %2F, # as %23 and ? as %3F.",
        )

    def fill_setting(self, setting: str) -> str:
        """The setting as it stands, variables filled in, torn or not: for the masking. "" where it cannot."""
        value = self.settings.get(setting)
        try:
            return _fill(value, self.environ, self.name) if isinstance(value, str) else ""
        except MissingVariable:
            return ""

    def marker(self) -> Marker | None:
        """By what an answer of this stack is known; None where the runbook does not say.

        Raises `Problem` for a marker that cannot be read, and `MissingVariable`.
        """
        if "marker" not in self.settings:
            return None
        try:
            return Marker.parse(_fill_deep(self.settings["marker"], self.environ, self.name))
        except ValueError as error:
            raise Problem(
                f"The marker of “{self.name}” cannot be read: it {error}",
                means="Its answers cannot be told from those of another stack.",
                next="Correct marker: of the system in the runbook.",
            ) from None

    def sign_in(self) -> SignInShape | None:
        """How people sign in to it; None where the runbook does not say. Raises as `marker` does."""
        if "sign_in" not in self.settings:
            return None
        try:
            return SignInShape.parse(_fill_deep(self.settings["sign_in"], self.environ, self.name))
        except ValueError as error:
            raise Problem(
                f"sign_in of “{self.name}” cannot be read: it {error}",
                means="Nothing was sent.",
                next="Correct sign_in: of the system in the runbook.",
            ) from None

    def get(self, key: str, default: str = "") -> str:
        """The setting, or ``default`` where the runbook does not give it."""
        return self[key] if key in self.settings else default

    def seconds(self, key: str, default: float) -> float:
        """A setting that is a number of seconds. Raises `Problem` for what is none, and `MissingVariable`."""
        if key not in self.settings:
            return default
        try:
            return parse_seconds(self[key])
        except ValueError as error:
            raise Problem(
                f"The setting “{key}” of “{self.name}” {error}",
                means="Nothing was started.",
                next=f"Correct {key}: of the system in the runbook.",
            ) from None

    def driver(self) -> str:
        """The name of its driver. Raises `Problem` when its variable holds a word that is none."""
        return self.registered_driver().name

    def registered_driver(self) -> Driver:
        """Its driver. Raises `Problem` when its variable holds a word that is none."""
        setting = driver_setting_of(self.kind)
        known, word = drivers.drivers_of(self.kind), self[setting]
        if word not in known:
            raise Problem(
                f"The system “{self.name}” has {setting} “{word}”, which the panel does not speak.",
                next=f"Use one of: {', '.join(known)}.",
            )
        return known[word]


class Systems(Mapping[str, System]):
    """The ``systems:`` section of a runbook: name → system."""

    def __init__(
        self, sections: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str] | None = None
    ) -> None:
        self.environ = env = os.environ if environ is None else environ
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

    def select(self, kind: str, names: Sequence[Any] = ()) -> list[System]:
        """The systems of one kind with these names, or all of that kind when no name is given.

        Raises `Problem` for a name that is not a system of this kind, and when there is none at all.
        """
        known = {system.name: system for system in self.values() if system.kind == kind}
        wanted = names or list(known)
        unknown = [str(name) for name in wanted if name not in known]
        if unknown or not wanted:
            raise Problem(
                f"There is no system of kind {kind} called {', '.join(unknown) or 'anything'}.",
                means="Nothing was sent.",
                next=f"The runbook has: {', '.join(known) or 'none'}.",
            )
        return [known[name] for name in wanted]

    def fill_variables(self, value: Any) -> Any:
        """A parameter with every ``${NAME}`` and ``${NAME:-default}`` in it filled in, however deep.

        Raises `MissingVariable` for the first that is unset and has no default.
        """
        return _fill_deep(value, self.environ)

    def hosts(self) -> set[str]:
        """The host of every setting that is a URL: the only hosts that the panel sends HTTP requests to."""
        found = set()
        for system in self.values():
            for name in system.settings:
                try:
                    found.add(urlsplit(system[name]).hostname if "://" in system[name] else None)
                except (Problem, ValueError):
                    continue  # without its variable the setting names no host
        return {host for host in found if host}
