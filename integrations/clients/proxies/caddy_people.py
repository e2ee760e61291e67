"""The handler by which Caddy leads named people to the new stack: one more in the list of a route.

Source: caddyserver.com/docs/modules/http.handlers.subroute, caddyserver.com/docs/json/apps/http/servers/
routes/match (header, header_regexp, client_ip).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.clients.proxies.named_people import NamedPeople
from integrations.errors import Problem

COOKIE = re.compile(r"\(\?:\^\|;\\s\*\)(?P<name>\w+)=(?P<value>[\w-]+)\(\?:;\|\$\)")


def find_handlers(configured: Any, handler_id: str) -> list[str | int] | None:
    """The path of the list that holds the handler of this ``@id``; None where there is none."""
    if isinstance(configured, list):
        if any(isinstance(one, Mapping) and one.get("@id") == handler_id for one in configured):
            return []
        entries: Any = enumerate(configured)
    else:
        entries = configured.items() if isinstance(configured, Mapping) else ()
    for key, value in entries:
        below = find_handlers(value, handler_id)
        if below is not None:
            return [key, *below]
    return None


def lead_people(
    handlers: Sequence[Any], handler_id: str, people_id: str, dial: str, people: NamedPeople
) -> list[Any]:
    """The list with these people led to ``dial`` in front of the handler, or without them."""
    changed = [one for one in handlers if one.get("@id") != people_id]
    if people:
        place = next(n for n, one in enumerate(changed) if one.get("@id") == handler_id)
        same = {name: value for name, value in changed[place].items() if name not in _OWN}
        changed.insert(place, _make(people_id, {**same, "upstreams": [{"dial": dial}]}, people))
    return changed


#: settings of the shared handler that a handler with one upstream must not have
_OWN = ("@id", "upstreams", "load_balancing")


def _make(people_id: str, handler: Mapping[str, Any], people: NamedPeople) -> dict[str, Any]:
    route = {"match": _matchers(people), "handle": [handler], "terminal": True}
    return {"@id": people_id, "handler": "subroute", "routes": [route]}


def _matchers(people: NamedPeople) -> list[dict[str, Any]]:
    """One for each way: a request has to fit one of them."""
    matchers: list[dict[str, Any]] = []
    if people.header[0]:
        matchers.append({"header": {people.header[0]: [people.header[1]]}})
    if people.cookie[0]:
        pattern = f"(?:^|;\\s*){people.cookie[0]}={people.cookie[1]}(?:;|$)"
        matchers.append({"header_regexp": {"Cookie": {"pattern": pattern}}})
    if people.addresses:
        matchers.append({"client_ip": {"ranges": list(people.addresses)}})
    return matchers


def people_in_handlers(handlers: Sequence[Any], people_id: str) -> NamedPeople:
    """The people in the list. Raises `Problem` for a handler that the panel did not write like that."""
    found = next((one for one in handlers if one.get("@id") == people_id), None)
    if found is None:
        return NamedPeople()
    try:
        matchers = found["routes"][0]["match"]
        people = NamedPeople.parse(_facts(matchers))
        if _matchers(people) == matchers:
            return people
    except (LookupError, TypeError, AttributeError, ValueError):
        pass
    raise Problem(
        f"Caddy's handler “{people_id}” is not as the panel writes it.",
        means="Who reaches the new stack is not known. Nothing was changed.",
        next="Find out who changed it, and remove it from the configuration.",
    )


def _facts(matchers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for matcher in matchers:
        if "header" in matcher:
            ((name, values),) = matcher["header"].items()
            facts["header"] = f"{name}: {values[0]}"
        if "header_regexp" in matcher:
            fits = COOKIE.fullmatch(matcher["header_regexp"]["Cookie"]["pattern"])
            facts["cookie"] = f"{fits['name']}={fits['value']}" if fits else ""
        if "client_ip" in matcher:
            facts["addresses"] = matcher["client_ip"]["ranges"]
    return facts
