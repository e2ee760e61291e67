"""The contents of a runbook file as frozen dataclasses; `line` is the line in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class RunbookError:
    """One error in a file: where, what, and the remedy.

    ``is_fatal`` is False when the environment is incomplete and not the file (a variable is not set):
    the runbook can be loaded, but not all of its items can run.
    """

    line: int
    where: str  # “item freeze-writes”
    what: str
    remedy: str
    is_fatal: bool = True

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.where}: {self.what}", self.remedy) if part)


@dataclass(frozen=True)
class EvidenceSpec:
    """An item whose evidence a gate needs, and its greatest age (None: the item's own)."""

    item: str
    fresh_for: timedelta | None = None
    line: int = 0


@dataclass(frozen=True)
class ItemSpec:
    """One item: a manual one, an action or a gate. ``how``, ``irreversible`` are Markdown."""

    key: str
    number: str  # “3.4”, by position
    title: str
    kind: str  # manual · action · gate
    owner: str  # key of a role
    how: str = ""
    needs: tuple[str, ...] = ()  # keys of items that come before
    planned: timedelta | None = None
    action: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)  # as the file has them: JSON values
    fresh_for: timedelta | None = None  # how long its evidence counts
    undo: str = ""  # key of the item that reverts it
    irreversible: str = ""  # why there is none
    goes_with: tuple[str, ...] = ()  # in a rollback: items that make this one necessary
    optional: bool = False  # the cutover can be completed, and rolled back, while this is still open
    original: str = ""  # the customer's sentence, where the item differs from it
    requires: tuple[str, ...] = ()  # manual items: note · file · second_person
    deadline: timedelta | None = None  # instead of the action's own
    type_target: bool = False  # in production the target's name is typed by hand
    seats: tuple[str, ...] = ()
    quorum: int = 0
    evidence: tuple[EvidenceSpec, ...] = ()
    opens: str = ""  # what a pass of this gate allows, in a sentence
    service_restored: bool = False  # when it is done, people can write again
    ends_window: bool = False  # the last item of the window; those after it do not count in the night
    line: int = 0


@dataclass(frozen=True)
class RecoveryTime:
    """Two items between which the time without service is measured (RTO); empty keys: not said."""

    from_item: str = ""
    to_item: str = ""


#: How long people take to decide that they go back, where the runbook does not say it.
DECISION_TIME = timedelta(minutes=30)


@dataclass(frozen=True)
class PhaseSpec:
    """One part of the runbook; ``note`` and ``original`` are Markdown."""

    key: str
    number: str  # “3”, by position
    title: str
    note: str = ""  # where the customer's text was corrected, and why
    original: str = ""  # the customer's own text of this part
    direction: str = "forward"  # forward · rollback
    before_window: bool = False  # production may start its items before the window
    items: tuple[ItemSpec, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Document:
    """A whole runbook without fatal errors."""

    name: str
    title: str
    timezone: str
    text: str
    sha256: str  # of the file's bytes
    systems: Mapping[str, Mapping[str, Any]]  # name → settings, `kind` among them
    roles: Mapping[str, str]  # key → title
    seats: Mapping[str, str]
    phases: tuple[PhaseSpec, ...]
    logs_for_stakeholders: bool = False  # people who only watch see the logs, too
    rto: RecoveryTime = RecoveryTime()
    decision_time: timedelta = DECISION_TIME

    def marked(self, field_name: str) -> dict[str, list[str]]:
        """Direction → keys of its items that carry this mark (“service_restored” or “ends_window”)."""
        found: dict[str, list[str]] = {}
        for phase in self.phases:
            keys = [item.key for item in phase.items if getattr(item, field_name)]
            found.setdefault(phase.direction, []).extend(keys)
        return {direction: keys for direction, keys in found.items() if keys}

    @property
    def items(self) -> Iterator[ItemSpec]:
        """Every item, in the order of the file."""
        return (item for phase in self.phases for item in phase.items)

    def with_params(self, added: Mapping[str, Mapping[str, Any]]) -> Document:
        """The same with further parameters (item's key → parameters) where an item does not name them."""

        def complete(item: ItemSpec) -> ItemSpec:
            return replace(item, params={**added.get(item.key, {}), **item.params})

        phases = (replace(phase, items=tuple(map(complete, phase.items))) for phase in self.phases)
        return replace(self, phases=tuple(phases))

    def item(self, key: str) -> ItemSpec:
        """The item of that key; KeyError when there is none."""
        for item in self.items:
            if item.key == key:
                return item
        raise KeyError(key)


@dataclass(frozen=True)
class ReadResult:
    """What came of reading a file: the document (None when an error is_fatal it) and all errors."""

    document: Document | None
    errors: list[RunbookError]
