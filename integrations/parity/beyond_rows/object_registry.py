"""All kinds of objects that a comparison knows. A new kind is one entry of the file that it belongs to."""

from __future__ import annotations

from integrations.parity.beyond_rows import (
    hidden_rows,
    objects_of_databases,
    objects_of_tables,
    sequence_values,
)
from integrations.parity.beyond_rows.object_kinds import ObjectKind

KINDS: tuple[ObjectKind, ...] = (
    *objects_of_tables.KINDS,
    *sequence_values.KINDS,
    *hidden_rows.KINDS,
    *objects_of_databases.KINDS,
)
BY_NAME = {kind.name: kind for kind in KINDS}

#: Kinds whose differences count against “equal” unless the options say otherwise.
JUDGED = frozenset(kind.name for kind in KINDS if kind.judged)

STRUCTURE_CHOICES = ("levels", "told", "judged", "off")


def judged_kinds(structure: str, more: tuple[str, ...] = ()) -> frozenset[str]:
    """The kinds that are judged.

    ``structure`` is “levels” (each kind at its own level, and those named in ``more``), “judged” (all),
    “told” or “off” (none).
    """
    if structure == "judged":
        return frozenset(BY_NAME)
    return JUDGED | frozenset(more) if structure == "levels" else frozenset()
