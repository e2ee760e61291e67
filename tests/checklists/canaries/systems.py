"""Systems of every kind and driver, with a canary in each setting that is not public."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from integrations import drivers
from integrations.secrecy import Secrecy
from integrations.system_kinds import SystemKind, driver_setting_of, secrecy_of, system_kinds
from tests.checklists.canaries.words import Canaries


@dataclass(frozen=True)
class Ports:
    """Where the stand-ins of one world listen. ``login`` gives the address of a database for a password."""

    http: int
    redis: int
    lines: int
    login: Callable[[str], str]


#: Public settings that need a certain form: (kind, setting) → value. {folder}, {lines} are filled in.
PUBLIC: dict[tuple[str, str], Any] = {
    ("http", "marker"): {"path": "/", "headers": {"x-repeated": "present"}},
    ("http", "requests"): "/requests",
    ("http", "sign_in"): {
        "path": "/sign-in",
        "send": {"email": "{email}", "password": "{password}"},
        "token": "token",
        "email": "email",
        "session": {"path": "/session/{token}", "email": "email"},
        "sign_out": {"path": "/sign-out", "send": {"token": "{token}"}},
        "header": "Authorization: Bearer {token}",
    },
    ("gift_api", "body"): '{"amount": "{amount}", "reference": "{reference}"}',
    ("gift_api", "begin"): "/gifts",
    ("gift_api", "change"): "/gifts/{id}",
    ("login", "email"): "canary@people.invalid",
    ("folder", "path"): "{folder}",
    ("env_file", "path"): "{folder}/settings.env",
    ("prisma", "project"): "{folder}",
    ("api_process", "settings"): "{folder}/settings.env",
    ("api_process", "database"): "DATABASE_URL",
    ("api_process", "port"): "PORT",
    ("api_process", "stands_for"): "{http}",
    ("payments", "currency"): "USD",
    ("dns", "zone"): "example.org",
    ("dns", "servers"): "127.0.0.1:1",
    ("dns", "server"): "127.0.0.1:1",
    ("proxy", "socket"): "127.0.0.1:{lines}",
    ("host", "address"): "127.0.0.1",
    ("host", "port"): "1",
    ("sqlite", "path"): "{folder}/nothing.sqlite",
}
LEFT_OUT = {("postgres", "bin"), ("postgres", "lock_wait"), ("prisma", "schema"), ("prisma", "lock_wait")} | {
    *(("redis", "prefix"), ("prisma", "diff"), ("api_process", "ready"), ("env_file", "reader")),
    *(("proxy", "ca"), ("proxy", "file"), ("proxy", "log"), ("proxy", "people"), ("proxy", "variable")),
    *(
        ("platform", name)
        for name in ("folder", "file", "values", "image_values", "chart_keys", "deployments")
    ),
    *(("payments", "variable"), ("payments", "business"), ("host", "user"), ("dns", "key_algorithm")),
}
#: Secrets that their clients take in one form only.
TEMPLATES = {
    ("payments", "secret_key"): {
        "stripe": "sk_test_{}",
        "paystack": "sk_test_{}",
        "flutterwave": "FLWSECK_TEST-{}",
    },
}
#: Secrets with letters and digits only, because of their protocol.
PLAIN = {("dns", "key_secret"), ("payments", "webhook_secret"), ("http", "token"), ("proxy", "token")}


def system_name(kind: str, world: str) -> str:
    """The name of the system of that kind, or of that driver, in a world."""
    return f"{kind.replace('_', '-')}-{world}"


class SystemMaker:
    """Makes the systems of one world."""

    def __init__(self, canaries: Canaries, ports: Ports, folder: Path, world: str) -> None:
        self.canaries, self.ports, self.folder, self.world = canaries, ports, folder, world

    def make(self, used: str, *, of: str) -> dict[str, dict[str, Any]]:
        """The systems whose names are in this text: name → section. ``of`` names the cutover in canaries."""
        made = {}
        for kind, known in system_kinds().items():
            for driver in drivers.drivers_of(kind) if known.driver_setting else ("",):
                if f'"{(name := system_name(driver or kind, self.world))}"' in used:
                    made[name] = self._make(kind, known, driver, of)
        return made

    def _make(self, kind: str, known: SystemKind, driver: str, of: str) -> dict[str, Any]:
        section: dict[str, Any] = {"kind": kind}
        of_driver = drivers.drivers_of(kind)[driver].settings if driver else {}
        foreign = (
            {s for each in drivers.drivers_of(kind).values() for s in each.settings} if driver else set()
        )
        own = known.settings - {"inspect", "archive"} if driver == "command" else known.settings
        for setting in sorted(own - (foreign - set(of_driver) - known.required)):
            if setting == driver_setting_of(kind):
                section[setting] = driver
            elif (kind, setting) not in LEFT_OUT:
                section[setting] = self._value(kind, setting, driver, of)
        return section

    def _value(self, kind: str, setting: str, driver: str, of: str) -> Any:
        secrecy, place = secrecy_of(kind, setting), f"{setting} of {driver or kind} ({of}, {self.world})"
        if secrecy == Secrecy.PUBLIC:
            return self._fill(PUBLIC.get((kind, setting), setting))
        if secrecy == Secrecy.ADDRESS:
            return self.canaries.variable(self._address(kind, place))
        if secrecy == Secrecy.COMMAND:
            word = self.canaries.variable(self.canaries.new(place))
            return f"{self.folder}/bin/program --key {word}"
        return self._secret(kind, setting, driver, place)

    def _secret(self, kind: str, setting: str, driver: str, place: str) -> str:
        if setting == "private_key":
            return self.canaries.variable(self.canaries.new_key(place))
        if (kind, setting) == ("api_process", "variables"):
            return f"OWN={self.canaries.variable(self.canaries.new(place))}"
        template = TEMPLATES.get((kind, setting), {}).get(driver, "")
        if template or (kind, setting) in PLAIN:
            return self.canaries.variable(self.canaries.new(place, template or "{}"))
        return self.canaries.variable(self.canaries.new_with_signs(place))

    def _address(self, kind: str, place: str) -> str:
        plain = self.canaries.new_with_signs(place)
        if kind in ("postgres", "prisma"):
            return self.ports.login(plain)
        password = quote(plain, safe="")
        if kind == "redis":
            return f"redis://:{password}@127.0.0.1:{self.ports.redis}/0"
        if kind == "mysql":
            return f"mysql://canary:{password}@127.0.0.1:{self.ports.lines}/canary"
        key = self.canaries.new(f"query of {place}")
        return f"http://canary:{password}@127.0.0.1:{self.ports.http}/base?key={key}"

    def _fill(self, value: Any) -> Any:
        text = (
            json.dumps(value).replace("{folder}", str(self.folder)).replace("{lines}", str(self.ports.lines))
        )
        return json.loads(text.replace("{http}", f"http-{self.world}"))
