"""The DNS services accept their logins, and every authoritative server answers the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from integrations.clients.dns.inspection import NameAnswer, check_login, inspect_name, read_serial
from integrations.errors import Problem, Unreachable
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.dns_plan import PlannedName, find_names, read_servers
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.result import CheckResult

NAME_SERVERS = "Name the zone's own servers under servers: of the system, and repair or remove the others."


@preflight_check("dns.login", "The DNS services accept their logins", seconds=30, texts_shown=True)
def check_logins(scope: CheckScope) -> Iterator[CheckResult]:
    """One read with the login of each service whose records items change."""
    questions = []
    for name in {each.system.name: each for each in find_names(scope)}.values():
        question = Question(
            f"{name.system.name}: login", "a read with the login of the service", (name.system.name,)
        )
        questions.append((question, partial(_try_login, question, name)))
    yield from ask_all(scope, questions)


def _try_login(question: Question, name: PlannedName) -> list[CheckResult]:
    return [question.green(check_login(name.zone, name.full, name.kinds[0]))]


@preflight_check("dns.servers", "Every authoritative server answers the same", seconds=30, texts_shown=True)
def check_servers(scope: CheckScope) -> Iterator[CheckResult]:
    """For each name: the serial number of its zone, and the records, at every authoritative server."""
    questions = []
    for name in find_names(scope):
        question = Question(
            f"{name.subject}: servers",
            "serial number and records at every authoritative server",
            (name.system.name,),
            name.items,
        )
        questions.append((question, partial(_compare_servers, question, name)))
    yield from ask_all(scope, questions)


def _compare_servers(question: Question, name: PlannedName) -> list[CheckResult]:
    servers, problem = read_servers(name)
    if problem:
        return [question.unknown(f"{problem.what} {problem.means}", problem.next)]
    serials: dict[str, int | None] = {}
    answers: dict[str, list[NameAnswer]] = {}
    for server in servers:
        try:
            serials[server] = read_serial(server, name.zone.name)
            answers[server] = [inspect_name(server, name.full, kind) for kind in name.kinds]
        except Unreachable as unreachable:
            remedy = "A change waits for every server. Start it again, or correct servers: of the system."
            return [question.red(f"{unreachable.what} {unreachable.means}", remedy)]
    lame = [server for server, serial in serials.items() if serial is None]
    if lame:
        seen = f"{', '.join(lame)} does not serve the zone {name.zone.name}."
        return [question.red(seen, f"Check zone: of the system. {NAME_SERVERS}")]
    return [_judge_servers(question, name, serials, answers), *_compare_with_service(question, name, answers)]


def _judge_servers(
    question: Question,
    name: PlannedName,
    serials: dict[str, int | None],
    answers: dict[str, list[NameAnswer]],
) -> CheckResult:
    texts = {server: "; ".join(each.describe() for each in found) for server, found in answers.items()}
    if len(set(texts.values())) > 1:
        seen = "The servers differ: " + ", ".join(f"{server}: {text}" for server, text in texts.items())
        return question.red(seen, "Let the secondaries fetch the zone (NOTIFY, refresh), then check again.")
    if len(set(serials.values())) > 1:
        seen = "Serial numbers: " + ", ".join(f"{server}: {serial}" for server, serial in serials.items())
        remedy = "One of them lags: see that it fetches the zone within seconds, or the switch waits for it."
        return question.amber(f"{seen}. The records of {name.full} are the same.", remedy)
    return question.green(f"{len(texts)} server(s) answer the same: {next(iter(texts.values()))}.")


def _compare_with_service(
    question: Question, name: PlannedName, answers: dict[str, list[NameAnswer]]
) -> Iterator[CheckResult]:
    """The records where items change them must be those that the name servers answer."""
    asked = Question(
        f"{name.subject}: service and servers",
        "the records at the service that items change, compared with the answers of the name servers",
        question.systems,
        question.items,
    )
    for found in next(iter(answers.values())):
        if found.alias or not found.is_authoritative:
            return  # dns.records reports it
        try:
            kept = name.zone.read(name.full, found.records.kind)
        except Problem as problem:
            yield asked.explain(problem)
            return
        if kept.values != found.records.values:
            yield asked.red(
                f"The service has “{kept}”, and the name servers answer “{found.records}”.",
                "The zone seems to be served from elsewhere (look at its NS records at the registrar): a "
                "change here would reach nobody. Name the service that serves it, or correct servers:.",
            )
            return
    yield asked.green("Both have the same values.")
