"""Every Redis of the runbook answers, accepts its login, and keeps the jobs of a queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import redis

from integrations.clients import redis_server
from integrations.clients.redis_server import RedisClient
from integrations.environment.redis_traits import (
    OLDEST_VERSION,
    RedisAnswers,
    RedisProperty,
    check_memory,
    check_persistence,
    check_server,
    read_answers,
)
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.checks.http_systems import NOTHING_TO_DO
from integrations.preflight.clock_difference import ClockDifference, judge_clock
from integrations.preflight.databases import STARTS
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.result import CheckResult
from integrations.systems import System


@preflight_check(
    "redis.servers", "Every Redis answers and keeps the jobs of a queue", seconds=60, texts_shown=True
)
def check_redis(scope: CheckScope) -> Iterator[CheckResult]:
    """PING, INFO, CONFIG GET and TIME, as `redis.check` asks them; nothing is written."""
    yield from ask_all(scope, _questions(scope))


def _questions(scope: CheckScope) -> Iterator[tuple[Question, Callable[[], list[CheckResult]]]]:
    for system in scope.systems_of("redis"):
        question = Question(f"{system.name}: connection", "PING with this login", (system.name,))
        yield question, partial(_ask, scope, system, question)


def _ask(scope: CheckScope, system: System, question: Question) -> list[CheckResult]:
    try:
        with redis_server.connect(system["url"]) as client:
            answers = read_answers(client)
            clock = _measure(client, scope)
    except Problem as problem:
        later = _find_later_item(scope, system)
        if later:
            seen = f"{problem.what} The item “{later}” starts it, and has not succeeded yet."
            return [question.amber(seen, NOTHING_TO_DO)]
        return [question.explain(problem)]
    return [
        question.green(f"{redis_server.address(system['url'])} answers and accepts the login."),
        _judge(system, "version and role", check_server(answers, OLDEST_VERSION), answers),
        _judge(system, "keeping jobs", check_persistence(answers), answers),
        _judge(system, "memory", [check_memory(answers)], answers),
        *_judge_clock(system, clock),
    ]


def _find_later_item(scope: CheckScope, system: System) -> str:
    """The key of the item that starts it and has not succeeded yet, where no other item asks it."""
    users = [item for item in scope.items.values() if system.name in item.params.values()]
    later = [item.key for item in users if item.action == STARTS and item.key not in scope.evidence]
    return later[0] if later and len(users) == 1 else ""


def _judge(system: System, about: str, found: list[RedisProperty], answers: RedisAnswers) -> CheckResult:
    """One result of several properties; what the login may not read is not known."""
    question = Question(f"{system.name}: {about}", "INFO and CONFIG GET", (system.name,))
    seen = " ".join(each.observed for each in found)
    wrong = [each.remedy for each in found if not each.ok]
    if not wrong:
        return question.green(seen)
    return (question.unknown if answers.refused else question.red)(seen, " ".join(wrong))


def _measure(client: RedisClient, scope: CheckScope) -> ClockDifference | None:
    before, started = scope.database_time(), time.monotonic()
    try:
        seconds, micros = client.time()
    except redis.ResponseError:
        return None
    told = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)
    return ClockDifference.of(told, before, before + timedelta(seconds=time.monotonic() - started))


def _judge_clock(system: System, found: ClockDifference | None) -> Iterator[CheckResult]:
    question = Question(f"{system.name}: clock", "TIME, compared with the panel's database", (system.name,))
    if found is None:
        yield question.unknown(
            "This login may not ask for TIME.", "Give the login +time, or look on its host."
        )
    else:
        yield judge_clock(question, found)
