"""Load balancers answer, have the pools and members that items shift, and send people to the old stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from integrations.clients.proxies import Proxy
from integrations.clients.proxies.ingress import Ingress, services
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.read_only import ReadOnlyClient
from integrations.preflight.result import CheckResult
from integrations.systems import System

ROUTES = "ingress.switch"
SHIFTS = ("lb.shift", ROUTES)


@preflight_check(
    "proxies.pools",
    "Load balancers have the pools and members that items shift",
    seconds=40,
    texts_shown=True,
)
def check_pools(scope: CheckScope) -> Iterator[CheckResult]:
    """The weights of each pool now, and whether the requests that it passes can be counted."""
    client = ReadOnlyClient(scope.systems.hosts())
    questions = []
    for system in scope.systems_of("proxy"):
        question = Question(f"{system.name}: pool", "the pool, its members and their weights", (system.name,))
        questions.append((question, partial(_read_weights, scope, client, system, question)))
        counting = tuple(item.key for item in scope.items.values() if _counts_at(item.params, system.name))
        if counting:
            asked = "the requests that it passed to each member"
            question = Question(f"{system.name}: request counter", asked, (system.name,), counting)
            questions.append((question, partial(_read_counter, client, system, question)))
    yield from ask_all(scope, questions)


def _proxy(system: System, client: ReadOnlyClient) -> Proxy:
    return system.registered_driver().implementation_of(Proxy)(system, client)


def _counts_at(params: Mapping[str, Any], system: str) -> bool:
    given = params.get("counted_at")
    return isinstance(given, list) and system in given


def _read_weights(
    scope: CheckScope, client: ReadOnlyClient, system: System, question: Question
) -> Iterator[CheckResult]:
    shifts = [item for item in scope.items_of(*SHIFTS) if item.params.get("proxy") == system.name]
    begun = any(item.key in scope.evidence for item in shifts)
    if any(item.action == ROUTES for item in shifts):
        yield _read_routes(client, system, question, begun=begun)
        return
    proxy = _proxy(system, client)
    weights, _ = proxy.read()
    people = proxy.read_people()
    seen = f"{proxy.where} has {system['old']} and {system['new']}: {weights}."
    if begun or not shifts:
        yield question.green(seen)
    elif weights.new:
        yield question.amber(
            f"{seen} No item has shifted people yet.",
            "Find out who sends requests to the new stack already, and set it to 0.",
        )
    elif people:
        yield question.amber(
            f"{seen} Some people are sent to the new stack already: {people.as_facts()}.",
            "Find out who set that, and take it back before the window.",
        )
    else:
        yield question.green(seen)


def _read_routes(client: ReadOnlyClient, system: System, question: Question, *, begun: bool) -> CheckResult:
    """An ingress that is switched as a whole has no weights: its routes name one of the two services."""
    if system.driver() != "kubernetes":
        return question.red(
            f"It is no Kubernetes ingress, but {system.driver()}.", "Use lb.shift for it, or correct driver:."
        )
    ingress = Ingress(system, client)
    routes, _ = ingress.routes()
    seen = f"{ingress.where} points at {', '.join(services(routes))}."
    if not begun:
        ingress.switched(routes)  # raises where no route leads to the old service
    return question.green(seen)


def _read_counter(client: ReadOnlyClient, system: System, question: Question) -> Iterator[CheckResult]:
    counted = _proxy(system, client).read_requests()
    yield question.green(f"It can be read: {counted.old.total} to the old, {counted.new.total} to the new.")
