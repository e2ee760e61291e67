"""The paths that items will ask exist on the systems that are up, and let their tokens in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from integrations.clients.http import Response
from integrations.errors import Problem
from integrations.json_values import find_value, fits_rule, show_value
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.read_only import ReadOnlyClient
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.start_order import find_later_start

MOST_PATHS = 12  # of one system
MISSING = (404, 405, 410, 501)
REFUSED = (401, 403)
SHIFTS = ("lb.shift", "ingress.switch")
LARGEST = 5_000_000  # bytes of an answer


@dataclass(frozen=True)
class PlannedRequest:
    """A request that an item will make. ``statuses`` are those that it accepts (empty: every 2xx);
    ``json``: dotted path → rule; ``is_signed_in``: it will carry a sign-in, and this one does not."""

    item: str
    path: str
    method: str = "GET"
    statuses: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)
    is_signed_in: bool = False
    is_route: bool = True  # False: the path may name something that people make before the item runs


@preflight_check("http.paths", "The paths that items will ask exist", seconds=60, texts_shown=True)
def check_paths(scope: CheckScope) -> Iterator[CheckResult]:
    """GET and HEAD only, at systems that have to be up, at most 12 paths each, one after the other."""
    client = ReadOnlyClient(scope.systems.hosts())
    questions = []
    for system in scope.systems_of("http"):
        if find_later_start(scope, system.name) or _is_switched_later(scope, system.name):
            continue
        asked: dict[tuple[str, str], PlannedRequest] = {}
        for item in scope.items.values():
            for request in _requests_of(scope, item, system.name):
                asked.setdefault((request.method, request.path), request)
        for request in list(asked.values())[:MOST_PATHS]:
            question = Question(
                f"{system.name}: {request.method} {request.path}", f"{request.method} {request.path}",
                (system.name,), (request.item,),
            )  # fmt: skip
            questions.append((question, partial(_ask, scope, client, system["url"], request, question)))
    yield from ask_all(scope, questions)


def _is_switched_later(scope: CheckScope, system: str) -> bool:
    """Whether another stack will answer there once an item has shifted people: its paths mean nothing now."""
    shifts = [item for item in scope.items_of(*SHIFTS) if item.params.get("public") == system]
    return any("back_to" not in item.params and item.key not in scope.evidence for item in shifts)


def _requests_of(scope: CheckScope, item: PlannedItem, system: str) -> Iterator[PlannedRequest]:
    try:
        params = scope.systems.fill_variables(dict(item.params))
    except Problem:
        return  # environment.variables reports it
    if item.action == "http.check" and params.get("system") == system:
        yield _of_check(item.key, params)
    if item.action == "http.smoke" and params.get("api") == system:
        for entry in (*_entries(params, "health"), *_entries(params, "reads")):
            status = entry.get("status")
            statuses = (int(status),) if isinstance(status, int) else ()
            yield PlannedRequest(
                item.key, str(entry["path"]), statuses=statuses, is_signed_in=bool(entry.get("signed_in"))
            )
    if item.action == "pages.check" and params.get("site") == system:
        for entry in _entries(params, "pages"):
            yield PlannedRequest(item.key, str(entry["path"]), is_signed_in=bool(entry.get("signed_in")))


def _entries(params: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    for entry in params.get(name) or ():
        if isinstance(entry, str):
            yield {"path": entry}
        elif isinstance(entry, Mapping) and "path" in entry:
            yield entry


def _of_check(item: str, params: Mapping[str, Any]) -> PlannedRequest:
    statuses = tuple(int(each) for each in params.get("status") or () if isinstance(each, int))
    return PlannedRequest(
        item,
        str(params.get("path") or ""),
        "HEAD" if params.get("method") == "HEAD" else "GET",
        statuses,
        params.get("send_headers") or {},
        params.get("json") or {},
        is_route=False,
    )


def _ask(
    scope: CheckScope, client: ReadOnlyClient, url: str, request: PlannedRequest, question: Question
) -> Iterator[CheckResult]:
    try:
        reply = client.request(
            url, request.path, method=request.method, headers=request.headers, largest=LARGEST
        )
    except Problem as problem:
        yield question.explain(problem, Verdict.UNKNOWN)
        return
    yield _judge(question, request, reply, done=request.item in scope.evidence)


def _judge(question: Question, request: PlannedRequest, reply: Response, *, done: bool) -> CheckResult:
    answer = f"It answers {reply.status}"
    if reply.status in request.statuses:
        return question.green(f"{answer}, as “{request.item}” expects.")
    if reply.status in MISSING and (request.is_route or done):
        return question.red(
            f"{answer}: the runbook assumes that this path exists, and your system has no such path.",
            f"Correct the path in “{request.item}”, or deploy the release that has it.",
        )
    if request.is_signed_in and reply.status < 500:
        return question.green(
            f"{answer} without a sign-in, so the path exists. What it shows was not compared."
        )
    if reply.status in REFUSED:
        with_what = f"with {', '.join(request.headers)}" if request.headers else "without a sign-in"
        return question.red(
            f"{answer} {with_what}.", "Give the item a token that may read this, or correct the path."
        )
    wrong = _find_wrong(request, reply)
    if not wrong:
        return question.green(f"{answer}, as “{request.item}” expects.")
    when = "It was right when that item ran." if done else "That item has not succeeded yet."
    remedy = f"Before its time this may be right; otherwise read “{request.item}” and do what it needs."
    return question.amber(f"{answer}; “{request.item}” would be red now: {wrong}. {when}", remedy)


def _find_wrong(request: PlannedRequest, reply: Response) -> str:
    if not (reply.status in request.statuses if request.statuses else reply.ok):
        return f"it expects {' or '.join(map(str, request.statuses)) or 'a status of 2xx'}"
    if not request.json:
        return ""
    try:
        found = reply.json()
    except ValueError:
        return "the answer is no JSON"
    wrong = [
        f"{place} is {show_value(value)} instead of {show_value(rule)}"
        for place, rule in request.json.items()
        if not fits_rule(rule, value := find_value(found, str(place)))
    ]
    return "; ".join(wrong)
