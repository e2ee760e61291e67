"""The one way in which tests wait: ask again until it is so, and fail with a reason when it never is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE = 0.05  # seconds between two questions


def wait_for(
    condition: Callable[[], T], *, timeout: float = 60, message: str | Callable[[], object] = ""
) -> T:
    """The first true answer of ``condition``.

    ``timeout`` (seconds) only ends a wait for something that never happens: make it generous, because a
    loaded machine is slow. ``message`` says what was missing; a function is called when time is up.
    """
    end = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > end:
            said = message() if callable(message) else message
            raise AssertionError(f"{said or 'The condition was not met'} (waited {timeout:g} s)")
        time.sleep(PAUSE)
    return answer
