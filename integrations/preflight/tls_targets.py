"""The addresses that are reached over TLS: of the systems, and of the stack behind a public name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from integrations.clients import postgres
from integrations.clients.dns import get_zone
from integrations.clients.tls import TlsOptions, begin_postgres
from integrations.errors import Problem
from integrations.preflight.check import CheckScope
from integrations.systems import System

#: where libpq looks for the authorities when sslrootcert is not given (libpq-ssl.html)
LIBPQ_AUTHORITY = Path("~/.postgresql/root.crt")
VERIFYING = ("verify-ca", "verify-full")


@dataclass(frozen=True)
class TlsTarget:
    """One server. ``verifies``: its clients check the certificate; ``checks_name``: and the name in it."""

    host: str
    port: int
    systems: tuple[str, ...]
    options: TlsOptions = field(default_factory=TlsOptions)
    verifies: bool = True
    checks_name: bool = True
    items: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """``host:port``, the address behind a name that leads elsewhere now, and how it is judged."""
        there = f" at {self.options.address}" if self.options.address else ""
        how = f", by {self.options.authority}" if self.options.authority else ""
        how += "" if self.verifies else ", not verified by its clients"
        how += "" if self.checks_name or not self.verifies else ", without its name"
        return f"{self.host}:{self.port}{there}: certificate{how}"


def find_targets(scope: CheckScope) -> list[TlsTarget]:
    """Every server once, with the names of all systems that lead to it."""
    found: dict[str, TlsTarget] = {}
    for target in (*_of_systems(scope), *_behind_names(scope)):
        known = found.get(target.subject)
        names = dict.fromkeys((*(known.systems if known else ()), *target.systems))
        found[target.subject] = replace(target, systems=tuple(names))
    return list(found.values())


def _of_systems(scope: CheckScope) -> Iterator[TlsTarget]:
    for system in scope.systems.values():
        for name in system.settings:
            try:
                value = system[name]
                if system.kind == "postgres" and name == "url":
                    yield from _of_postgres(system, value)
                elif value.startswith(("https://", "rediss://")):
                    yield from _of_url(system, value)
            except (Problem, ValueError):
                continue  # the check of variables and that of the system itself report it


def _of_url(system: System, url: str) -> Iterator[TlsTarget]:
    parts = urlsplit(url)
    if not parts.hostname:
        return
    if parts.scheme == "https":
        yield TlsTarget(parts.hostname, parts.port or 443, (system.name,))
        return
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    yield TlsTarget(
        parts.hostname,
        parts.port or 6379,
        (system.name,),
        TlsOptions(authority=given.get("ssl_ca_certs", "")),
        verifies=given.get("ssl_cert_reqs", "required") == "required",
        checks_name=given.get("ssl_check_hostname", "true").lower() != "false",
    )


def _of_postgres(system: System, url: str) -> Iterator[TlsTarget]:
    known = postgres.connection_settings(url)
    mode, hosts = known.get("sslmode", "prefer"), known.get("host", "").split(",")
    ports = known.get("port", "5432").split(",")
    if mode not in (*VERIFYING, "require"):
        return  # TLS is not demanded: a certificate decides nothing
    given = known.get("sslrootcert", "")
    default = LIBPQ_AUTHORITY.expanduser()
    authority = given if given != "system" else ""
    if not given and (mode in VERIFYING or default.is_file()):
        authority = str(default)
    for number, host in enumerate(hosts):
        if not host or host.startswith("/"):
            continue
        yield TlsTarget(
            host,
            int(ports[min(number, len(ports) - 1)] or 5432),
            (system.name,),
            TlsOptions(authority=authority, begin=begin_postgres),
            # with a file of authorities libpq checks the chain under “require”, too
            verifies=mode in VERIFYING or (bool(authority) and Path(authority).is_file()),
            checks_name=mode == "verify-full",
        )


def _behind_names(scope: CheckScope) -> Iterator[TlsTarget]:
    """The new addresses of a public name: they have to show a certificate for that name."""
    public = [(system, parts) for system, parts in _urls(scope) if parts.scheme == "https"]
    for item in scope.items_of("dns.switch"):
        try:
            params = scope.systems.fill_variables(item.params)
            name = get_zone(scope.systems[params["zone"]], scope.systems).full_name(str(params["name"]))
        except (Problem, KeyError):
            continue
        if params.get("type", "A") == "CNAME" or not isinstance(params.get("to"), list):
            continue
        for system, parts in public:
            if parts.hostname == name:
                for address in map(str, params["to"]):
                    options = TlsOptions(address=address)
                    yield TlsTarget(name, parts.port or 443, (system.name,), options, items=(item.key,))


def _urls(scope: CheckScope) -> Iterator[tuple[System, SplitResult]]:
    for system in scope.systems_of("http"):
        try:
            yield system, urlsplit(system["url"])
        except (Problem, ValueError):
            continue
