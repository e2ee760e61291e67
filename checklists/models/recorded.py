"""Rules that ask at the commit for the entry of the record that goes with a change.

Each is a deferred trigger: services write the entry last. The entry names the row and the person, so a change
that the record does not tell cannot be committed. A changed body is a changed trigger and needs a migration.
"""

from __future__ import annotations

import pgtrigger

#: Was this recorded in the transaction that is being committed? ``about`` is part of the entry's payload;
#: ``by_person`` is its actor, and ``parts`` are those of which the actor has one in the cutover, where given.
#: The newest entries are read first, so the one that is looked for is found at once.
RECORDED = """
CREATE OR REPLACE FUNCTION checklists_recorded(
    of_cutover bigint, kinds text[], about jsonb, by_person bigint DEFAULT NULL, parts text[] DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql STABLE AS $body$
DECLARE
    name text;
BEGIN
    SELECT username INTO name FROM auth_user WHERE id = by_person;
    RETURN coalesce((
        SELECT true FROM checklists_auditentry entry
        WHERE entry.cutover_id = of_cutover AND entry.at >= now()
          AND entry.seq > (SELECT head.seq - 1000 FROM checklists_audithead head
                           WHERE head.cutover_id = of_cutover)
          AND entry.kind = ANY(kinds) AND entry.payload @> about
          AND (by_person IS NULL OR entry.actor = name)
          AND (parts IS NULL OR EXISTS (
                SELECT 1 FROM checklists_member member JOIN auth_user person ON person.id = member.person_id
                WHERE member.cutover_id = of_cutover AND person.username = entry.actor
                  AND member.part = ANY(parts)))
        ORDER BY entry.seq DESC LIMIT 1), false);
END $body$
"""


#: The cutover of a row, and the key of its item.
OF_GATE = "(SELECT cutover_id FROM checklists_item WHERE id = NEW.gate_id)"
OF_ITEM = "(SELECT cutover_id FROM checklists_item WHERE id = NEW.item_id)"
KEY_OF_GATE = "(SELECT key FROM checklists_item WHERE id = NEW.gate_id)"
KEY_OF_ITEM = "(SELECT key FROM checklists_item WHERE id = NEW.item_id)"


def name_of(person: str) -> str:
    """The user name of the person with this number, as SQL."""
    return f"(SELECT username FROM auth_user WHERE id = {person})"  # noqa: S608  # a column of ours


def recorded(
    name: str,
    operation: pgtrigger.Operation,
    holds: str,
    says: str,
    condition: pgtrigger.Condition | None = None,
) -> pgtrigger.Trigger:
    """Refuses the commit unless ``holds``, an SQL condition over OLD and NEW; ``says`` is the sentence."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=operation,
        timing=pgtrigger.Deferred,
        condition=condition,
        func=f"""
            IF ({holds}) IS NOT TRUE THEN
                RAISE EXCEPTION '{says} without an entry of the record' USING ERRCODE = 'CU017';
            END IF;
            RETURN NULL;
        """,
    )


def any_changed(*columns: str) -> pgtrigger.Condition:
    """Whether an UPDATE changes one of these columns."""
    new, old = (", ".join(f"{row}.{column}" for column in columns) for row in ("NEW", "OLD"))
    return pgtrigger.Condition(f"ROW({new}) IS DISTINCT FROM ROW({old})")
