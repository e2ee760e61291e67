"""No cache holds an old answer any more when the window begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from integrations.clients.dns.inspection import inspect_name
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.dns_plan import PlannedName, find_names, read_servers
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.result import CheckResult

SHORT = 60  # seconds; `dns.switch` does without a lowering up to that TTL


@preflight_check("dns.ttl", "Old answers have run out when the window begins", seconds=30, texts_shown=True)
def check_ttl(scope: CheckScope) -> Iterator[CheckResult]:
    """The TTL of each record that is switched, at every authoritative server; the largest one counts."""
    questions = []
    for name in find_names(scope):
        for kind in name.kinds:
            if not name.of_action("dns.switch", kind):
                continue
            question = Question(
                f"{name.subject}: TTL of {kind}",
                "the TTL at every authoritative server, compared with the begin of the window",
                (name.system.name,),
                name.items,
            )
            questions.append((question, partial(_judge, scope, question, name, kind)))
    yield from ask_all(scope, questions)


def _judge(scope: CheckScope, question: Question, name: PlannedName, kind: str) -> Iterator[CheckResult]:
    servers, problem = read_servers(name)
    if problem or not servers:
        yield question.unknown("The name servers of the zone are not known.", "See dns.servers.")
        return
    answers = [inspect_name(server, name.full, kind) for server in servers]
    if not any(each.exists for each in answers):
        return  # dns.records tells what is missing, and its negative TTL
    ttl = max(each.records.ttl for each in answers)
    lowering = name.of_action("dns.lower_ttl", kind)
    if lowering is None:
        yield _without_lowering(question, ttl)
    elif lowering.item.key in scope.evidence:
        yield _after_lowering(scope, question, ttl, lowering.item.key)
    else:
        wanted = int(str(lowering.params.get("ttl") or SHORT))
        yield _before_lowering(scope, question, max(ttl, 0), wanted, lowering.item.key)


def _without_lowering(question: Question, ttl: int) -> CheckResult:
    if ttl <= SHORT:
        return question.green(f"It is {ttl} s.")
    return question.red(
        f"It is {ttl} s, and no item lowers it: the switch is refused, because for so long people would "
        "reach the old stack.",
        "Add an item dns.lower_ttl before the window, and name it in lowered: of the switch.",
    )


def _before_lowering(scope: CheckScope, question: Question, ttl: int, wanted: int, item: str) -> CheckResult:
    if ttl <= wanted:
        return question.green(f"It is {ttl} s; “{item}” has nothing to lower.")
    if scope.window is None:
        return question.amber(
            f"It is {ttl} s. No window is planned to compare it with.",
            f"Start “{item}” at least {timedelta(seconds=ttl)} before the switch.",
        )
    begins = scope.window[0]
    latest = begins - timedelta(seconds=ttl)
    if scope.now > latest:
        runs_out = scope.now + timedelta(seconds=ttl)
        return question.red(
            f"It is {ttl} s. Lowered now, caches hold the old answer until {_text(runs_out)}, and the window "
            f"begins at {_text(begins)}.",
            f"Start “{item}” now, and do not switch before that time, or move the window.",
        )
    return question.amber(f"It is {ttl} s and not lowered yet.", f"Start “{item}” by {_text(latest)}.")


def _after_lowering(scope: CheckScope, question: Question, ttl: int, item: str) -> CheckResult:
    facts = scope.evidence[item].get("lowered") or {}
    lowered = int((facts.get("after") or {}).get("ttl", ttl))
    if ttl > lowered:
        return question.red(
            f"It is {ttl} s again, and “{item}” had lowered it to {lowered} s.",
            f"Find out who raised it, and start “{item}” again.",
        )
    first = facts.get("switch_not_before")
    if not first:
        return question.unknown(f"“{item}” did not record when old answers run out.", "Start it again.")
    runs_out = datetime.fromisoformat(str(first))
    if scope.window and runs_out > scope.window[0]:
        return question.red(
            f"It is {ttl} s, but caches hold the old answer until {_text(runs_out)}, and the window begins "
            f"at {_text(scope.window[0])}.",
            "Do not switch before that time, or move the window.",
        )
    return question.green(f"It is {ttl} s; the old answers have run out by {_text(runs_out)}.")


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M %Z}".strip()
