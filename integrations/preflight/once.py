"""What several checks of one run need and what costs time is found out once, by the first that asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from integrations.errors import Problem
from integrations.preflight.load import TurnOver

T = TypeVar("T")


@dataclass
class _Answer:
    """One answer, or the `Problem` instead of it; the lock is held while somebody finds it out."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    is_known: bool = False
    value: Any = None
    problem: Problem | None = None


class OncePerRun:
    """Answers that all checks of a run share, by a key. Checks of a run are threads of one process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._answers: dict[object, _Answer] = {}

    def get(self, key: object, find_out: Callable[[], T]) -> T:
        """The answer of the first call with this key; a `Problem` that it raised is raised again.

        Another error is not kept, nor that the time of the check that asked is over: the next one asks again.
        """
        with self._guard:
            answer = self._answers.setdefault(key, _Answer())
        with answer.lock:
            if not answer.is_known:
                try:
                    answer.value = find_out()
                except TurnOver:
                    raise
                except Problem as problem:
                    answer.problem = problem
                answer.is_known = True
        if answer.problem is not None:
            raise answer.problem
        value: T = answer.value
        return value
