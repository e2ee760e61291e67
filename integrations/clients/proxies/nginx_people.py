"""The part of nginx's file by which named people reach the new stack: maps of header, cookie and address.

The last map gives ``$variable`` the name of an upstream; ``proxy_pass http://$variable;`` uses it
(nginx.org/en/docs/http/ngx_http_map_module.html, ngx_http_geo_module.html).
"""

from __future__ import annotations

import re
from typing import Any

from integrations.clients.proxies.named_people import NamedPeople

HEADER = re.compile(r'map \$http_(?P<name>\w+) \$\w+ \{ default 0; "~\^(?P<value>[\w-]+)\$" 1; \}')
COOKIE = re.compile(r'map \$cookie_(?P<name>\w+) \$\w+ \{ default 0; "~\^(?P<value>[\w-]+)\$" 1; \}')
ADDRESSES = re.compile(r"geo \$\w+ \{ default 0; (?P<ranges>[^}]*)\}")
NAMED = "{pool}_named"  # the upstream of the new stack alone


def write_people(pool: str, new: str, variable: str, people: NamedPeople) -> str:
    """The text after the upstream ``pool``: who reaches its members by weight, and who the new stack."""
    named, lines, parts = NAMED.format(pool=pool), [], []
    if people.header[0]:
        source = f"$http_{people.header[0].replace('-', '_')}"
        lines.append(f'map {source} ${variable}_by_header {{ default 0; "~^{people.header[1]}$" 1; }}')
        parts.append(f"${{{variable}_by_header}}")
    if people.cookie[0]:
        source = f"$cookie_{people.cookie[0]}"
        lines.append(f'map {source} ${variable}_by_cookie {{ default 0; "~^{people.cookie[1]}$" 1; }}')
        parts.append(f"${{{variable}_by_cookie}}")
    if people.addresses:
        ranges = "".join(f"{one} 1; " for one in people.addresses)
        lines.append(f"geo ${variable}_by_address {{ default 0; {ranges}}}")
        parts.append(f"${{{variable}_by_address}}")
    chosen = f' "~1" {named};' if people else ""
    lines.append(f'map "{"".join(parts)}" ${variable} {{ default {pool};{chosen} }}')
    return f"upstream {named} {{ server {new}; }}\n" + "".join(f"{line}\n" for line in lines)


def parse_people(text: str) -> NamedPeople:
    """The people in a text of `write_people`. Raises ValueError where it is another one."""
    given: dict[str, Any] = {}
    if header := HEADER.search(text):
        given["header"] = f"{header['name'].replace('_', '-')}: {header['value']}"
    if cookie := COOKIE.search(text):
        given["cookie"] = f"{cookie['name']}={cookie['value']}"
    if addresses := ADDRESSES.search(text):
        given["addresses"] = [part.split()[0] for part in addresses["ranges"].split(";") if part.strip()]
    return NamedPeople.parse(given)
