"""Whatever a provider answers over HTTP: a client gives the right value or a `Problem` about that answer.

Every driver of the registry has its cases in `answer_cases`. In the suite each place is altered to a few of
the values, chosen by a seed; `./panel test long` tries all of them.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from integrations import drivers
from integrations.clients import load_drivers
from integrations.clients.http import HttpClient, Response
from integrations.errors import Problem
from tests.integrations.altered_json import Alteration, alter_values, alter_whole
from tests.integrations.clients.answer_case import AnswerCase
from tests.integrations.clients.answer_cases import CASES, ELSEWHERE

SHARE = 0.2  # of the values that the suite tries


class Answers:
    """The answers of one case, one of them altered."""

    def __init__(self, case: AnswerCase) -> None:
        self.case = case
        self.part: str | None = None  # of the path whose answer is altered
        self.body = b""

    def request(self, client: HttpClient, base: str, path: str = "", **more: Any) -> Response:
        part = next(part for part in self.case.answers if part in base + path)
        good = self.case.answers[part]
        body = good if isinstance(good, bytes) else json.dumps(good).encode()
        given = self.body if part == self.part else body
        return Response(self.case.status, "application/json", given, 1.0, dict(self.case.headers))


def alterations_of(good: Any) -> list[Alteration]:
    """Of an answer that is no JSON only the whole is altered."""
    if isinstance(good, bytes):
        return list(alter_whole({}))
    return [*alter_whole(good), *alter_values(good)]


def is_another_type(alteration: Alteration, good: Any) -> bool:
    """Whether the altered place has a value that cannot mean the same; “7” may stand for 7."""
    value = json.loads(alteration.body)
    try:
        for name in alteration.place:
            good, value = good[name], value[name]
    except LookupError:
        return True
    if isinstance(value, str) and isinstance(good, int) and not isinstance(good, bool):
        return not value.removeprefix("-").isdecimal()
    return type(value) is not type(good)


def judge(answers: Answers, alteration: Alteration, expected: Any) -> str:
    """What is wrong with the client's result, "" for nothing."""
    case, good = answers.case, answers.case.answers[answers.part or ""]
    try:
        found = case.ask(case.systems())
    except case.refusals as error:
        if isinstance(error, Problem) and not (error.what and (error.means or error.next)):
            return "a Problem that does not say what it means"
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    place = ".".join(map(str, alteration.place))
    misread = place in case.matters and found == expected and is_another_type(alteration, good)
    return f"read as {found}" if misread else ""


@pytest.mark.property
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_altered_answer_is_a_problem_about_it(
    case: AnswerCase, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    load_drivers()
    answers = Answers(case)
    monkeypatch.setattr(
        HttpClient, "request", lambda client, *given, **more: answers.request(client, *given, **more)
    )
    expected = case.ask(case.systems())
    is_long = bool(request.config.getoption("--property-round"))
    chosen, wrong = random.Random(f"{case}"), []
    for answers.part, good in case.answers.items():
        for alteration in alterations_of(good):
            if is_long or not alteration.place or chosen.random() < SHARE:
                answers.body = alteration.body
                if said := judge(answers, alteration, expected):
                    wrong.append(f"{answers.part or 'the answer'}, {alteration}: {said}")
    assert wrong == []


def test_every_driver_has_its_answers_altered() -> None:
    load_drivers()
    known = {f"{kind}/{name}" for kind, name in drivers.REGISTRY}
    altered = {case.covers for case in CASES}
    assert known - altered - ELSEWHERE.keys() == set()
    assert (altered & ELSEWHERE.keys()) | (ELSEWHERE.keys() - known) == set()
