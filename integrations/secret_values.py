"""Every value that the systems and parameters of a runbook hold and that must be masked.

A setting or parameter declares how secret it is. A variable is secret unless every place that uses it is
public, or it was released as public by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from integrations.address_secrets import list_address_secrets
from integrations.runbook_commands import list_hidden_values
from integrations.secrecy import Secrecy
from integrations.systems import VARIABLE, System, Systems
from integrations.variables import is_shown

SHORTEST_SECRET = 8  # characters; masking a shorter one everywhere would hide half of every log
_PLACEHOLDER = "cutover-placeholder-{}"


@dataclass(frozen=True)
class RunbookText:
    """A text of the runbook that may name variables: where it stands, and how secret it is.

    ``filled`` is the whole value of a setting, "" for a parameter: what a parameter says besides its
    variables stands in the runbook for everybody to read.
    """

    place: str
    text: str
    secrecy: Secrecy
    environ: Mapping[str, str]
    filled: str = ""

    def secrets(self) -> Iterator[tuple[str, str]]:
        """Each secret with the words that name it in an error."""
        for match in VARIABLE.finditer(self.text):
            value = self.environ.get(match[1], "")
            if value and not is_shown(match[1], self.environ):
                for secret in self._secrets_of_variable(match, value):
                    yield secret, f"the variable {match[1]} ({self.place})"
        if self.filled and not self._is_shown:
            for secret in self._secrets_of_whole():
                yield secret, self.place

    def _secrets_of_variable(self, match: Any, value: str) -> Iterable[str]:
        if self.secrecy >= Secrecy.SECRET:
            return (value,)
        if self.secrecy == Secrecy.PUBLIC:
            return ()
        if "://" in value:
            return list_address_secrets(value)
        return (value,) if self._is_in_secret_part(match) else ()

    def _is_in_secret_part(self, match: Any) -> bool:
        """Whether a variable stands in the login or the query of an address."""
        mark = _PLACEHOLDER.format(match.start())
        marked = self.text[: match.start()] + mark + self.text[match.end() :]
        try:
            parts = urlsplit(VARIABLE.sub("x", marked))
        except ValueError:
            return True
        return mark in parts.netloc.rpartition("@")[0] or mark in parts.query or mark in parts.fragment

    def _secrets_of_whole(self) -> Iterable[str]:
        if self.secrecy == Secrecy.ADDRESS:
            return list_address_secrets(self.filled)
        return (self.filled,) if self.secrecy == Secrecy.SECRET else ()

    @property
    def _is_shown(self) -> bool:
        """Whether all of it comes from variables that were released as public."""
        names = [match[1] for match in VARIABLE.finditer(self.text)]
        return bool(names) and all(is_shown(name, self.environ) for name in names)


def list_system_secrets(systems: Systems) -> Iterator[str]:
    """The secrets in the settings of systems; the name of a system is none, whatever a command holds."""
    for secret, _ in _list_named(systems):
        if secret not in systems:
            yield secret
    for system in systems.values():
        for setting in system.settings:
            if system.secrecy_of(setting) == Secrecy.COMMAND and isinstance(system.settings[setting], str):
                yield from (word for word in list_hidden_values(system, setting) if word not in systems)


def list_parameter_secrets(
    raw: Mapping[str, Any], secrecy_of: Callable[[str], Secrecy], environ: Mapping[str, str]
) -> Iterator[str]:
    """The secrets that variables give to the parameters of an item, however deep they stand."""
    for text in list_parameter_texts(raw, secrecy_of, environ):
        yield from (secret for secret, _ in text.secrets())


def list_system_texts(systems: Systems) -> Iterator[RunbookText]:
    """Every text in the settings of systems."""
    for system in systems.values():
        for setting, given in system.settings.items():
            secrecy, place = system.secrecy_of(setting), f"{setting}: of the system “{system.name}”"
            whole = system.fill_setting(setting) if secrecy < Secrecy.COMMAND else ""
            for text in _texts_in(given):
                yield RunbookText(place, text, secrecy, system.environ, whole)


def list_parameter_texts(
    raw: Mapping[str, Any], secrecy_of: Callable[[str], Secrecy], environ: Mapping[str, str]
) -> Iterator[RunbookText]:
    """Every text in the parameters of an item."""
    for name, value in raw.items():
        for text in _texts_in(value):
            yield RunbookText(f"parameter “{name}”", text, secrecy_of(name), environ)


def find_short_secrets(texts: Iterable[RunbookText]) -> list[str]:
    """Where secrets of less than 8 characters come from, each place once; never the secret itself."""
    found = (place for text in texts for secret, place in text.secrets() if 0 < len(secret) < SHORTEST_SECRET)
    return list(dict.fromkeys(found))


def _list_named(systems: Systems) -> Iterator[tuple[str, str]]:
    for text in list_system_texts(systems):
        # the words of a command that is one variable are masked one by one: see `list_hidden_values`
        if text.secrecy != Secrecy.COMMAND:
            yield from text.secrets()


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts_in(name)
            yield from _texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts_in(each)


def hides_setting(system: System, setting: str) -> bool:
    """Whether a whole setting is a secret, and no address or command that holds one."""
    return system.secrecy_of(setting) == Secrecy.SECRET
