"""Who acted on the evidence of the gates: these people do not approve it (four eyes)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

from checklists.models import Cutover, Item
from checklists.models.gate_rules import acts_on

#: Of one gate: person id → what they did with which item (by its id).
ActsByPerson = Mapping[int, list[tuple[int, str]]]

#: ``OFFSET 0`` makes PostgreSQL look up one row after the other by its key. Where its statistics are of the
#: time before the cutover was opened, it expects one row of everything, and compares every item with every
#: other instead: with 500 items that took more than 30 seconds.
_EVIDENCE = """(
        SELECT line.gate_id, line.item_id
        FROM checklists_item gate JOIN checklists_gateevidence line ON line.gate_id = gate.id
        WHERE gate.cutover_id = %s AND gate.kind = 'gate' AND gate.superseded_at IS NULL OFFSET 0) asked
    CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item
    CROSS JOIN LATERAL (SELECT * FROM checklists_phase WHERE id = item.phase_id OFFSET 0) phase
    CROSS JOIN LATERAL (SELECT * FROM checklists_cutover WHERE id = item.cutover_id OFFSET 0) cutover"""
OF_CUTOVER = f"""
    SELECT DISTINCT gate_id, item_id, person_id, verb FROM ({acts_on(_EVIDENCE)}) acts
    ORDER BY gate_id, item_id, person_id, verb
"""  # noqa: S608  # both parts are constants


@dataclass(frozen=True)
class Act:
    """What one person did with an item of the evidence; ``verb`` is one of those in `gate_rules.acts_on`."""

    item: Item
    verb: str

    def of(self, subject: str) -> str:
        """As a sentence without its end: “You ticked 1.2 Look at it”."""
        name = f"{self.item.number} {self.item.title}"
        if self.verb == "did":
            return f"{subject} did {name} (ticked on behalf)"
        if self.verb == "reconciled":
            return f"{subject} decided what {name} had done"
        return f"{subject} {self.verb} {name}"


def read_acts(cutover: Cutover) -> dict[int, ActsByPerson]:
    """By gate, then by person, in one query. The triggers of the database read the same rows."""
    found: dict[int, dict[int, list[tuple[int, str]]]] = defaultdict(lambda: defaultdict(list))
    with connection.cursor() as cursor:
        cursor.execute(OF_CUTOVER, [cutover.pk])
        for gate, item, person, verb in cursor.fetchall():
            found[gate][person].append((item, verb))
    return {gate: dict(people) for gate, people in found.items()}
