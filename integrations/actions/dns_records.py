"""What the actions of DNS share: the record set, its change, and the probe of a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from integrations import actions
from integrations.clients.dns import RecordSet, Zone, get_zone, propagation
from integrations.clients.dns.inspection import find_wildcard, read_negative_ttl
from integrations.clients.dns.records import RecordFacts
from integrations.errors import Problem
from integrations.systems import System

PATIENCE = 120.0  # seconds for every authoritative server to answer with the new record
OTHER_FAMILY = {"A": "AAAA", "AAAA": "A"}


@dataclass(frozen=True)
class RecordParams(actions.ActionParams):
    """The record set that an action of DNS changes."""

    zone: System
    name: str
    type: str


class RecordChange(TypedDict):
    """A record set before and after, and the answer of each authoritative server."""

    before: RecordFacts
    after: RecordFacts
    servers: NotRequired[dict[str, str]]


def record_kind(params: RecordParams) -> str:
    """The type of record."""
    return params.type or "A"


def record_resource(params: RecordParams) -> str:
    """The name of the resource that keeps two changes of a record set apart."""
    zone = get_zone(params.zone, params.context.systems)
    return f"dns:{zone.full_name(params.name)}:{record_kind(params)}"


def read_record(params: RecordParams) -> RecordSet:
    """The record set as the provider holds it now.

    Raises `Problem`, also where the answer comes from an alias, or from a wildcard: their own name decides.
    """
    zone = get_zone(params.zone, params.context.systems)
    now = zone.read(params.name, record_kind(params))
    wildcard = _wildcard_above(zone, now)
    if wildcard:
        raise Problem(
            f"{now.name} has no {now.kind} of its own: {wildcard} answers for it.",
            means="A change of this name alone would leave nothing to go back to.",
            next=f"Name “{wildcard}” in name: to change all of these names, or add a {now.kind} of "
            f"{now.name} with the same values first.",
        )
    return now


def _wildcard_above(zone: Zone, now: RecordSet) -> str:
    """The wildcard that answers for a name; "" where none does, and where no server can be asked."""
    if now.name.startswith("*."):
        return ""
    try:
        return find_wildcard(zone.servers()[0], now.name, now.kind)
    except (Problem, IndexError):
        return ""


def describe_other_family(params: RecordParams, now: RecordSet) -> str:
    """The record set of the other address family, which this change leaves as it is; "" without one.

    "" also where another item of the runbook switches it.
    """
    other = OTHER_FAMILY.get(now.kind)
    if other is None or _is_switched_elsewhere(params, other):
        return ""
    found = get_zone(params.zone, params.context.systems).read(params.name, other)
    if not found.values:
        return ""
    return (
        f"{found} stays as it is: whoever has IPv{6 if other == 'AAAA' else 4} keeps going there. Switch it "
        f"with an item of type: {other}, or remove it."
    )


def _is_switched_elsewhere(params: RecordParams, kind: str) -> bool:
    """Whether an item of the runbook switches the record set of that type at the same name."""
    zone = get_zone(params.zone, params.context.systems)
    own = (params.zone.name, zone.full_name(params.name), kind)
    return any(
        (given.get("zone"), _full(zone, given.get("name")), given.get("type")) == own
        for given in _switches(params.context)
    )


def _switches(context: actions.Context) -> Iterator[Mapping[str, Any]]:
    """The parameters of every ``dns.switch`` of the runbook, filled in."""
    for item in context.items.values():
        with suppress(Problem):  # a variable that is not set: such an item cannot run either
            if item.action == "dns.switch":
                yield context.systems.fill_variables(item.params)


def _full(zone: Zone, name: Any) -> str:
    with suppress(Problem):
        return zone.full_name(str(name))
    return ""


def describe_negative_caching(zone: Zone, now: RecordSet, wanted: RecordSet) -> str:
    """For how long resolvers may remember that there was no record (RFC 2308); "" where there was one."""
    if now.values or not wanted.values:
        return ""
    try:
        remembered = read_negative_ttl(zone.servers()[0], zone.name)
    except (Problem, IndexError):
        remembered = None
    seconds = "a time that is not known" if remembered is None else f"{remembered} s"
    return (
        f"{now.name} had no {now.kind} before: resolvers that asked for it remember that for {seconds} (the "
        "negative TTL of the zone's SOA)."
    )


def preview_lines(zone: Zone, now: RecordSet, wanted: RecordSet) -> list[str]:
    """The record now, the commands that change it, and the servers that are asked afterwards."""
    commands = zone.commands(now, wanted) if now != wanted else ["It already is as wanted."]
    explained = zone.explain_ttl(now.name, now.kind)
    return [
        f"Now: {now}.",
        *filter(None, [explained]),
        *commands,
        f"Ask {', '.join(zone.servers())} until all of them answer with it.",
    ]


def record_before(item: actions.EarlierItem[Any], change: RecordChange | None) -> RecordSet:
    """The record set as it was before the latest attempt of an item, whose ``change`` is given if it
    recorded one. Raises `Problem` when no attempt has begun."""
    known = change["before"] if change else item.before.get("before")
    if not known:
        raise Problem(
            f"“{item.key}” has not changed the record.",
            means="What the record was before is not known.",
            next="Set it by hand, or with an item that names the values.",
        )
    return RecordSet.of_facts(known)


def change_record(
    zone: Zone, now: RecordSet, wanted: RecordSet, report: actions.Report, patience: float | None
) -> dict[str, str]:
    """Writes the record set unless it is as wanted already; returns each server and its answer."""
    if explained := zone.explain_ttl(now.name, now.kind):
        report.log(explained)
    if now != wanted:
        for line in zone.commands(now, wanted):
            report.log(line)
        zone.replace(now, wanted)
    return propagation.wait_until_served(
        zone.servers(), wanted, report, PATIENCE if patience is None else patience
    )


def lagging_servers(servers: Mapping[str, str]) -> str:
    """The verdict that names the servers with another answer, or "" when there are none."""
    lagging = [f"{server}: {said}" for server, said in servers.items() if not propagation.is_timestamp(said)]
    if not lagging:
        return ""
    if all("with a TTL of" in said for said in lagging):
        return (
            f"The new values are served, but not the TTL: {'; '.join(lagging)}. The provider has a smallest "
            "TTL or one of its own for this record: look there."
        )
    return f"Not every server answers with the new record: {'; '.join(lagging)}. Check its zone transfers."


def probe_record(zone: Zone, before: Mapping[str, Any]) -> actions.Finding:
    """Done only when every authoritative server answers with the wanted record set."""
    wanted, was = RecordSet.of_facts(before["wanted"]), RecordSet.of_facts(before["before"])
    now = zone.read(wanted.name, wanted.kind)
    facts = now.as_facts()
    if now == was and was != wanted:
        return actions.Finding(actions.ProbeStatus.NOT_DONE, f"The record is as before: {now}.", facts)
    if now != wanted:
        observed = f"The record is neither as before nor as wanted: {now}."
        return actions.Finding(actions.ProbeStatus.PARTIAL, observed, facts)
    lagging = [server for server in zone.servers() if propagation.check_server(server, wanted)]
    if lagging:
        observed = f"{now}, but not yet at {', '.join(lagging)}."
        return actions.Finding(actions.ProbeStatus.PARTIAL, observed, facts)
    return actions.Finding(actions.ProbeStatus.DONE, f"Every authoritative server answers: {now}.", facts)
