"""What a runbook file says, as frozen dataclasses; `line` is where the file says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a file: where, what, and what to do about it.

    ``stops`` is False for what is wrong with the surroundings and not with the file (a variable
    that is not set): the runbook can be loaded, but not every item of it can run.
    """

    line: int
    where: str  # “item freeze-writes”
    what: str
    remedy: str
    stops: bool = True

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.where}: {self.what}", self.remedy) if part)


@dataclass(frozen=True)
class EvidenceSpec:
    """An item whose evidence a gate rests on, and how old that may be (None: as the item says)."""

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
    undo: str = ""  # key of the item that takes it back
    irreversible: str = ""  # why there is none
    goes_with: tuple[str, ...] = ()  # on the way back: items that make this one needed
    optional: bool = False  # may be skipped without an approver
    original: str = ""  # the customer's sentence, where the item differs from it
    deadline: timedelta | None = None  # instead of the action's own
    type_target: bool = False  # in production the target's name is typed by hand
    seats: tuple[str, ...] = ()
    quorum: int = 0
    evidence: tuple[EvidenceSpec, ...] = ()
    opens: str = ""  # what a pass of this gate allows, in a sentence
    line: int = 0


@dataclass(frozen=True)
class PhaseSpec:
    """One part of the runbook; ``note`` and ``original`` are Markdown."""

    key: str
    number: str  # “3”, by position
    title: str
    note: str = ""  # where the customer's text was corrected, and why
    original: str = ""  # the customer's own text of this part
    direction: str = "forward"  # forward · rollback
    items: tuple[ItemSpec, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Document:
    """A whole runbook that was found free of mistakes that stop it."""

    name: str
    title: str
    timezone: str
    text: str
    sha256: str  # of the file's bytes
    systems: Mapping[str, Mapping[str, str]]  # name → settings, `kind` among them
    roles: Mapping[str, str]  # key → title
    seats: Mapping[str, str]
    phases: tuple[PhaseSpec, ...]

    @property
    def items(self) -> Iterator[ItemSpec]:
        """Every item, in the order of the file."""
        return (item for phase in self.phases for item in phase.items)

    def item(self, key: str) -> ItemSpec:
        """The item of that key; KeyError when there is none."""
        for item in self.items:
            if item.key == key:
                return item
        raise KeyError(key)


@dataclass(frozen=True)
class Reading:
    """What came of reading a file: the document (None when a mistake stops it) and all mistakes."""

    document: Document | None
    mistakes: list[Mistake]
