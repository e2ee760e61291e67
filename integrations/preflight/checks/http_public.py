"""Public addresses are answered by the stack that serves people now, and both stacks can be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from integrations.errors import Problem
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.read_only import ReadOnlyClient
from integrations.preflight.result import CheckResult, Verdict
from integrations.systems import System
from integrations.traffic.traffic_probe import common_path, find_stack, refuse_equal_markers

SHIFTS = ("lb.shift", "ingress.switch")
UNDO = "back_to"
LARGEST = 5_000_000  # bytes of a page


@preflight_check(
    "http.public",
    "Public addresses are answered by the stack that serves people now",
    seconds=40,
    texts_shown=True,
)
def check_public_addresses(scope: CheckScope) -> Iterator[CheckResult]:
    """One GET to each public address whose traffic an item shifts, at a path where both stacks are known."""
    client = ReadOnlyClient(scope.systems.hosts())
    seen: set[tuple[str, str, str]] = set()
    questions = []
    for item in scope.items_of(*SHIFTS):
        names = tuple(str(item.params.get(role)) for role in ("public", "old", "new"))
        public, old, new = (scope.systems.get(name) for name in names)
        if public is None or old is None or new is None or names in seen:
            continue
        seen.add((names[0], names[1], names[2]))
        question = Question(
            f"{public.name}: {old.name} or {new.name}",
            "which stack answers at the public address",
            (public.name,),
            (item.key,),
        )
        questions.append((question, partial(_ask, scope, client, item, (public, old, new), question)))
    yield from ask_all(scope, questions)


def _ask(
    scope: CheckScope,
    client: ReadOnlyClient,
    item: PlannedItem,
    stacks: tuple[System, System, System],
    question: Question,
) -> Iterator[CheckResult]:
    public, old, new = stacks
    refuse_equal_markers(old, new)
    path = str(item.params.get("path") or "") or common_path(old, new)
    try:
        reply = client.request(public["url"], path, largest=LARGEST)
    except Problem as problem:
        yield question.explain(problem, Verdict.RED)
        return
    stack = find_stack(reply, path, old, new)
    answer = f"GET {path} is answered {reply.status}"
    if not stack:
        yield question.red(
            f"{answer}, which fits the markers of neither “{old.name}” nor “{new.name}”, or of both.",
            "Something else answers there, or a load balancer changes the headers: correct url: or marker:.",
        )
    elif stack == "old" or _has_begun(scope, public.name):
        yield question.green(f"{answer} by “{old.name if stack == 'old' else new.name}”.")
    else:
        yield question.amber(
            f"{answer} by “{new.name}”, and no item has shifted people yet.",
            "Find out who shifted them. If that is meant, say so in the record.",
        )


def _has_begun(scope: CheckScope, public: str) -> bool:
    shifts = (item for item in scope.items_of(*SHIFTS) if UNDO not in item.params)
    return any(item.key in scope.evidence for item in shifts if item.params.get("public") == public)
