"""What checks share is found out once, also when several ask at the same time, and also when it fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from integrations.errors import Problem
from integrations.preflight.load import TurnOver
from integrations.preflight.once import OncePerRun


def test_those_who_ask_at_the_same_time_get_one_answer() -> None:
    once, calls, both = OncePerRun(), list[int](), threading.Barrier(2)

    def ask() -> int:
        both.wait()
        return once.get("diff", lambda: calls.append(1) or len(calls))

    with ThreadPoolExecutor(2) as pool:
        assert [call.result() for call in (pool.submit(ask), pool.submit(ask))] == [1, 1]


def test_a_problem_is_an_answer_and_another_error_is_not() -> None:
    once, calls = OncePerRun(), list[str]()

    def fail(error: Exception) -> str:
        calls.append("asked")
        raise error

    for _ in range(2):
        with pytest.raises(Problem, match="no Node"):
            once.get("diff", lambda: fail(Problem("no Node.js")))
    with pytest.raises(ValueError, match="unforeseen"):
        once.get("other", lambda: fail(ValueError("unforeseen")))
    assert once.get("other", lambda: "answer") == "answer"
    with pytest.raises(TurnOver):
        once.get("late", lambda: fail(TurnOver("The time of this check is over.")))
    assert once.get("late", lambda: "answer") == "answer"
    assert calls == ["asked", "asked", "asked"]
