"""Shifts the weights of a load balancer and leads named people, and checks which stack answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NotRequired, TypedDict

from django import forms

from integrations import actions
from integrations.actions.answering_stack import Expected, ShiftCheck, ShiftParams, wait_until_shifted
from integrations.actions.named_people import PeopleCheck, PeopleField, prove_people
from integrations.clients.http import HttpClient
from integrations.clients.proxies import NamedPeople, Proxy, Sharing, Weights, get_proxy
from integrations.errors import Problem
from integrations.traffic import traffic_probe
from integrations.traffic.traffic_probe import TrafficProbe


@dataclass(frozen=True)
class LbShiftParams(ShiftParams):
    """The percentage for the new stack and the people who always reach it, or the item to undo."""

    to: int | None
    people: NamedPeople | None
    back_to: actions.EarlierItem[LbShiftEvidence] | None


class WeightShift(TypedDict):
    """The weights before and after, each ``{"old": percent, "new": percent}``, and which stack answered.

    ``people_before``, ``people_after``: who always reaches the new stack; ``people``: where their requests
    arrived, and those of others."""

    pool: str
    before: dict[str, int]
    after: dict[str, int]
    people_before: NotRequired[dict[str, Any]]
    people_after: NotRequired[dict[str, Any]]
    people: NotRequired[PeopleCheck]
    seen: NotRequired[ShiftCheck]


class LbShiftEvidence(TypedDict, total=False):
    """What a run records."""

    shift: WeightShift
    warnings: list[str]


@actions.register
class LbShift(actions.Action[LbShiftParams, LbShiftEvidence]):
    """It is done when the answers come from the right stack, not when the load balancer says so.

    Named people (``people``) reach the new stack whatever ``to`` is. Without ``people`` nobody is named any
    more: only ``to`` counts."""

    key, title = "lb.shift", "Shift the load balancer to the new stack"
    texts_shown = True
    public_params = frozenset({"people"})
    address_params = frozenset({"path"})
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(minutes=30)
    risky = True

    class Params(actions.ActionForm):
        """``proxy``; ``to``: percent for the new stack (default 0 with ``people``); ``people``: who reaches
        the new stack in any case, one or more of ``header: "NAME: VALUE"``, ``cookie: NAME=VALUE`` and
        ``addresses`` (addresses or networks); ``public``: the address that users know; ``old``, ``new``: both
        stacks, with their markers; ``path``: what is requested (default: the path of the new stack's marker);
        ``seconds``: how long one check takes (default 20); ``share``: percent of the users' requests that may
        still reach the old stack when all go to the new one (default 0; 100: they are not judged);
        ``counted_at``: the load balancers where the users' requests are counted (default: ``proxy``);
        ``back_to``: the item to undo, instead of ``to`` and ``people``."""

        proxy = actions.SystemField(kind="proxy")
        public = actions.SystemField(kind="http")
        old = actions.SystemField(kind="http")
        new = actions.SystemField(kind="http")
        to = forms.IntegerField(min_value=0, max_value=100, required=False)
        people = PeopleField(required=False)
        path = forms.CharField(max_length=200, required=False)
        seconds = forms.FloatField(min_value=0, max_value=600, required=False)
        share = forms.FloatField(min_value=0, max_value=100, required=False)
        counted_at = actions.SystemsField(kind="proxy", required=False)
        back_to = actions.EvidenceField(action="lb.shift", required=False)

        def clean(self) -> dict[str, Any]:
            """Either weights or people or both, or an item to undo."""
            given = self.cleaned_data
            named = given.get("to") is not None or bool(given.get("people"))
            if not self.errors and named == bool(given.get("back_to")):
                raise forms.ValidationError("Name to: or people:, or back_to: instead.")
            if given.get("people") and given.get("proxy"):
                self._check_driver(given)
            return given

        def _check_driver(self, given: Mapping[str, Any]) -> None:
            try:
                why = get_proxy(given["proxy"], self.context.systems).explain_unsupported(given["people"])
            except Problem:
                return  # a variable of the system is missing; a run reports that
            if why:
                self.add_error("people", why)

    def resource(self, params: LbShiftParams) -> str:
        """The pool."""
        return f"lb:{params.proxy.name}:{params.proxy['pool']}"

    def preview(self, params: LbShiftParams) -> actions.Preview:
        """The commands, and the weights and people now."""
        proxy, wanted = _proxy(params), _wanted(params)
        now = Sharing.read(proxy)
        commands = wanted.describe_change(now, proxy) or ["Nothing has to be changed."]
        lines = [f"Now: {now}. Then: {wanted}.", *commands]
        lines.append(
            f"Request {params.public['url']} until the answers show it, and count the users' requests."
        )
        if wanted.people:
            lines.append(
                f"Request it as {wanted.people}, and as somebody else, and look which stack answers."
            )
        return actions.Preview(lines, where=proxy.where)

    def before(self, params: LbShiftParams) -> dict[str, Any]:
        """The weights and people that an undo goes back to."""
        now, wanted = Sharing.read(_proxy(params)), _wanted(params)
        return {
            "before": now.weights.as_facts(),
            "wanted": wanted.weights.as_facts(),
            "people_before": now.people.as_facts(),
            "people_wanted": wanted.people.as_facts(),
        }

    def run(self, params: LbShiftParams, report: actions.RunReport[LbShiftEvidence]) -> actions.Outcome:
        """Sets weights and people, reads them back, then checks the answers. A cancel does not undo them."""
        traffic_probe.refuse_equal_markers(params.old, params.new)
        traffic_probe.common_path(params.old, params.new)
        proxy, wanted = _proxy(params), _wanted(params)
        was = Sharing.read(proxy)
        facts = _facts(proxy, was, wanted)
        # Recorded before the change: an undo needs the old weights also when this attempt is lost.
        report.evidence({"shift": facts})
        _apply(proxy, was, wanted, report)
        wrong = _check(params, was, wanted, facts, report)
        warnings = _warnings(facts)
        report.evidence({"shift": facts, "warnings": warnings})
        if wrong:
            return actions.Outcome(False, wrong)
        said = [str(wanted), facts["seen"]["said"], *(f"Warning: {warning}" for warning in warnings)]
        return actions.Outcome(True, f"{'; '.join(said).rstrip('.')}.")

    def probe(self, params: LbShiftParams, before: Mapping[str, Any]) -> actions.Finding:
        """Compares weights and people now with those wanted and those before."""
        now = Sharing.read(_proxy(params))
        facts = now.weights.as_facts()
        if now == Sharing.from_facts(before["wanted"], before.get("people_wanted")):
            return actions.Finding(actions.ProbeStatus.DONE, f"The weights are as wanted: {now}.", facts)
        if now == Sharing.from_facts(before["before"], before.get("people_before")):
            return actions.Finding(actions.ProbeStatus.NOT_DONE, f"The weights are as before: {now}.", facts)
        return actions.Finding(
            actions.ProbeStatus.PARTIAL,
            f"The weights are neither as wanted nor as before: {now}.",
            facts,
        )


def _proxy(params: LbShiftParams) -> Proxy:
    return get_proxy(params.proxy, params.context.systems)


def _facts(proxy: Proxy, was: Sharing, wanted: Sharing) -> WeightShift:
    return {
        "pool": proxy.where,
        "before": was.weights.as_facts(),
        "after": wanted.weights.as_facts(),
        "people_before": was.people.as_facts(),
        "people_after": wanted.people.as_facts(),
    }


def _apply(proxy: Proxy, was: Sharing, wanted: Sharing, report: actions.Report) -> None:
    for command in wanted.describe_change(was, proxy):
        report.log(command)
    wanted.apply(was, proxy)
    now = Sharing.read(proxy)
    if now != wanted:
        raise Problem(
            f"{proxy.where} accepted the change, and now has {now}.",
            means="Somebody else is changing it as well.",
            next="Find out who, before you start this item again.",
        )
    report.log(f"{proxy.where}: {was} → {now}")


def _check(
    params: LbShiftParams, was: Sharing, wanted: Sharing, facts: WeightShift, report: actions.Report
) -> str:
    """Adds to ``facts`` where requests arrive. Returns what is wrong, in a sentence (empty: nothing)."""
    own, named = wanted.weights, wanted.people
    if named or was.people:
        client = HttpClient.of(params.context.systems)
        traffic = TrafficProbe(client, params.public, params.old, params.new, params.path)
        facts["people"], wrong = prove_people(traffic, was.people, wanted, report)
        if wrong:
            return wrong
        own = Weights.to_new(100) if facts["people"]["panel_is_named"] else own
    facts["seen"], wrong = wait_until_shifted(params, Expected(wanted.weights, own, bool(named)), report)
    return wrong


def _warnings(facts: WeightShift) -> list[str]:
    """What is not as wanted, or not known, and does not make the result red."""
    found = [facts["people"]["not_checked"] if "people" in facts else ""]
    found.append(facts["seen"]["warning"] if "seen" in facts else "")
    return [warning for warning in found if warning]


def _wanted(params: LbShiftParams) -> Sharing:
    item = params.back_to
    if item is None:
        return Sharing(Weights.to_new(params.to or 0), params.people or NamedPeople())
    shift: Mapping[str, Any] = item.latest_evidence.get("shift") or item.before
    if "before" not in shift:
        raise Problem(
            f"“{item.key}” has not shifted anything.",
            means="The weights before it are not known.",
            next="Set them with to: instead.",
        )
    return Sharing.from_facts(shift["before"], shift.get("people_before"))
