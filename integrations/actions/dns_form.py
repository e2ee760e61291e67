"""The form that the actions of DNS share: what can be seen to be wrong before anything is asked."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import Any

from django import forms

from integrations import actions
from integrations.clients import load_drivers
from integrations.clients.dns import Zone
from integrations.clients.dns.names import check_place, normal_name
from integrations.errors import Problem
from integrations.systems import System

KINDS = [(kind, kind) for kind in ("A", "AAAA", "CNAME")]


class RecordForm(actions.ActionForm):
    """The record set: its name must be in the zone, and its TTL one that the service takes."""

    zone = actions.SystemField(kind="dns")
    name = forms.CharField(max_length=253)
    type = forms.ChoiceField(choices=KINDS, required=False)
    ttl = forms.IntegerField(min_value=1, max_value=86_400, required=False)

    def clean(self) -> dict[str, Any]:
        """Raises ``ValidationError`` as far as the settings of the zone are known."""
        given = super().clean() or self.cleaned_data
        system, name = given.get("zone"), given.get("name")
        if not isinstance(system, System) or not name:
            return given
        with suppress(Problem):  # a variable of the system that is not set here
            check_name(name, given.get("type") or "A", system)
        with suppress(Problem):
            check_ttl(given.get("ttl"), system)
        return given


def check_name(name: str, kind: str, system: System) -> None:
    """Raises ``ValidationError`` for a name outside of the zone, and for a CNAME of the zone's own name."""
    zone = system["zone"]
    try:
        full = check_place(name, zone)
        apex = normal_name(zone)
    except ValueError as error:
        raise forms.ValidationError({"name": str(error)}) from None
    if kind == "CNAME" and full == apex and not _zone_class(system).flattens_apex:
        raise forms.ValidationError(
            {
                "type": f"“{full}” is the zone's own name. It has SOA and NS records, and so no CNAME "
                "(RFC 1034, 3.6.2): use A and AAAA."
            }
        )


def check_ttl(ttl: int | None, system: System) -> None:
    """Raises ``ValidationError`` for a TTL that the service does not take."""
    smallest = _zone_class(system).smallest_ttl
    if ttl is not None and ttl < smallest:
        raise forms.ValidationError({"ttl": f"{system.driver()} takes no TTL below {smallest} s."})


def _zone_class(system: System) -> type[Zone]:
    load_drivers()
    return system.registered_driver().implementation_of(Zone)


def check_values(kind: str, values: list[Any]) -> None:
    """Raises ``ValidationError`` for a value that a record of this type cannot have."""
    readers = {"A": ipaddress.IPv4Address, "AAAA": ipaddress.IPv6Address, "CNAME": _read_target}
    for value in values:
        try:
            readers[kind](str(value).strip())
        except ValueError:
            what = "a name" if kind == "CNAME" else f"an address of IPv{4 if kind == 'A' else 6}"
            raise forms.ValidationError({"to": f"“{value}” is not {what}, as a record of type {kind} needs."})
    if kind == "CNAME" and len(values) > 1:
        raise forms.ValidationError({"to": "A CNAME has one value (RFC 2181, 10.1)."})


def _read_target(text: str) -> str:
    name = normal_name(text)
    if name.startswith("*") or name.rpartition(".")[2].isdecimal():
        raise ValueError(text)  # a wildcard, or an address
    return name
