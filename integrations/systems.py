"""The systems a runbook talks about, by name, with addresses taken from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from integrations.errors import MissingVariable, Problem

VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")

#: kind of system → (settings it must have, settings it may have)
KINDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "postgres": (frozenset({"url"}), frozenset({"bin"})),
    "prisma": (
        frozenset({"project", "command", "database"}),
        frozenset({"schema", "diff", "shadow"}),
    ),
    # `marker`: “header: value” by which an answer of this stack is known; `requests`: path of its counter
    "http": (frozenset({"url"}), frozenset({"marker", "requests", "token"})),
    "login": (frozenset({"email", "password"}), frozenset()),
    "env_file": (frozenset({"path"}), frozenset()),
    "folder": (frozenset({"path"}), frozenset()),
    "payments": (
        frozenset({"provider", "url", "secret_key"}),
        frozenset({"webhook_secret", "currency", "business"}),
    ),
    "oauth": (
        frozenset({"provider", "url", "client_id"}),
        frozenset(
            {"client_secret", "team_id", "key_id", "private_key", "authorize_url", "token_url", "redirect"}
        ),
    ),
    "redis": (frozenset({"url"}), frozenset({"prefix"})),
    "dns": (
        frozenset({"driver", "zone"}),
        frozenset(
            {"server", "url", "servers", "key_name", "key_secret", "key_algorithm"}
            | {"token", "zone_id", "access_key", "secret_key", "region"}
        ),
    ),
    # `pool`: Caddy route id, HAProxy backend, nginx upstream, ingress name; `old`, `new`: its two members
    "proxy": (
        frozenset({"driver", "pool", "old", "new"}),
        frozenset({"url", "socket", "file", "test", "reload", "namespace", "token", "ca"}),
    ),
    "platform": (
        frozenset({"driver"}),
        frozenset(
            {"folder", "file", "release", "chart", "values", "namespace", "context"}
            | {"apply", "status", "start", "stop", "archive", "describe", "inspect"}
        ),
    ),
}

#: (kind, setting) → the words it may hold, where the panel speaks to several products
DRIVERS: dict[tuple[str, str], frozenset[str]] = {
    ("payments", "provider"): frozenset({"stripe", "paystack", "fincra", "flutterwave"}),
    ("oauth", "provider"): frozenset({"google", "facebook", "apple"}),
    ("dns", "driver"): frozenset({"rfc2136", "powerdns", "cloudflare", "route53"}),
    ("proxy", "driver"): frozenset({"caddy", "haproxy", "nginx", "kubernetes"}),
    ("platform", "driver"): frozenset({"compose", "helm", "kubectl", "command"}),
}

#: settings whose values are masked wherever an attempt writes
SECRET_SETTINGS = frozenset(
    {"password", "secret", "token", "key", "secret_key", "webhook_secret", "client_secret"}
    | {"private_key", "key_secret", "access_key"}
)


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

    def driver(self) -> str:
        """Which product it is (`DRIVERS`). Raises `Problem` when its variable holds another word."""
        setting = "driver" if (self.kind, "driver") in DRIVERS else "provider"
        known, word = DRIVERS[self.kind, setting], self[setting]
        if word not in known:
            raise Problem(
                f"The system “{self.name}” has {setting} “{word}”, which the panel does not speak.",
                next=f"Use one of: {', '.join(sorted(known))}.",
            )
        return word

    def variables(self) -> Iterator[str]:
        """Names of the environment variables the settings need, without those that have a default."""
        for text in self.settings.values():
            found = (match.groups() for match in VARIABLE.finditer(text))
            yield from (name for name, default in found if default is None)


class Systems(Mapping[str, System]):
    """The ``systems:`` section of a runbook, ready to be asked by name."""

    def __init__(
        self, sections: Mapping[str, Mapping[str, str]], environ: Mapping[str, str] | None = None
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

    def filled(self, value: Any) -> Any:
        """A parameter with every ``${NAME}`` and ``${NAME:-default}`` in it filled in, however deep.

        Raises `MissingVariable` for the first that is unset and has no default.
        """
        if isinstance(value, str):
            return VARIABLE.sub(self._variable, value)
        if isinstance(value, Mapping):
            return {name: self.filled(each) for name, each in value.items()}
        return [self.filled(each) for each in value] if isinstance(value, list) else value

    def _variable(self, match: re.Match[str]) -> str:
        name, default = match.groups()
        value = self.environ.get(name, "") or default
        if value is None:
            raise MissingVariable(name)
        return value

    def hosts(self) -> set[str]:
        """Every host that a setting names as an address: whom the panel may talk to over HTTP."""
        found = set()
        for system in self.values():
            for name in system.settings:
                try:
                    found.add(urlsplit(system[name]).hostname if "://" in system[name] else None)
                except (Problem, ValueError):
                    continue  # a variable that is not set names nobody
        return {host for host in found if host}

    def unset_variables(self) -> list[tuple[str, str]]:
        """(system, variable) for every needed variable that the environment does not set."""
        return [
            (system.name, variable)
            for system in self.values()
            for variable in system.variables()
            if not system.environ.get(variable)
        ]
