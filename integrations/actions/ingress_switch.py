"""Points a Kubernetes ingress at the new service, and checks which stack answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NotRequired, TypedDict

from django import forms

from integrations import actions
from integrations.actions.answering_stack import Expected, ShiftCheck, ShiftParams, wait_until_shifted
from integrations.clients.proxies import Weights
from integrations.clients.proxies.ingress import Ingress, get_ingress, services
from integrations.clients.proxies.proxy import changed_meanwhile
from integrations.errors import Problem
from integrations.traffic import traffic_probe


@dataclass(frozen=True)
class IngressSwitchParams(ShiftParams):
    """The ingress and the item to undo, if any."""

    back_to: actions.EarlierItem[IngressSwitchEvidence] | None


class RouteSwitch(TypedDict):
    """The ingress' routes before and after (parts of its spec), the version that was read, and which stack
    answered."""

    ingress: str
    before: dict[str, Any]
    after: dict[str, Any]
    version: str
    seen: NotRequired[ShiftCheck]


class IngressSwitchEvidence(TypedDict, total=False):
    """What a run records."""

    switch: RouteSwitch


@actions.register
class IngressSwitch(actions.Action[IngressSwitchParams, IngressSwitchEvidence]):
    """Records the complete routes from before; the undo writes exactly these."""

    key, title = "ingress.switch", "Point the ingress at the new service"
    texts_shown = True
    address_params = frozenset({"path"})
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(minutes=15)
    risky = True

    class Params(actions.ActionForm):
        """``proxy``: the ingress (driver kubernetes; its old and new are services); ``public``: the address
        that users know; ``old``, ``new``: both stacks, with their markers; ``path``: what is requested
        (default: the path of the new stack's marker); ``seconds``: how long one check takes (default 20);
        ``share``: percent of the users' requests that may still reach the old stack then (default 0; 100:
        they are not judged); ``counted_at``: the load balancers where the users' requests are counted
        (default: ``proxy``); ``back_to``: the item to undo."""

        proxy = actions.SystemField(kind="proxy")
        public = actions.SystemField(kind="http")
        old = actions.SystemField(kind="http")
        new = actions.SystemField(kind="http")
        path = forms.CharField(max_length=200, required=False)
        seconds = forms.FloatField(min_value=0, max_value=600, required=False)
        share = forms.FloatField(min_value=0, max_value=100, required=False)
        counted_at = actions.SystemsField(kind="proxy", required=False)
        back_to = actions.EvidenceField(action="ingress.switch", required=False)

    def resource(self, params: IngressSwitchParams) -> str:
        """The ingress."""
        return f"ingress:{params.proxy.name}:{params.proxy['pool']}"

    def preview(self, params: IngressSwitchParams) -> actions.Preview:
        """The request, and the services that the ingress points at now."""
        ingress = get_ingress(params.proxy, params.context.systems)
        now, _ = ingress.routes()
        then = _wanted(params, ingress, now)
        lines = [
            f"Now: {', '.join(services(now))}. Then: {', '.join(services(then))}.",
            ingress.request() if then != now else "Nothing has to be written: it points there already.",
            f"Request {params.public['url']} until the answers show it, and count the users' requests.",
        ]
        return actions.Preview(lines, where=ingress.where)

    def before(self, params: IngressSwitchParams) -> dict[str, Any]:
        """The routes that an undo goes back to, and the wanted ones."""
        ingress = get_ingress(params.proxy, params.context.systems)
        now, _ = ingress.routes()
        return {"before": now, "wanted": _wanted(params, ingress, now)}

    def run(
        self, params: IngressSwitchParams, report: actions.RunReport[IngressSwitchEvidence]
    ) -> actions.Outcome:
        """Writes the routes, reads them back, then checks the answers. A cancel does not undo them."""
        traffic_probe.refuse_equal_markers(params.old, params.new)
        traffic_probe.common_path(params.old, params.new)
        ingress = get_ingress(params.proxy, params.context.systems)
        was, version = ingress.routes()
        wanted = _wanted(params, ingress, was)
        facts: RouteSwitch = {"ingress": ingress.where, "before": was, "after": wanted, "version": version}
        # Recorded before the change: an undo needs the old routes also when this attempt is lost.
        report.evidence({"switch": facts})
        if was != wanted:
            report.log(f"{ingress.request()} ({version})")
            ingress.put(wanted, version)
        now, _ = ingress.routes()
        if now != wanted:
            raise changed_meanwhile(ingress.where)
        report.log(f"{ingress.where}: {', '.join(services(was))} → {', '.join(services(now))}")
        to_old = params.back_to is not None and _points_at_old(params, now)
        weights = Weights(100, 0) if to_old else Weights(0, 100)
        facts["seen"], wrong = wait_until_shifted(params, Expected.of(weights), report)
        report.evidence({"switch": facts})
        if wrong:
            return actions.Outcome(False, wrong)
        return actions.Outcome(
            True, f"{ingress.where} points at {', '.join(services(now))}; {facts['seen']['said']}."
        )

    def probe(self, params: IngressSwitchParams, before: Mapping[str, Any]) -> actions.Finding:
        """Compares the routes now with the wanted ones and those before."""
        now, _ = get_ingress(params.proxy, params.context.systems).routes()
        now_at = f"It points at {', '.join(services(now))}"
        if now == before["wanted"]:
            return actions.Finding(actions.ProbeStatus.DONE, f"{now_at}, as wanted.", now)
        if now == before["before"]:
            return actions.Finding(actions.ProbeStatus.NOT_DONE, f"{now_at}, as before.", now)
        observed = f"{now_at}: neither as wanted nor as before."
        return actions.Finding(actions.ProbeStatus.PARTIAL, observed, now)


def _wanted(params: IngressSwitchParams, ingress: Ingress, now: Mapping[str, Any]) -> dict[str, Any]:
    """The routes to write; routes that are switched already stay as they are. Raises `Problem`."""
    if params.back_to:
        return _previous_routes(params.back_to, ingress, now)
    new = ingress.system["new"]
    if services(now) and all(_is_service(one, new) for one in services(now)):
        return dict(now)
    return ingress.switched(now)


def _is_service(service: str, wanted: str) -> bool:
    # “wanted” may leave out the port.
    return service == wanted or (":" not in wanted and service.partition(":")[0] == wanted)


def _points_at_old(params: IngressSwitchParams, now: Mapping[str, Any]) -> bool:
    return any(_is_service(one, params.proxy["old"]) for one in services(now))


def _previous_routes(
    item: actions.EarlierItem[IngressSwitchEvidence], ingress: Ingress, now: Mapping[str, Any]
) -> dict[str, Any]:
    """The routes before that item. Raises `Problem` when the ingress was changed by somebody else since."""
    switch = item.latest_evidence.get("switch")
    # An attempt that was lost early has recorded no evidence, but what it read before is known.
    before = switch["before"] if switch else item.before.get("before")
    after = switch["after"] if switch else item.before.get("wanted")
    if before is None:
        raise Problem(
            f"“{item.key}” has not switched anything.",
            means="The routes of the ingress before it are not known.",
            next="Check the ingress, and set its service by hand (kubectl edit ingress).",
        )
    if now not in (before, after):
        raise Problem(
            f"{ingress.where} is neither as “{item.key}” left it nor as it was before.",
            means="Somebody has changed it since, and their change would be lost. Nothing was written.",
            next=f"It points at {', '.join(services(now))} now. Find out who it was, then set it by hand.",
        )
    return dict(before)
