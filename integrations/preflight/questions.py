"""What the checks share: a question with its possible results, and several questions asked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from integrations.errors import Problem
from integrations.preflight.check import CheckScope
from integrations.preflight.result import CheckResult, Verdict

TIMEOUT = 5.0  # seconds for one answer
AT_ONCE = 4  # questions at the same time: a system that hangs does not hold up the others


@dataclass(frozen=True)
class Question:
    """One question to a system; see `CheckResult` for the fields."""

    subject: str
    asked: str
    systems: tuple[str, ...] = ()
    items: tuple[str, ...] = ()

    def result(self, verdict: Verdict, seen: str, change: str = "") -> CheckResult:
        """The result with this verdict; ``change`` is needed unless it is green."""
        return CheckResult(self.subject, verdict, self.asked, seen, change, self.systems, self.items)

    def green(self, seen: str) -> CheckResult:
        """Right, as seen."""
        return self.result(Verdict.GREEN, seen)

    def amber(self, seen: str, change: str) -> CheckResult:
        """A person has to know it."""
        return self.result(Verdict.AMBER, seen, change)

    def red(self, seen: str, change: str) -> CheckResult:
        """The cutover would fail."""
        return self.result(Verdict.RED, seen, change)

    def unknown(self, seen: str, change: str) -> CheckResult:
        """It could not be asked."""
        return self.result(Verdict.UNKNOWN, seen, change)

    def explain(self, problem: Problem, verdict: Verdict = Verdict.RED) -> CheckResult:
        """The result of an error: what happened and what it means, and what to do next."""
        seen = f"{problem.what} {problem.means}".strip()
        return self.result(verdict, seen, problem.next or "Mend what the message names, then check again.")


def ask_all(
    scope: CheckScope, questions: Iterable[tuple[Question, Callable[[], Iterable[CheckResult]]]]
) -> Iterator[CheckResult]:
    """Runs the function of each question, some at the same time; the results come in the order of questions.

    A `Problem` that a function raises is a red result of its question. Raises what
    ``scope.raise_if_cancelled`` raises.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(_answer, question, function) for question, function in questions]
        try:
            for each in running:
                scope.raise_if_cancelled()
                yield from each.result()
        finally:
            for each in running:
                each.cancel()


def _answer(question: Question, function: Callable[[], Iterable[CheckResult]]) -> list[CheckResult]:
    try:
        return list(function())
    except Problem as problem:
        return [question.explain(problem)]
    except Exception as error:  # an answer that nobody foresaw ends its own question, not those beside it
        return [
            question.unknown(
                f"The answer could not be judged ({type(error).__name__}).",
                "Ask the system by hand, and report this as an error of the panel.",
            )
        ]
