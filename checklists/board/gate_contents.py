"""To what a signature at a gate is bound, as the database computes it (`models.gate_functions`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from checklists.models import Cutover

OF_CUTOVER = """
    SELECT gate_id, content, checklists_digest(content)
    FROM checklists_gate_contents((SELECT array_agg(id) FROM checklists_item
                                   WHERE cutover_id = %s AND kind = 'gate' AND superseded_at IS NULL))
"""


@dataclass(frozen=True)
class GateContent:
    """The digest, and what it covers of each item of the evidence, by the item's key."""

    digest: str
    facts: Mapping[str, dict[str, Any]]


#: Of a gate that an amendment defined after the contents were read: nobody can have signed it yet.
NOT_COMPUTED = GateContent("", {})


def read_gate_contents(cutover: Cutover) -> dict[int, GateContent]:
    """By the gate's item id, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(OF_CUTOVER, [cutover.pk])
        rows = [(gate, json.loads(content)["facts"], digest) for gate, content, digest in cursor.fetchall()]
    return {gate: GateContent(digest, {fact["item"]: fact for fact in facts}) for gate, facts, digest in rows}
