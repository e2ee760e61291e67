"""How a comparison tells where it is, and is asked whether it should stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True)
class Watch:
    """``progress(done, total, what)``, ``log(line)``, and ``check()``, which raises to stop the work."""

    progress: Callable[[float, float, str], None] = _nothing
    log: Callable[[str], None] = _nothing
    check: Callable[[], None] = _nothing
