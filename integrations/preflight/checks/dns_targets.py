"""The addresses that names will lead to are those of the new stack."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

from integrations.errors import NotListening, Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.dns_plan import find_names
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.read_only import ReadOnlyClient
from integrations.preflight.result import CheckResult
from integrations.preflight.start_order import find_later_start
from integrations.systems import System
from integrations.traffic.traffic_probe import common_path, find_stack

LARGEST = 5_000_000  # bytes of a page


@preflight_check(
    "dns.targets", "Names will lead to addresses where the new stack answers", seconds=40, texts_shown=True
)
def check_targets(scope: CheckScope) -> Iterator[CheckResult]:
    """One GET to each new address, for the public name that will lead there."""
    questions = []
    for name in find_names(scope):
        for change in (change for change in name.changes if change.kind in ("A", "AAAA")):
            stacks = [scope.systems.get(str(change.params.get(role))) for role in ("old", "new")]
            for public in _systems_at(scope, name.full):
                for address in filter(_is_address, change.values):
                    question = Question(
                        f"{name.subject}: {public.name} at {address}",
                        f"GET for {name.full} at its new address",
                        (name.system.name, public.name),
                        (change.item.key,),
                    )
                    ask = partial(_ask, scope, public, address, stacks, question)
                    questions.append((question, ask))
    yield from ask_all(scope, questions)


def _systems_at(scope: CheckScope, host: str) -> list[System]:
    """The HTTP systems whose address has this name as its host."""
    found = []
    for system in scope.systems_of("http"):
        try:
            found += [system] if urlsplit(system["url"]).hostname == host else []
        except (Problem, ValueError):
            continue  # its own results report it
    return found


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False  # the runbook's own check reports it
    return True


def _ask(
    scope: CheckScope, public: System, address: str, stacks: list[System | None], question: Question
) -> Iterator[CheckResult]:
    old, new = stacks
    url = public["url"]
    host = urlsplit(url).hostname or ""
    client = ReadOnlyClient(scope.systems.hosts(), {host: address})
    path = common_path(old, new) if old and new else "/"
    later = find_later_start(scope, new.name) if new else None
    try:
        reply = client.request(url, path, largest=LARGEST)
    except NotListening as problem:
        if later is None:
            raise
        yield question.amber(f"{problem.what} {later.describe()}", "Check again when it has been started.")
        return
    if not old or not new:
        yield question.green(f"Something answers {reply.status}. The item names no stacks to tell it by.")
        return
    stack = find_stack(reply, path, old, new)
    if stack == "new":
        yield question.green(f"“{new.name}” answers {reply.status}.")
    elif later and reply.status in (502, 503, 504):
        yield question.amber(f"It answers {reply.status}. {later.describe()}", "Check again when it runs.")
    else:
        who = f"“{old.name}” answers" if stack == "old" else "Neither stack's marker fits what answers"
        yield question.red(
            f"{who} there ({reply.status}): the switch would not lead people to “{new.name}”.",
            "Correct to: of the item, or what listens at that address.",
        )
