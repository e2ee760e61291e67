"""What an action knows about the cutover around it, and the base of its parameters."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from integrations.artefacts import ArtefactStore, LocalArtefacts
from integrations.systems import Systems

E = TypeVar("E", bound=Mapping[str, object])


@dataclass(frozen=True)
class RunbookItem:
    """An item of the runbook that an action carries out: the key of the action, its parameters as they are
    written, and its title."""

    action: str
    params: Mapping[str, Any]
    title: str = ""


@dataclass(frozen=True)
class Context:
    """Everything that an action may know about the cutover around it.

    ``evidence`` maps an item's key to the facts that its latest success recorded. ``folder`` holds the
    artefacts (backups, exports, SQL) of this cutover and is private to the panel (0700). What another attempt
    is to read goes through ``artefacts``, because that attempt may run on another host.
    """

    systems: Systems
    evidence: Mapping[str, Mapping[str, Any]]
    folder: Path
    attempt: str = ""  # UUID; becomes application_name “cutover:<attempt>”
    cutover: str = ""  # slug
    rehearsal: bool = True
    #: item's key → what `Action.before` returned for its latest attempt that began, and the facts that
    #: this attempt recorded, whether it succeeded or not. An undo also takes back what failed half-way.
    traces: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    history: Mapping[str, Any] = field(default_factory=dict)  # see `Action.reads_history`
    #: start and end of the cutover's window, with time zone; None where the cutover has none
    window: tuple[datetime, datetime] | None = None
    #: of the attempt: programs with a timeout of their own must end within it; None where it is not known
    deadline: timedelta | None = None
    #: item's key → the item, for all that actions carry out, in the order of the runbook
    items: Mapping[str, RunbookItem] = field(default_factory=dict)
    #: the time of the panel's database when the monotonic clock of this host stood at ``now_at``
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    now_at: float = field(default_factory=time.monotonic)
    #: item's key → the host where its latest success ran
    hosts: Mapping[str, str] = field(default_factory=dict)
    store: ArtefactStore | None = field(default=None, repr=False, compare=False)

    @property
    def artefacts(self) -> ArtefactStore:
        """The files of this cutover that all hosts share."""
        return self.store or LocalArtefacts(self.folder, self.cutover)


@dataclass(frozen=True)
class EarlierItem(Generic[E]):
    """An earlier item of the runbook, as an `EvidenceField` names it. ``E`` is the evidence of its action."""

    key: str
    context: Context = field(repr=False, compare=False)

    @property
    def evidence(self) -> E:
        """The facts of the item's latest success; empty until it has succeeded."""
        return cast(E, self.context.evidence.get(self.key, {}))

    @property
    def latest_evidence(self) -> E:
        """The facts of the item's latest attempt that began, whether it succeeded or not."""
        return cast(E, self.context.traces.get(self.key, {}))

    @property
    def host(self) -> str:
        """The host where the item's latest success ran; empty when that is not known."""
        return self.context.hosts.get(self.key, "")

    @property
    def before(self) -> Mapping[str, Any]:
        """What `Action.before` returned for that latest attempt; empty when none has begun."""
        return self.context.traces.get(self.key, {})


@dataclass(frozen=True)
class ActionParams:
    """Base of the parameters of an action: one field for each field of its form, with the cleaned type."""

    context: Context
