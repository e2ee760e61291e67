"""Lowers the TTL of a DNS record, so that a later switch takes effect soon, and says when that may start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NotRequired, TypedDict

from django import forms

from integrations import actions
from integrations.actions import dns_records
from integrations.actions.dns_form import RecordForm
from integrations.clients.dns import RecordSet, get_zone
from integrations.errors import Problem


@dataclass(frozen=True)
class DnsLowerTtlParams(dns_records.RecordParams):
    """The record set, its new TTL, or the item to undo."""

    ttl: int | None
    back_to: actions.EarlierItem[DnsLowerTtlEvidence] | None
    patience: float | None


class LoweredTtl(dns_records.RecordChange):
    """Also the time (ISO 8601) at which no cache can hold the old TTL any more."""

    switch_not_before: NotRequired[str]


class DnsLowerTtlEvidence(TypedDict, total=False):
    """What a run records."""

    lowered: LoweredTtl


@actions.register
class DnsLowerTtl(actions.Action[DnsLowerTtlParams, DnsLowerTtlEvidence]):
    """A resolver that asked just before the change keeps the old answer for the old TTL, so a switch has to
    wait that long."""

    key, title = "dns.lower_ttl", "Lower the TTL of a DNS record"
    texts_shown = True
    public_params = frozenset({"name"})
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(minutes=15)
    risky = True

    class Params(RecordForm):
        """``zone``; ``name`` in it and ``type`` (default A); ``ttl``: the new TTL in seconds (default 60);
        ``back_to``: the item to undo, instead of ``ttl``; ``patience``: seconds in which every
        authoritative server has to answer with the new record (default 120)."""

        back_to = actions.EvidenceField(action="dns.lower_ttl", required=False)
        patience = forms.FloatField(min_value=0, max_value=600, required=False)

    def resource(self, params: DnsLowerTtlParams) -> str:
        """The record set."""
        return dns_records.record_resource(params)

    def preview(self, params: DnsLowerTtlParams) -> actions.Preview:
        """The record now, the change, and how long a switch will have to wait."""
        zone = get_zone(params.zone, params.context.systems)
        now = dns_records.read_record(params)
        wanted = _wanted(params, now)
        warnings = [f"A switch has to wait {now.ttl} s from then on."] if now.ttl > wanted.ttl else []
        return actions.Preview(
            dns_records.preview_lines(zone, now, wanted), where=zone.where, warnings=warnings
        )

    def before(self, params: DnsLowerTtlParams) -> dict[str, Any]:
        """The record set that an undo goes back to."""
        now = dns_records.read_record(params)
        return {"before": now.as_facts(), "wanted": _wanted(params, now).as_facts()}

    def run(
        self, params: DnsLowerTtlParams, report: actions.RunReport[DnsLowerTtlEvidence]
    ) -> actions.Outcome:
        """Changes the record set, then waits for every server. A server that lags behind is a verdict."""
        zone = get_zone(params.zone, params.context.systems)
        now = dns_records.read_record(params)
        wanted = _wanted(params, now)
        facts: LoweredTtl = {"before": now.as_facts(), "after": wanted.as_facts()}
        # Recorded before the change: an undo needs the old record also when this attempt is lost.
        report.evidence({"lowered": facts})
        facts["servers"] = dns_records.change_record(zone, now, wanted, report, params.patience)
        report.evidence({"lowered": facts})
        if lagging := dns_records.lagging_servers(facts["servers"]):
            return actions.Outcome(False, lagging)
        longest = max(now.ttl, _old_ttl(params), wanted.ttl)
        first = datetime.now(UTC) + timedelta(seconds=longest)
        facts["switch_not_before"] = first.isoformat(timespec="seconds")
        report.evidence({"lowered": facts})
        return actions.Outcome(
            True, f"{wanted}; caches may hold the old answer until {first:%Y-%m-%d %H:%M:%S %Z}."
        )

    def probe(self, params: DnsLowerTtlParams, before: Mapping[str, Any]) -> actions.Finding:
        """Compares the record set now with the one wanted and the one before."""
        return dns_records.probe_record(get_zone(params.zone, params.context.systems), before)


def _wanted(params: DnsLowerTtlParams, now: RecordSet) -> RecordSet:
    if params.back_to:
        return dns_records.record_before(params.back_to, params.back_to.latest_evidence.get("lowered"))
    if not now.values:
        raise Problem(
            f"{now}.",
            means="There is no record whose TTL could be lowered.",
            next="Check name: and type: of the item, and zone: of the system.",
        )
    return now.with_ttl(min(now.ttl, params.ttl or 60))


def _old_ttl(params: DnsLowerTtlParams) -> int:
    """The TTL before an earlier attempt that changed the record and was lost before it ended."""
    context = params.context
    attempts = [actions.EarlierItem[DnsLowerTtlEvidence](key, context) for key in context.traces]
    changes = [change for one in attempts if (change := one.latest_evidence.get("lowered"))]
    name = get_zone(params.zone, context.systems).full_name(params.name)
    return max((one["before"]["ttl"] for one in changes if one["before"]["name"] == name), default=0)
