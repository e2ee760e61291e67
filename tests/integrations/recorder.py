"""A report that remembers what an action told it, and can be told to cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.errors import Cancelled


class Recorder:
    """Collects logs, progress, evidence and secrets.

    ``cancel_when`` is asked with each log line and each check: the first True makes the report
    raise `Cancelled` from then on. ``cancel()`` does the same at once.
    """

    def __init__(self, cancel_when: Callable[[Recorder], bool] | None = None, attempt: str = "") -> None:
        self.lines: list[str] = []
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

    def log(self, line: str) -> None:
        assert "\n" not in line, "a log line is one line"
        self.lines.append(line)

    def progress(self, done: float, total: float, what: str = "") -> None:
        self.steps.append((done, total, what))

    def measure(self, **values: float) -> None:
        self.points.append(values)

    def evidence(self, **facts: Any) -> None:
        self.facts.update(facts)

    def part(self, name: str, state: str, **how: Any) -> None:
        self.parts.append((name, state, how))

    def difference(self, part: str, kind: str, key: Any, columns: Any, **more: Any) -> None:
        self.differences.append({"table": part, "kind": kind, "key": key, "columns": columns, **more})

    def secret(self, *values: str) -> None:
        self.secrets.extend(values)

    def raise_if_cancelled(self) -> None:
        if self.cancel_when is not None and self.cancel_when(self):
            self.cancelled = True
        if self.cancelled:
            raise Cancelled("a person asked to stop")
