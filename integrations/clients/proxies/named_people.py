"""People whom a load balancer knows by a header, a cookie or their address, and sends to the new stack."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EXAMPLE = '{header: "X-Pilot: staff", cookie: pilot=always, addresses: [203.0.113.0/24]}'
#: these stand in the files and commands of four load balancers without quoting
HEADER_NAME, COOKIE_NAME, VALUE = (
    re.compile(r"[A-Za-z][A-Za-z0-9-]*"),
    re.compile(r"[A-Za-z][A-Za-z0-9_]*"),
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*"),
)
#: another value, for the request of somebody who is not one of them
OTHER_VALUE = "nobody-{value}"


@dataclass(frozen=True)
class NamedPeople:
    """A request is theirs when it has the header, or the cookie, or comes from one of the networks.

    ``header`` and ``cookie`` are name and value ("" both: none); headers by their names in small letters.
    """

    header: tuple[str, str] = ("", "")
    cookie: tuple[str, str] = ("", "")
    addresses: tuple[str, ...] = ()

    @classmethod
    def parse(cls, given: Any) -> NamedPeople:
        """Reads the parameter: a mapping such as `EXAMPLE`. Raises ValueError with a sentence."""
        if not isinstance(given, Mapping):
            raise ValueError(f"must look like {EXAMPLE}.")
        if unknown := sorted(map(str, set(given) - {"header", "cookie", "addresses"})):
            raise ValueError(f"has no {', '.join(unknown)}; it has: header, cookie, addresses.")
        name, value = _parse_pair("header", given.get("header"), ":", HEADER_NAME)
        cookie = _parse_pair("cookie", given.get("cookie"), "=", COOKIE_NAME)
        return cls((name.lower(), value), cookie, _parse_addresses(given.get("addresses")))

    def __bool__(self) -> bool:
        return self != NamedPeople()

    def as_facts(self) -> dict[str, Any]:
        """JSON values that `parse` reads again; empty for nobody."""
        facts: dict[str, Any] = {}
        if self.header[0]:
            facts["header"] = ": ".join(self.header)
        if self.cookie[0]:
            facts["cookie"] = "=".join(self.cookie)
        return {**facts, "addresses": list(self.addresses)} if self.addresses else facts

    def headers(self) -> dict[str, dict[str, str]]:
        """For each way but the addresses, in words: the headers of a request that is theirs."""
        ways = {}
        if self.header[0]:
            ways[f"header {': '.join(self.header)}"] = {self.header[0]: self.header[1]}
        if self.cookie[0]:
            ways[f"cookie {'='.join(self.cookie)}"] = {"Cookie": "=".join(self.cookie)}
        return ways

    def other_headers(self) -> dict[str, str]:
        """The headers of a request that has the same header and cookie, with other values."""
        other = NamedPeople(*(_with_other_value(pair) for pair in (self.header, self.cookie)))
        return {name: value for way in other.headers().values() for name, value in way.items()}

    def __str__(self) -> str:
        ways = [*self.headers(), *(f"address {one}" for one in self.addresses)]
        return " or ".join(ways) or "nobody"


def _with_other_value(pair: tuple[str, str]) -> tuple[str, str]:
    return (pair[0], OTHER_VALUE.format(value=pair[1])) if pair[0] else pair


def _parse_pair(what: str, given: Any, separator: str, valid_name: re.Pattern[str]) -> tuple[str, str]:
    if given in (None, ""):
        return "", ""
    name, _, value = (part.strip() for part in str(given).partition(separator))
    if not valid_name.fullmatch(name) or not VALUE.fullmatch(value):
        marks = "-" if what == "header" else "_"
        raise ValueError(
            f"{what} “{given}” is not NAME{separator}VALUE: a name has letters, digits and {marks}, a value "
            "letters, digits, - and _."
        )
    return name, value


def _parse_addresses(given: Any) -> tuple[str, ...]:
    """Networks in their usual form, sorted; a list, or a text with spaces between (of one variable)."""
    listed = given.split() if isinstance(given, str) else given or []
    if not isinstance(listed, list | tuple):
        raise ValueError("addresses is a list of addresses or networks.")
    try:
        return tuple(sorted({str(ipaddress.ip_network(str(one))) for one in listed}))
    except ValueError as error:
        raise ValueError(f"addresses: {error}.") from None
