"""The callbacks of a comparison: progress, findings, and whether it should stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from threading import RLock
from typing import Any

from integrations.parity.result import DifferingRow, TableResult


def _ignore(*_: object) -> None:
    return None


@dataclass(frozen=True)
class ReadProgress:
    """How far the comparison of one table is.

    ``state`` is ``waiting``, ``reading``, ``asking`` (reading the rows that differ), ``done`` or ``failed``.
    ``pages`` are the 8 kB pages of the larger side, 0 when unknown. ``seconds_left`` is None while it cannot
    be estimated.
    """

    table: str
    state: str
    pages: int = 0
    pages_done: int = 0
    rows_done: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True)
class ComparisonObserver:
    """What a comparison calls while it works: also from worker threads, but never two at a time.

    ``on_progress(done, total, what)``: in pages of all tables. ``on_log(line)``. ``check_cancelled()`` raises
    to stop the comparison. ``on_table``: at each change of a table's state, and regularly while reading.
    ``on_table_finished``: with the final result of a table, and again after its rows were read again.
    ``on_difference(table, row)``: for each row that differs, at most ``ComparisonOptions.keep`` per table.
    """

    on_progress: Callable[[float, float, str], None] = _ignore
    on_log: Callable[[str], None] = _ignore
    check_cancelled: Callable[[], None] = _ignore
    on_table: Callable[[ReadProgress], None] = _ignore
    on_table_finished: Callable[[TableResult], None] = _ignore
    on_difference: Callable[[str, DifferingRow], None] = _ignore


def serialize_calls(observer: ComparisonObserver) -> ComparisonObserver:
    """The same observer with a lock, so that threads call its functions one at a time."""
    lock = RLock()

    def locked(function: Callable[..., None]) -> Callable[..., None]:
        def call(*given: Any) -> None:
            with lock:
                function(*given)

        return call if function is not _ignore else _ignore

    return ComparisonObserver(
        **{part.name: locked(getattr(observer, part.name)) for part in fields(ComparisonObserver)}
    )


def wants_rows(observer: ComparisonObserver) -> bool:
    """Whether rows that differ are reported; reading ten thousand of them takes time."""
    return observer.on_difference is not _ignore
