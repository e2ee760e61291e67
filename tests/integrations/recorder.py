"""A report that records what an action sends to it, and that can cancel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from integrations.errors import Cancelled


class Recorder:
    """Collects logs, progress, evidence and secrets.

    ``cancel_when`` is asked with each log line and each check: the first True makes the report
    raise `Cancelled` from then on. ``cancel()`` does the same at once.
    """

    def __init__(self, cancel_when: Callable[[Recorder], bool] | None = None, attempt: str = "") -> None:
        self.lines: list[str] = []
        self.pieces: list[tuple[str, str, bool]] = []  # line, stream, whether more of the line follows
        self.steps: list[tuple[float, float, str]] = []
        self.facts: dict[str, Any] = {}
        self.secrets: list[str] = []
        self.points: list[dict[str, float]] = []
        self.parts: list[tuple[str, str, dict[str, Any]]] = []
        self.differences: list[dict[str, Any]] = []
        self.attempt = attempt
        self.cancel_when = cancel_when
        self.cancelled = False

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def cancel(self) -> None:
        self.cancelled = True

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        assert "\n" not in line, "a log line is one line"
        self.lines.append(line)
        self.pieces.append((line, stream, more))

    def progress(self, done: float, total: float, what: str = "") -> None:
        self.steps.append((done, total, what))

    def measure(self, **values: float) -> None:
        self.points.append(values)

    def evidence(self, facts: Mapping[str, Any], /) -> None:
        self.facts.update(deepcopy(facts))  # as it was then: the panel writes it at once

    def table_progress(self, table: str, state: str, **how: Any) -> None:
        self.parts.append((table, state, how))

    def row_difference(self, table: str, kind: str, key: Any, columns: Any, **more: Any) -> None:
        self.differences.append({"table": table, "kind": kind, "key": key, "columns": columns, **more})

    def secret(self, *values: str) -> None:
        self.secrets.extend(values)

    def raise_if_cancelled(self) -> None:
        if self.cancel_when is not None and self.cancel_when(self):
            self.cancelled = True
        if self.cancelled:
            raise Cancelled("a person asked to stop")
