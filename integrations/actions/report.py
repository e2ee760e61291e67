"""What an action answers and reports: previews, outcomes, probe findings, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

E_contra = TypeVar("E_contra", bound=Mapping[str, object], contravariant=True)


class Effect(StrEnum):
    """What may happen to an attempt whose worker was lost after its effect began."""

    PURE = "PURE"  # reads only: the panel may run it again by itself
    IDEMPOTENT = "IDEMPOTENT"  # running it twice has the effect of running it once: again after a probe
    AT_MOST_ONCE = "AT_MOST_ONCE"  # only a person may decide that it runs again


class ProbeStatus(StrEnum):
    """How much of an earlier attempt's effect a probe found."""

    DONE = "DONE"
    NOT_DONE = "NOT_DONE"
    PARTIAL = "PARTIAL"
    STILL_RUNNING = "STILL_RUNNING"


@dataclass(frozen=True)
class Finding:
    """The answer of a probe. ``observed`` is a sentence for people about what the probe looked at and
    found; ``facts`` become the item's evidence when a person accepts the attempt as done."""

    status: ProbeStatus
    observed: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """The end of a run that was not interrupted. ``ok=False`` is a verdict (“the parity differs”), not an
    error."""

    ok: bool
    summary: str  # one line, shown everywhere; a verdict also says what to do next


@dataclass(frozen=True)
class Preview:
    """Exactly what a run would do, with secrets masked.

    ``lines`` are commands or sentences in order, ``where`` names the target (host and database),
    ``warnings`` are points that a person should consider first.
    """

    lines: list[str]
    where: str = ""
    warnings: list[str] = field(default_factory=list)


class Report(Protocol):
    """The connection of a running action to the panel."""

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Adds one line to the live log; secrets in it are masked.

        A long line may come in pieces, all but the last with ``more``. ``stream`` names the output of a
        program: pieces of two outputs may come in turn.
        """

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Shows how far the work is: ``done`` of ``total`` units; ``what`` is being worked on."""

    def measure(self, **values: float) -> None:
        """Adds one point at the current time to the curves on the item's page: name → value.

        Names are words with ``_`` instead of blanks and the unit last (“new_errors_percent”). At most
        one point a second is kept.
        """

    def table_progress(
        self,
        table: str,
        state: str,
        *,
        pages: int = 0,
        pages_done: int = 0,
        rows_done: int = 0,
        seconds: float = 0,
        seconds_left: float | None = None,
        found: Mapping[str, Any] | None = None,
    ) -> None:
        """Shows how far the comparison of one table is; replaces what was shown for it before.

        ``state`` is waiting, reading, asking, done or failed; ``found`` are the table's counts (JSON)
        once they are final. Written at most twice a second.
        """

    def row_difference(
        self,
        table: str,
        kind: str,
        key: Mapping[str, Any],
        columns: Mapping[str, Sequence[Any]],
        *,
        paths: Mapping[str, Sequence[str]] | None = None,
        personal: Sequence[str] = (),
    ) -> None:
        """Keeps a row of that table that differs, for the pages to show during the comparison.

        ``kind`` is changed, missing or extra; ``columns`` column → both values; ``paths`` column → paths
        of its JSON that differ; ``personal`` the columns that stakeholders see masked. At most 10 000
        rows of a table and 50 000 of an attempt are kept.
        """

    def secret(self, *values: str) -> None:
        """Masks these values in everything that this attempt logs from now on."""

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` or `DeadlinePassed` when the attempt has to stop; call it in loops."""


class RunReport(Report, Protocol[E_contra]):
    """The report of a run, which also records the action's evidence."""

    def evidence(self, facts: E_contra, /) -> None:
        """Records facts (JSON values) for gates and later items. A later call replaces the facts of the
        same names and keeps the others."""
