"""Lowers a record's time to live, so that a later switch is seen soon; says from when on that may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients.dns import RecordSet, Zone, told, zone_of
from integrations.errors import Problem

PATIENCE = 120.0  # seconds for every authoritative server to answer it
KINDS = [(kind, kind) for kind in ("A", "AAAA", "CNAME")]


@register
class DnsLowerTtl(Action):
    """Whoever asked just before the change keeps the old answer for the old TTL: so long a switch waits."""

    key, title = "dns.lower_ttl", "Lower the time to live of a name before it is switched"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=15)
    risky = True

    class Params(ActionForm):
        """``zone``; ``name`` in it and ``type`` (default A); ``ttl``: seconds, from now on (default 60);
        ``back_to``: instead, the record as it was before that item; ``patience``: seconds in which every
        authoritative server has to answer it (default 120)."""

        zone = SystemField(kind="dns")
        name = forms.CharField(max_length=253)
        type = forms.ChoiceField(choices=KINDS, required=False)
        ttl = forms.IntegerField(min_value=1, max_value=86_400, required=False)
        back_to = EvidenceField(action="dns.lower_ttl", required=False)
        patience = forms.FloatField(min_value=0, max_value=600, required=False)

    def resource(self, params: Values) -> str:
        """The record set."""
        return resource_of(params)

    def preview(self, params: Values) -> Preview:
        """What stands there, what is sent, and how long a switch has to wait then."""
        zone = zone_of(params.zone, params.context.systems)
        now = zone.read(params.name, kind_of(params))
        wanted = _wanted(params, now)
        lines = [f"Now: {now}.", *(zone.commands(now, wanted) if now != wanted else ["It is so already."])]
        lines.append(f"Ask {', '.join(zone.servers())} until all answer it.")
        warnings = [f"A switch has to wait {now.ttl} s from then on."] if now.ttl > wanted.ttl else []
        return Preview(lines, where=zone.where, warnings=warnings)

    def before(self, params: Values) -> dict[str, Any]:
        """The set that an undo goes back to."""
        now = zone_of(params.zone, params.context.systems).read(params.name, kind_of(params))
        return {"before": now.as_facts(), "wanted": _wanted(params, now).as_facts()}

    def run(self, params: Values, report: Report) -> Outcome:
        """Changes the one set, then waits for every server. A server that stays behind is a verdict."""
        zone = zone_of(params.zone, params.context.systems)
        now = zone.read(params.name, kind_of(params))
        wanted = _wanted(params, now)
        facts: dict[str, Any] = {"before": now.as_facts(), "after": wanted.as_facts()}
        report.evidence(lowered=facts)
        said = changed(zone, now, wanted, report, params.patience)
        behind = [f"{server}: {what}" for server, what in said.items() if not told.is_told(what)]
        report.evidence(lowered={**facts, "servers": said})
        if behind:
            return Outcome(False, f"Not every server tells it: {'; '.join(behind)}. Look at its transfers.")
        longest = max(now.ttl, _old_ttl(params), wanted.ttl)
        first = datetime.now(UTC) + timedelta(seconds=longest)
        moment = first.isoformat(timespec="seconds")
        report.evidence(lowered={**facts, "servers": said, "switch_not_before": moment})
        return Outcome(True, f"{wanted}; caches may hold the old answer until {first:%Y-%m-%d %H:%M:%S %Z}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """The set now against those wanted and before."""
        return finding(zone_of(params.zone, params.context.systems), before)


def kind_of(params: Values) -> str:
    """The type of record."""
    return params.type or "A"


def resource_of(params: Values) -> str:
    """One change of a record set at a time."""
    zone = zone_of(params.zone, params.context.systems)
    return f"dns:{zone.absolute(params.name)}:{kind_of(params)}"


def set_before(params: Values, word: str) -> RecordSet:
    """The set as it was before the item that ``back_to`` names. Raises `Problem`."""
    trace = params.context.traces.get(params.back_to, {})
    known = (trace.get(word) or trace).get("before")
    if not known:
        raise Problem(
            f"“{params.back_to}” has not changed the record.",
            means="What stood there before is not known.",
            next="Set it by hand, or with a change of its own.",
        )
    return RecordSet.of_facts(known)


def changed(
    zone: Zone, now: RecordSet, wanted: RecordSet, report: Report, patience: float | None
) -> dict[str, str]:
    """Writes it where it is not so yet; what every authoritative server says then (`told.wait`)."""
    if now != wanted:
        for line in zone.commands(now, wanted):
            report.log(line)
        zone.replace(now, wanted)
    return told.wait(zone.servers(), wanted, report, PATIENCE if patience is None else patience)


def finding(zone: Zone, before: Mapping[str, Any]) -> Finding:
    """A probe's answer: done only when every authoritative server tells it."""
    wanted, was = RecordSet.of_facts(before["wanted"]), RecordSet.of_facts(before["before"])
    now = zone.read(wanted.name, wanted.kind)
    facts = now.as_facts()
    if now == was and was != wanted:
        return Finding(Seen.NOT_DONE, f"It is as before: {now}.", facts)
    if now != wanted:
        return Finding(Seen.PARTIAL, f"It is neither as before nor as wanted: {now}.", facts)
    behind = [server for server in zone.servers() if told.look(server, wanted)]
    if behind:
        return Finding(Seen.PARTIAL, f"{now}, but not yet at {', '.join(behind)}.", facts)
    return Finding(Seen.DONE, f"Every authoritative server answers: {now}.", facts)


def _wanted(params: Values, now: RecordSet) -> RecordSet:
    if params.back_to:
        return set_before(params, "lowered")
    if not now.values:
        raise Problem(
            f"{now}.",
            means="There is nothing whose time to live could be lowered.",
            next="Check name: and type: of the item, and zone: of the system.",
        )
    return now.with_ttl(min(now.ttl, params.ttl or 60))


def _old_ttl(params: Values) -> int:
    """That of an earlier try, which changed the record and did not come to its end."""
    traces = params.context.traces.values()
    known = [trace["lowered"]["before"] for trace in traces if "before" in (trace.get("lowered") or {})]
    zone = zone_of(params.zone, params.context.systems)
    mine = [one["ttl"] for one in known if one["name"] == zone.absolute(params.name)]
    return max(mine, default=0)
