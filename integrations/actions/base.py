"""The contract of an action: code that can do one item of a runbook.

An action is one module in this folder with one registered class, and one test module in
``tests/integrations/actions/``. Forms, pages, the reference table and ``manage.py check`` read
the registry; nothing else is touched to add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Protocol

from django import forms

from integrations.systems import System, Systems


class Effect(StrEnum):
    """What may be done about an attempt whose worker was lost after its effect began."""

    PURE = "PURE"  # only looks: may be tried again by the machine
    IDEMPOTENT = "IDEMPOTENT"  # doing it twice is doing it once: again after a probe
    AT_MOST_ONCE = "AT_MOST_ONCE"  # only a person may decide that it runs again


class Seen(StrEnum):
    """What a probe found of an earlier attempt's effect."""

    DONE = "DONE"
    NOT_DONE = "NOT_DONE"
    PARTIAL = "PARTIAL"
    STILL_RUNNING = "STILL_RUNNING"


@dataclass(frozen=True)
class Finding:
    """A probe's answer: the verdict and, in a person's words, what it looked at and saw."""

    seen: Seen
    saw: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a run ended that did end: ``ok=False`` is a verdict (“the parity differs”), not a crash."""

    ok: bool
    summary: str  # one line, shown everywhere; for a verdict also what to do next


@dataclass(frozen=True)
class Preview:
    """Exactly what would be done, with secrets masked; made without changing anything.

    ``lines`` are commands or sentences in order, ``where`` names the target (host and database),
    ``warnings`` are things a person should weigh first.
    """

    lines: list[str]
    where: str = ""
    warnings: list[str] = field(default_factory=list)


class Report(Protocol):
    """What a running action tells, and asks, while it runs."""

    def log(self, line: str) -> None:
        """Adds one line to the live log (redacted, numbered and stored for it)."""

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Says how far the work is: ``done`` of ``total`` units, ``what`` being worked on now."""

    def evidence(self, **facts: Any) -> None:
        """Leaves facts (JSON values) for gates and later items; a later call overrides a name."""

    def measure(self, **values: float) -> None:
        """Adds one point, of now, to the curves that the item's page draws while it runs: name → value.

        Names are words for people with ``_`` for blanks and the unit last (“new_errors_percent”); at most
        one point a second is kept.
        """

    def part(
        self, name: str, state: str, *, pages: int = 0, pages_done: int = 0, rows_done: int = 0,
        seconds: float = 0, seconds_left: float | None = None, found: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Says how far one table of a comparison is; what was said of it before is replaced.

        ``state`` is waiting, reading, asking, done or failed; ``found`` are its counts (JSON) once they
        are final. Written at most twice a second, whatever comes in between.
        """

    def difference(
        self, part: str, kind: str, key: Mapping[str, Any], columns: Mapping[str, Sequence[Any]], *,
        paths: Mapping[str, Sequence[str]] | None = None, personal: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Keeps a row of that table that differs, for the pages to show while the work goes on.

        ``kind`` is changed, missing or extra, ``columns`` column → both values, ``paths`` column → paths
        of its JSON that differ, ``personal`` the columns that are masked for who only watches. At most
        10 000 rows of a table and 50 000 of an attempt are kept.
        """

    def secret(self, *values: str) -> None:
        """Makes these values unreadable in everything this attempt logs from now on."""

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` or `DeadlinePassed` when it is time to stop; call it in loops."""


@dataclass(frozen=True)
class Context:
    """All that an action may know of its surroundings.

    ``evidence`` maps an item's key to the facts that its latest success left. ``folder`` is where
    artefacts (backups, exports, SQL) of this cutover are kept, private to the panel (0700).
    """

    systems: Systems
    evidence: Mapping[str, Mapping[str, Any]]
    folder: Path
    attempt: str = ""  # UUID; becomes application_name “cutover:<attempt>”
    cutover: str = ""  # slug
    rehearsal: bool = True
    #: by item's key: what its latest attempt that began saw before (`Action.before`) and left behind,
    #: whatever came of it; for an undo, which has to take back also what failed half-way
    traces: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    history: Mapping[str, Any] = field(default_factory=dict)  # see `Action.reads_history`


class Values(SimpleNamespace):
    """Validated parameters as attributes, with ``context`` among them."""

    context: Context

    def __getattr__(self, name: str) -> Any:  # for the type checker: every field is an attribute
        raise AttributeError(name)


class ActionForm(forms.Form):
    """Parameters that a runbook may give to an action; fields are the whole truth about them.

    A value may be taken from the environment, as those of ``systems:`` are: ``${NAME:-default}``.
    """

    def __init__(self, data: Mapping[str, Any] | None = None, *, context: Context) -> None:
        super().__init__(data={} if data is None else dict(data))
        self.context = context
        for form_field in self.fields.values():
            if isinstance(form_field, ContextField):
                form_field.context = context

    def full_clean(self) -> None:
        """Fills in ``${NAME}`` and ``${NAME:-default}`` first. Raises `MissingVariable`."""
        self.data = self.context.systems.filled(self.data)
        super().full_clean()


class ContextField(forms.Field):
    """A field whose meaning depends on the runbook around it."""

    context: Context


class SystemField(ContextField):
    """The name of a system under ``systems:``, of one kind; cleans to the `System`."""

    def __init__(self, *, kind: str, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind

    def clean(self, value: Any) -> System | None:
        """The system of that name, or a ValidationError that lists the names there are."""
        name = super().clean(value)
        if name in self.empty_values:
            return None
        known = [s.name for s in self.context.systems.values() if s.kind == self.kind]
        if name not in known:
            raise forms.ValidationError(
                f"“{name}” is no system of kind {self.kind}; the runbook has: {', '.join(known) or 'none'}."
            )
        return self.context.systems[name]


class EvidenceField(ContextField):
    """The key of an earlier item whose evidence this action builds on; cleans to that key.

    The facts are read with ``params.context.evidence.get(key)``: None until that item has succeeded.
    ``action`` is the key of the action that leaves what is needed; the runbook check holds the item
    against it.
    """

    def __init__(self, *, action: str, **options: Any) -> None:
        super().__init__(**options)
        self.action = action


class JSONValueField(forms.Field):
    """A structured parameter (list or mapping), as the runbook's YAML has it."""

    def __init__(self, *, kind: type, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind

    def clean(self, value: Any) -> Any:
        """The value itself when it is of the asked kind."""
        value = super().clean(value)
        if value in self.empty_values:
            return self.initial if self.initial is not None else self.kind()
        if not isinstance(value, self.kind):
            raise forms.ValidationError(f"must be a {self.kind.__name__}, not {type(value).__name__}.")
        return value


class Action(ABC):
    """One thing a machine can do. Subclasses are stateless: all state is in params and report."""

    key: ClassVar[str]  # “backup.take”
    title: ClassVar[str]  # a sentence in the imperative, for the page and the reference
    effect: ClassVar[Effect]
    deadline: ClassVar[timedelta] = timedelta(minutes=30)  # the runbook may say otherwise
    grace: ClassVar[timedelta] = timedelta(seconds=10)  # from asking it to stop to killing it
    risky: ClassVar[bool] = False  # changes production: its item must name its undo
    #: whether ``context.history`` is filled: the cutover's story so far, as `checklists.history` tells it
    reads_history: ClassVar[bool] = False

    class Params(ActionForm):
        """No parameters."""

    def resource(self, params: Values) -> str | None:
        """What two attempts must never hold at once, e.g. ``db:host/name:schema``; None for nothing."""
        return None

    @abstractmethod
    def preview(self, params: Values) -> Preview:
        """What would be done, secrets masked. Changes nothing and works without a worker."""

    def before(self, params: Values) -> dict[str, Any]:
        """The state of the world just before the effect, for a probe to compare with."""
        return {}

    @abstractmethod
    def run(self, params: Values, report: Report) -> Outcome:
        """Does it. Raises `Problem` with words for a person when it cannot."""

    @abstractmethod
    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Looks, without changing anything, whether an earlier run's effect is there."""

    def bind(self, raw: Mapping[str, Any], context: Context) -> Values:
        """Validates raw parameters; raises ``forms.ValidationError`` naming each bad field."""
        form = self.Params(raw, context=context)
        unknown = sorted(set(raw) - set(form.fields))
        errors = {name: [str(m) for m in messages] for name, messages in form.errors.items()}
        for name in unknown:
            errors[name] = [f"{self.key} has no parameter “{name}”; it has: {', '.join(form.fields)}."]
        if errors:
            raise forms.ValidationError(errors)
        return Values(**form.cleaned_data, context=context)
