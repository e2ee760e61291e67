"""The rows of phases and gates on the overview; their markup is kept between requests."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from checklists.board import ItemView, PhaseView
from checklists.models import Cutover
from checklists.templatetags.cutover_tags import when

ROWS_KEPT = 2000  # of each kind, in memory, some 500 bytes each
#: Stands in markup that is kept for when a gate passed. Nobody who types a text knows it.
PASSED_AT = secrets.token_hex(16)


@dataclass(frozen=True)
class PhaseRow:
    """What is shown of a phase, and nothing else: equal ones have the same markup."""

    slug: str
    key: str
    number: str
    title: str
    done: int
    total: int


@dataclass(frozen=True)
class GateRow:
    """What is shown of a gate, and nothing else. ``voided``: how many signatures no longer count."""

    key: str
    url: str
    number: str
    title: str
    state: str
    has_passed: bool
    given: int
    needed: int
    voided: int


def phase_row(view: PhaseView, cutover: Cutover) -> SafeString:
    """The markup of one phase."""
    phase = view.phase
    return _render_phase(PhaseRow(cutover.slug, phase.key, phase.number, phase.title, view.done, view.total))


def gate_row(view: ItemView, cutover: Cutover) -> SafeString:
    """The markup of one gate."""
    item, gate = view.item, view.gate
    assert gate is not None
    row = GateRow(
        key=item.key,
        url=item.get_absolute_url(),
        number=item.number,
        title=item.title,
        state=view.state,
        has_passed=gate.passed is not None,
        given=gate.given,
        needed=gate.needed,
        voided=len(gate.voided),
    )
    html = _render_gate(row)
    return SafeString(html.replace(PASSED_AT, when(gate.passed.at, cutover))) if gate.passed else html


@lru_cache(maxsize=ROWS_KEPT)
def _render_phase(row: PhaseRow) -> SafeString:
    return render_to_string("_overview_phase.html", {"row": row})


@lru_cache(maxsize=ROWS_KEPT)
def _render_gate(row: GateRow) -> SafeString:
    return render_to_string("_overview_gate.html", {"row": row, "passed_at": PASSED_AT})
