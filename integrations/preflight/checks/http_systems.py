"""HTTP systems answer at their addresses, by the markers that the runbook assumes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import urljoin, urlsplit

from integrations.clients.http import Response, display_url
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.read_only import ReadOnlyClient
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.start_order import LaterStart, find_later_start
from integrations.systems import System
from integrations.traffic.traffic_probe import marker_path

LARGEST = 5_000_000  # bytes of an answer whose marker is looked for
BEHIND_A_PROXY = (502, 503, 504)  # a load balancer's own answers for a stack that does not run
NOTHING_TO_DO = "Nothing to do now; check again when it has been started."


@preflight_check("http.systems", "HTTP systems answer, each by its marker", seconds=60, texts_shown=True)
def check_http_systems(scope: CheckScope) -> Iterator[CheckResult]:
    """One GET to each system, at the path of its marker or at “/”; redirects are not followed."""
    client = ReadOnlyClient(scope.systems.hosts())
    questions = []
    for system in (*scope.systems_of("http"), *_gift_apis(scope)):
        question = Question(f"{system.name}: answer", f"GET {_path(system)} at its address", (system.name,))
        questions.append((question, partial(_ask, scope, client, system, question)))
    yield from ask_all(scope, questions)


def _gift_apis(scope: CheckScope) -> Iterator[System]:
    """APIs for gifts whose address is not that of a system that is asked anyway."""
    known = {_address(system) for system in scope.systems_of("http")}
    yield from (system for system in scope.systems_of("gift_api") if _address(system) not in known)


def _address(system: System) -> str:
    try:
        return system["url"].rstrip("/")
    except Problem:
        return ""  # its own result says that the variable is missing


def _path(system: System) -> str:
    try:
        return marker_path(system)
    except Problem:
        return "/"


def _ask(
    scope: CheckScope, client: ReadOnlyClient, system: System, question: Question
) -> Iterator[CheckResult]:
    later = find_later_start(scope, system.name)
    marker = system.marker()
    path = marker.path if marker else "/"
    try:
        reply = client.request(system["url"], path, largest=LARGEST)
    except Problem as problem:
        yield _explain_silence(question, problem, later)
        return
    where = display_url(system["url"])
    if later and reply.status in BEHIND_A_PROXY:
        yield question.amber(f"{where} answers {reply.status}. {later.describe()}", NOTHING_TO_DO)
        return
    if target := _other_address(system["url"], path, reply):
        yield question.red(
            f"{where}{path} answers {reply.status} and leads to {target}.",
            "No item follows a redirect: write the address that answers itself into url: of the system.",
        )
        return
    yield _compare_marker(question, system, reply, later)


def _explain_silence(question: Question, problem: Problem, later: LaterStart | None) -> CheckResult:
    if later is None:
        return question.explain(problem)
    return question.amber(f"{problem.what} {problem.means} {later.describe()}", NOTHING_TO_DO)


def _other_address(url: str, path: str, reply: Response) -> str:
    """Where a redirect leads to, when that is another scheme, host or port; "" otherwise."""
    if not 300 <= reply.status < 400 or not reply.headers.get("location"):
        return ""
    target = urljoin(url.rstrip("/") + path, reply.headers["location"])
    same = urlsplit(target)[:2] == urlsplit(url)[:2]
    return "" if same else display_url(target)


def _compare_marker(
    question: Question, system: System, reply: Response, later: LaterStart | None
) -> CheckResult:
    marker = system.marker()
    if marker is None:
        if reply.status >= 500:
            return question.amber(
                f"It answers {reply.status}: {reply.error_text()}",
                "Look into its log. The runbook gives it no marker:, so nothing tells what answers there.",
            )
        return question.green(f"It answers {reply.status}. The runbook gives it no marker: to compare with.")
    wrong = marker.differences(reply.status, reply.headers, reply.body)
    if not wrong:
        return question.green(f"It answers {reply.status} and fits its marker ({marker.describe()}).")
    seen = f"The runbook assumes {marker.describe()}; your system answers with {'; '.join(wrong)}."
    verdict = Verdict.AMBER if later else Verdict.RED
    remedy = "Correct url: of the system if something else answers there; if nothing does, its marker:."
    return question.result(verdict, f"{seen} {later.describe() if later else ''}".strip(), remedy)
