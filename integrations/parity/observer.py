"""How a comparison tells where it is and what it has found, and is asked whether it should stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from threading import RLock
from typing import Any

from integrations.parity.result import Example, TableResult


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True)
class TableProgress:
    """How far one table is.

    ``state`` is ``waiting``, ``reading``, ``asking`` (for the rows that differ), ``done`` or
    ``failed``. ``pages`` are the 8 kB pages of the bigger side, 0 when unknown; ``seconds_left`` is
    None while nothing can be said.
    """

    table: str
    state: str
    pages: int = 0
    pages_done: int = 0
    rows_done: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True)
class Watch:
    """What a comparison calls while it works; from worker threads too, and never two at a time.

    ``progress(done, total, what)`` in pages of all tables, ``log(line)``, and ``check()``, which
    raises to stop the work. ``table`` at each change of state and some times a second while reading,
    ``finished`` with a table's result when it is final (again after rows were asked again), and
    ``difference(table, row)`` for each row that differs, up to ``Options.keep`` of them a table.
    """

    progress: Callable[[float, float, str], None] = _nothing
    log: Callable[[str], None] = _nothing
    check: Callable[[], None] = _nothing
    table: Callable[[TableProgress], None] = _nothing
    finished: Callable[[TableResult], None] = _nothing
    difference: Callable[[str, Example], None] = _nothing


def one_at_a_time(watch: Watch) -> Watch:
    """The same watch, whose functions wait for each other when threads call them."""
    lock = RLock()

    def held(function: Callable[..., None]) -> Callable[..., None]:
        def call(*given: Any) -> None:
            with lock:
                function(*given)

        return call if function is not _nothing else _nothing

    return Watch(**{part.name: held(getattr(watch, part.name)) for part in fields(Watch)})


def wants_rows(watch: Watch) -> bool:
    """Whether anybody listens to the rows that differ; to name ten thousand of them costs time."""
    return watch.difference is not _nothing
