"""The kinds of systems that a runbook may name, their settings, and how secret each setting is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from integrations import drivers
from integrations.secrecy import Secrecy


@dataclass(frozen=True)
class SystemKind:
    """The settings that a system of one kind must have and may have.

    ``driver_setting`` names the setting that says which product it is, where the panel speaks to several.
    ``commands`` are the settings that hold a command line, ``public`` those whose values are no secret, and
    ``addresses`` those of which only login and query are secret. Every other setting is secret.
    """

    required: frozenset[str]
    optional: frozenset[str] = frozenset()
    driver_setting: str = ""
    commands: frozenset[str] = frozenset()
    public: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    @property
    def settings(self) -> frozenset[str]:
        """The settings of both sorts."""
        return self.required | self.optional

    def secrecy_of(self, setting: str) -> Secrecy:
        """How secret the value of a setting is. What nobody has declared is secret."""
        if setting in self.commands:
            return Secrecy.COMMAND
        if setting in self.addresses:
            return Secrecy.ADDRESS
        return Secrecy.PUBLIC if setting in self.public else Secrecy.SECRET


def _kind(
    required: str,
    optional: str = "",
    driver_setting: str = "",
    *,
    commands: str = "",
    public: str = "",
    addresses: str = "",
) -> SystemKind:
    return SystemKind(
        frozenset(required.split()),
        frozenset(optional.split()),
        driver_setting,
        frozenset(commands.split()),
        frozenset(public.split()),
        frozenset(addresses.split()),
    )


#: kind of system → its settings, without those that its drivers add
_KINDS: dict[str, SystemKind] = {
    # `lock_wait`: seconds that the panel waits for locks there: clients/lock_waits.py
    "postgres": _kind("url", "bin lock_wait", public="bin lock_wait", addresses="url"),
    "prisma": _kind(
        "project command database",
        "schema diff shadow lock_wait",
        commands="command",
        public="project schema diff lock_wait",
        addresses="database shadow",
    ),
    # `marker`: by what an answer of this stack is known (`integrations.markers`); `requests`: path of a
    # request counter, where the application has one; `sign_in`: how people sign in (`integrations.sign_in`)
    "http": _kind("url", "marker requests token sign_in", public="marker requests sign_in", addresses="url"),
    # an API that the panel starts on the copy of a rehearsal: environment/api_process.py. `public`: names
    # in its settings whose values are no secrets
    "api_process": _kind(
        "command database port stands_for",
        "settings ready variables public",
        commands="command",
        public="database port stands_for settings ready public",
    ),
    "login": _kind("email password", public="email"),
    # `reader`: python or node, where a file is read by one of them only: environment/env_file.py
    "env_file": _kind("path", "reader", public="path reader"),
    "folder": _kind("path", public="path"),
    "redis": _kind("url", "prefix", public="prefix", addresses="url"),
    # `variable`: the name of the secret key in the environments
    "payments": _kind(
        "provider url secret_key",
        "variable webhook_secret currency",
        "provider",
        public="provider variable currency",
        addresses="url",
    ),
    # how an API begins, confirms and refunds gifts: clients/payments/gift_api.py
    "gift_api": _kind(
        "url begin body id status address reference change paid refunded cancelled",
        public="begin body id status address reference change paid refunded cancelled",
        addresses="url",
    ),
    "oauth": _kind(
        "provider url client_id",
        "client_secret authorize_url token_url redirect",
        "provider",
        public="provider client_id",
        addresses="url authorize_url token_url redirect",
    ),
    "dns": _kind("driver zone", "servers", "driver", public="driver zone servers"),
    # `pool`: Caddy route id, HAProxy backend, nginx upstream, ingress name; `old`, `new`: its two members
    # `ca` is accepted and not used
    "proxy": _kind("driver pool old new", "ca", "driver", public="driver pool old new ca"),
    # a registry of container images; `token_url`: where its tokens come from another host
    "registry": _kind("url", "username password token_url", public="username", addresses="url token_url"),
    "platform": _kind(
        "driver", "folder archive inspect", "driver", commands="archive inspect", public="driver folder"
    ),
    # a host that `command.run` reaches over ssh
    "host": _kind("address", "user port", public="address user port"),
    # MySQL or MariaDB, for `sql.check`: clients/mysql_address.py
    "mysql": _kind("url", addresses="url"),
    "sqlite": _kind("path", public="path"),
}

#: settings that may hold a mapping instead of a text
STRUCTURED_SETTINGS = frozenset({"marker", "sign_in"})

#: settings that are a number of seconds
SECONDS_SETTINGS = frozenset({"lock_wait"})
MOST_SECONDS = 3600


def system_kinds() -> dict[str, SystemKind]:
    """Every kind of system; the settings of all its drivers are among the optional ones.

    A driver's name may come from a variable, so a runbook may give the settings of several drivers.
    Raises RuntimeError before the drivers are loaded.
    """
    return {name: _with_driver_settings(name, kind) for name, kind in _KINDS.items()}


def driver_setting_of(kind: str) -> str:
    """The setting that names the driver of a system of this kind."""
    return _KINDS[kind].driver_setting


def secrecy_of(kind: str, setting: str) -> Secrecy:
    """How secret a setting of a system is. A kind or setting that is not known here is secret."""
    known = _KINDS.get(kind)
    if known is None:
        return Secrecy.SECRET
    return (_with_driver_settings(kind, known) if known.driver_setting else known).secrecy_of(setting)


def _with_driver_settings(name: str, kind: SystemKind) -> SystemKind:
    """Where drivers declare one setting differently, the strictest counts."""
    if not kind.driver_setting:
        return kind
    known = drivers.drivers_of(name).values()
    added = {setting for each in known for setting in each.settings}
    not_public = {setting for each in known for setting in each.settings if setting not in each.public}
    secret = {s for each in known for s in each.settings if s not in each.public | each.addresses}
    return replace(
        kind,
        optional=kind.optional | (added - kind.required),
        commands=kind.commands.union(*(each.commands for each in known)),
        public=kind.public.union(*(each.public for each in known)) - not_public,
        addresses=kind.addresses.union(*(each.addresses for each in known)) - secret,
    )
