"""What the record has to say of people and their decisions; see `recorded`."""

from __future__ import annotations

import pgtrigger

from checklists.models.recorded import KEY_OF_GATE, KEY_OF_ITEM, OF_GATE, OF_ITEM, name_of, recorded


def member_change_has_its_entry() -> pgtrigger.Trigger:
    """Of a change of people: its entry, by the person who confirmed it, or else by the one who asked."""
    holds = f"""checklists_recorded(NEW.cutover_id, '{{member.added, member.changed, member.removed}}',
                    jsonb_build_object('person', {name_of("NEW.person_id")}, 'before', NEW.before),
                    coalesce(NEW.confirmed_by_id, NEW.requested_by_id))
                OR NEW.person_id = NEW.requested_by_id AND NEW.before = '{{}}'
                   AND checklists_recorded(NEW.cutover_id, '{{cutover.opened}}', '{{}}', NEW.person_id)"""
    return recorded("has_its_entry", pgtrigger.Insert, holds, "people change")


def note_has_its_entry() -> pgtrigger.Trigger:
    """Of a note: its words are in the record, under the name of its writer."""
    about = f"jsonb_build_object('item', {KEY_OF_ITEM}, 'text', NEW.text)"
    holds = f"checklists_recorded({OF_ITEM}, '{{item.noted}}', {about}, NEW.by_id)"
    return recorded("has_its_entry", pgtrigger.Insert, holds, "a note is written")


def sign_off_has_its_entry() -> pgtrigger.Trigger:
    """Of a sign-off: its entry, under the name of the person who signed."""
    about = f"""jsonb_build_object('gate', {KEY_OF_GATE}, 'seat', NEW.seat, 'decision', NEW.decision,
                                   'digest', NEW.digest)"""
    holds = f"checklists_recorded({OF_GATE}, '{{gate.signed}}', {about}, NEW.person_id)"
    return recorded("has_its_entry", pgtrigger.Insert, holds, "a gate is signed")


def pass_has_its_entry() -> pgtrigger.Trigger:
    """Of a pass: its entry."""
    about = f"jsonb_build_object('gate', {KEY_OF_GATE}, 'digest', NEW.digest)"
    holds = f"checklists_recorded({OF_GATE}, '{{gate.passed}}', {about})"
    return recorded("has_its_entry", pgtrigger.Insert, holds, "a gate passes")


def pass_is_used_by_a_beginning() -> pgtrigger.Trigger:
    """Of a pass: its first use is the beginning of an effect behind the gate, which names it."""
    holds = """EXISTS (
        WITH RECURSIVE begun AS (
            SELECT attempt.id, item.cutover_id, item.needs FROM checklists_item gate
            JOIN checklists_attempt attempt ON attempt.cutover_id = gate.cutover_id
                 AND attempt.effect_started_at >= now()
            JOIN checklists_item item ON item.id = attempt.item_id
            WHERE gate.id = NEW.gate_id
        ), before(attempt, cutover_id, key, needs) AS (
            SELECT begun.id, item.cutover_id, item.key, item.needs FROM begun
            JOIN checklists_item item ON item.cutover_id = begun.cutover_id AND item.superseded_at IS NULL
                 AND item.key = ANY(begun.needs)
            UNION
            SELECT before.attempt, item.cutover_id, item.key, item.needs FROM before
            JOIN checklists_item item ON item.cutover_id = before.cutover_id AND item.superseded_at IS NULL
                 AND item.key = ANY(before.needs)
        )
        SELECT 1 FROM before JOIN checklists_item gate ON gate.id = NEW.gate_id AND gate.key = before.key
        WHERE checklists_recorded(before.cutover_id, '{attempt.began}', jsonb_build_object(
                  'attempt', before.attempt::text, 'gates', jsonb_build_array(NEW.id))))"""
    return recorded(
        "is_used_by_a_beginning",
        pgtrigger.Update,
        holds,
        "a pass is used by no effect that begins now, or",
        pgtrigger.Condition("OLD.used_at IS DISTINCT FROM NEW.used_at"),
    )


def request_has_its_entry() -> pgtrigger.Trigger:
    """Of a requested change: its entry, under the name of the person who requested it."""
    holds = """checklists_recorded(NEW.cutover_id, '{change.requested}',
                   jsonb_build_object('summary', NEW.summary), NEW.requested_by_id)"""
    return recorded("has_its_entry", pgtrigger.Insert, holds, "a change is requested")


#: Kind of a change → the entry of the record that carrying it out leaves.
CARRIED_OUT = {
    "amendment": "runbook.amended",
    "tick": "item.confirmed",
    "host_dead": "host.declared_dead",
    "window": "window.moved",
    "early_start": "window.overridden",
    "runbook": "runbook.confirmed",
    "member": "member.added, member.changed, member.removed",
}


def decision_has_its_entry() -> pgtrigger.Trigger:
    """Of a requested change: a confirmation is carried out in the same transaction; a refusal is recorded."""
    kinds = " ".join(f"WHEN '{kind}' THEN '{{{entries}}}'" for kind, entries in CARRIED_OUT.items())
    holds = f"""checklists_recorded(
                NEW.cutover_id,
                CASE NEW.decision WHEN 'WITHDRAWN' THEN '{{change.withdrawn}}'
                                  WHEN 'DECLINED' THEN '{{change.declined}}'
                                  ELSE CASE NEW.kind {kinds} END END::text[],
                jsonb_build_object('requested_by', {name_of("NEW.requested_by_id")}), NEW.decided_by_id)"""
    return recorded("decision_has_its_entry", pgtrigger.Update, holds, "a requested change is decided")


def host_death_has_its_entry() -> pgtrigger.Trigger:
    """Of a host that was declared dead: its entry."""
    holds = """checklists_recorded(NEW.cutover_id, '{host.declared_dead}',
                   jsonb_build_object('host', NEW.host), NEW.confirmed_by_id)"""
    return recorded("has_its_entry", pgtrigger.Insert, holds, "a host is declared dead")


def answer_has_its_entry() -> pgtrigger.Trigger:
    """Of the ending of a no-go: its entry, with its words."""
    holds = """(
        SELECT checklists_recorded(gate.cutover_id, ARRAY['gate.no_go_' || lower(NEW.ending)],
                   jsonb_build_object('gate', gate.key, 'text', NEW.text, 'seat', NEW.seat), NEW.by_id)
        FROM checklists_signoff no_go JOIN checklists_item gate ON gate.id = no_go.gate_id
        WHERE no_go.id = NEW.no_go_id)"""
    return recorded("has_its_entry", pgtrigger.Insert, holds, "a no-go is ended")


def tick_has_its_entry() -> pgtrigger.Trigger:
    """Of a tick: its entry, or that of the request for a second person."""
    about = f"jsonb_build_object('item', {KEY_OF_ITEM})"
    holds = f"checklists_recorded({OF_ITEM}, '{{item.ticked, change.requested}}', {about}, NEW.by_id)"
    return recorded("has_its_entry", pgtrigger.Insert, holds, "an item is ticked")


def link_has_its_entry() -> list[pgtrigger.Trigger]:
    """Of a link for people without an account: making and revoking it are in the record."""
    of = "checklists_recorded(NEW.cutover_id, '{status_link.%s}', jsonb_build_object('link', NEW.id), NEW.%s)"
    return [
        recorded("has_its_entry", pgtrigger.Insert, of % ("created", "made_by_id"), "a link is made"),
        recorded(
            "revoked_with_its_entry",
            pgtrigger.Update,
            of % ("revoked", "revoked_by_id"),
            "a link is revoked",
        ),
    ]
