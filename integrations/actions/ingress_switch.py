"""Leads a Kubernetes ingress to the new service, and sees by the requests themselves that people moved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
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
from integrations.actions.lb_shift import watched
from integrations.clients import traffic
from integrations.clients.proxies import Weights
from integrations.clients.proxies.driver import changed_meanwhile
from integrations.clients.proxies.ingress import Ingress, ingress_of, services
from integrations.errors import Problem


@register
class IngressSwitch(Action):
    """The routes that stood there are kept whole; the undo writes exactly these."""

    key, title = "ingress.switch", "Lead the Kubernetes ingress to the new service"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=15)
    risky = True

    class Params(ActionForm):
        """``proxy``: the ingress (driver kubernetes; its old and new are services); ``public``: the address
        that people use; ``old``, ``new``: both stacks, with marker and counter; ``path``: what is asked;
        ``seconds``: how long one look at who answers takes (default 20); ``share``: percent of people's
        requests that may still reach the old stack then (default 0); ``back_to``: instead of switching,
        the routes that were there before that item."""

        proxy = SystemField(kind="proxy")
        public = SystemField(kind="http")
        old = SystemField(kind="http")
        new = SystemField(kind="http")
        path = forms.CharField(max_length=200, required=False)
        seconds = forms.FloatField(min_value=0, max_value=600, required=False)
        share = forms.FloatField(min_value=0, max_value=100, required=False)
        back_to = EvidenceField(action="ingress.switch", required=False)

    def resource(self, params: Values) -> str:
        """The ingress."""
        return f"ingress:{params.proxy.name}:{params.proxy['pool']}"

    def preview(self, params: Values) -> Preview:
        """The request, and where the ingress leads now."""
        ingress = ingress_of(params.proxy, params.context.systems)
        now, _ = ingress.routes()
        then = _wanted(params, ingress, now)
        lines = [
            f"Now: {', '.join(services(now))}. Then: {', '.join(services(then))}.",
            ingress.request() if then != now else "Nothing has to be written: it leads there already.",
            f"Ask {params.public['url']} until the answers show it, and read both stacks' counters.",
        ]
        return Preview(lines, where=ingress.where)

    def before(self, params: Values) -> dict[str, Any]:
        """The routes that an undo goes back to, and those that are wanted."""
        ingress = ingress_of(params.proxy, params.context.systems)
        now, _ = ingress.routes()
        return {"before": now, "wanted": _wanted(params, ingress, now)}

    def run(self, params: Values, report: Report) -> Outcome:
        """Writes, reads back, looks at who answers. Cancelled while looking, the routes stay as written."""
        traffic.refuse_unmarked(params.old, params.new)
        ingress = ingress_of(params.proxy, params.context.systems)
        was, version = ingress.routes()
        wanted = _wanted(params, ingress, was)
        facts = {"ingress": ingress.where, "before": was, "after": wanted, "version": version}
        report.evidence(switch=facts)
        if was != wanted:
            report.log(f"{ingress.request()} ({version})")
            ingress.put(wanted, version)
        now, _ = ingress.routes()
        if now != wanted:
            raise changed_meanwhile(ingress.where)
        report.log(f"{ingress.where}: {', '.join(services(was))} → {', '.join(services(now))}")
        to_old = bool(params.back_to) and _leads_to_old(params, now)
        seen, wrong = watched(params, Weights(100, 0) if to_old else Weights(0, 100), report)
        report.evidence(switch={**facts, "seen": seen})
        if wrong:
            return Outcome(False, wrong)
        return Outcome(True, f"{ingress.where} leads to {', '.join(services(now))}; {seen['said']}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """The routes now against those wanted and those before."""
        now, _ = ingress_of(params.proxy, params.context.systems).routes()
        said = f"It leads to {', '.join(services(now))}"
        if now == before["wanted"]:
            return Finding(Seen.DONE, f"{said}, as wanted.", now)
        if now == before["before"]:
            return Finding(Seen.NOT_DONE, f"{said}, as before.", now)
        return Finding(Seen.PARTIAL, f"{said}: neither as wanted nor as before.", now)


def _wanted(params: Values, ingress: Ingress, now: Mapping[str, Any]) -> dict[str, Any]:
    """The routes to write. Already switched ones stay as they are. Raises `Problem`."""
    if params.back_to:
        return _previous(params, ingress, now)
    new = ingress.system["new"]
    if services(now) and all(_is(one, new) for one in services(now)):
        return dict(now)
    return ingress.switched(now)


def _is(service: str, wanted: str) -> bool:
    return service == wanted or (":" not in wanted and service.partition(":")[0] == wanted)


def _leads_to_old(params: Values, now: Mapping[str, Any]) -> bool:
    return any(_is(one, params.proxy["old"]) for one in services(now))


def _previous(params: Values, ingress: Ingress, now: Mapping[str, Any]) -> dict[str, Any]:
    """What that item found, when the ingress still is as it left it, or was never changed."""
    trace = params.context.traces.get(params.back_to, {})
    known = trace.get("switch") or trace
    if "before" not in known:
        raise Problem(
            f"“{params.back_to}” has not switched anything.",
            means="Where the ingress led before is not known.",
            next="Look at the ingress, and set its service by hand (kubectl edit ingress).",
        )
    before: dict[str, Any] = dict(known["before"])
    if now not in (before, known.get("after") or known.get("wanted")):
        raise Problem(
            f"{ingress.where} is neither as “{params.back_to}” left it nor as it was before.",
            means="Somebody changed it since; their change would be lost. Nothing was written.",
            next=f"It leads to {', '.join(services(now))} now. Find out who it was, then set it by hand.",
        )
    return before
