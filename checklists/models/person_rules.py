"""Who may write a row: the person whom it names has the part that it needs, at this moment."""

from __future__ import annotations

import pgtrigger

from checklists.models.definition_rules import dated_now
from checklists.models.recorded import OF_ITEM, any_changed, name_of

#: Kinds of changes that approvers request too, and kinds that leads alone confirm; a test compares them with
#: `services.change_rules`.
APPROVERS_REQUEST = ("host_dead",)
LEADS_CONFIRM = ("member",)
#: Entries of the record after which a cutover is no longer being set up.
WORK = (
    "attempt.started",
    "item.ticked",
    "item.confirmed",
    "item.skipped",
    "gate.signed",
    "rollback.ordered",
    "runbook.confirmed",  # who confirmed the runbook for production has seen the people, too
)
LEADS, LEADS_AND_APPROVERS = "'{LEAD}'", "'{LEAD,APPROVER}'"


def has_part(cutover: str, person: str, parts: str) -> str:
    """Whether the person is active and has one of these parts in the cutover, as SQL."""
    return f"""EXISTS (
                SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id
                WHERE member.cutover_id = {cutover} AND member.person_id = {person} AND u.is_active
                  AND member.part = ANY(({parts})::text[]))"""  # noqa: S608  # columns of ours


def is_admin(person: str) -> str:
    """Whether the person is an active admin, as SQL."""
    return f"EXISTS (SELECT 1 FROM auth_user WHERE id = {person} AND is_active AND is_superuser)"  # noqa: S608  # the parts are constants


def is_open(cutover: str) -> str:
    """Whether the cutover is open, as SQL."""
    return f"EXISTS (SELECT 1 FROM checklists_cutover WHERE id = {cutover} AND status = 'OPEN')"  # noqa: S608  # the parts are constants


def refused_unless(
    name: str,
    operation: pgtrigger.Operation,
    holds: str,
    says: str,
    code: str,
    condition: pgtrigger.Condition | None = None,
) -> pgtrigger.Trigger:
    """Refuses the statement unless ``holds``, an SQL condition over OLD and NEW; NULL is refused."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=operation,
        condition=condition,
        func=f"""
            IF ({holds}) IS NOT TRUE THEN
                RAISE EXCEPTION '{says}' USING ERRCODE = '{code}';
            END IF;
            RETURN NEW;
        """,
    )


def ticked_by_a_lead() -> pgtrigger.Trigger:
    """Of a tick: a lead hands it in, for an open manual item; who did the work takes part in the cutover."""
    holds = f"""EXISTS (
            SELECT 1 FROM checklists_item item WHERE item.id = NEW.item_id AND item.kind = 'manual'
               AND item.superseded_at IS NULL AND item.done_at IS NULL AND item.skipped_at IS NULL
               AND {is_open("item.cutover_id")} AND {has_part("item.cutover_id", "NEW.by_id", LEADS)}
               AND (NEW.on_behalf_of_id IS NULL OR EXISTS (
                    SELECT 1 FROM checklists_member did WHERE did.cutover_id = item.cutover_id
                    AND did.person_id = NEW.on_behalf_of_id)))"""  # noqa: S608  # constants
    return refused_unless(
        "ticked_by_a_lead", pgtrigger.Insert, holds, "a lead ticks an open manual item", "CU020"
    )


def noted_by_a_member() -> pgtrigger.Trigger:
    """Of a note: a lead or an approver writes it, in an open cutover."""
    holds = f"{has_part(OF_ITEM, 'NEW.by_id', LEADS_AND_APPROVERS)} AND {is_open(OF_ITEM)}"
    return refused_unless(
        "noted_by_a_member",
        pgtrigger.Insert,
        holds,
        "a note is written by somebody who works on the open cutover",
        "CU020",
    )


def asked_by_who_may() -> pgtrigger.Trigger:
    """Of a requested change: who may request its kind does, now; that of a tick says what the tick says."""
    kinds = ", ".join(f"'{kind}'" for kind in APPROVERS_REQUEST)
    parts = f"CASE WHEN NEW.kind IN ({kinds}) THEN {LEADS_AND_APPROVERS} ELSE {LEADS} END"
    holds = f"""{dated_now("requested_at")} AND {is_open("NEW.cutover_id")}
            AND {has_part("NEW.cutover_id", "NEW.requested_by_id", parts)}
            AND (NEW.kind = 'tick') = (NEW.tick_id IS NOT NULL)
            AND (NEW.tick_id IS NULL OR EXISTS (
                 SELECT 1 FROM checklists_tick tick JOIN checklists_item item ON item.id = tick.item_id
                 WHERE tick.id = NEW.tick_id AND tick.item_id = NEW.item_id
                   AND item.cutover_id = NEW.cutover_id AND tick.by_id = NEW.requested_by_id
                   AND tick.on_behalf_of_id IS NOT DISTINCT FROM NEW.on_behalf_of_id
                   AND NEW.payload ->> 'tick' = tick.id::text))"""  # noqa: S608  # the parts are constants
    return refused_unless(
        "asked_by_who_may",
        pgtrigger.Insert,
        holds,
        "a change is requested now, by a person who may request it",
        "CU020",
    )


def decided_by_who_may() -> pgtrigger.Trigger:
    """Of a requested change: its requester withdraws it, another person with the right part decides it."""
    kinds = ", ".join(f"'{kind}'" for kind in LEADS_CONFIRM)
    parts = f"CASE WHEN NEW.kind IN ({kinds}) THEN {LEADS} ELSE {LEADS_AND_APPROVERS} END"
    holds = f"""{dated_now("decided_at")} AND CASE WHEN NEW.decision = 'WITHDRAWN'
                THEN NEW.decided_by_id = NEW.requested_by_id
                ELSE NEW.decided_by_id <> NEW.requested_by_id
                     AND {is_open("NEW.cutover_id")}
                     AND {has_part("NEW.cutover_id", "NEW.decided_by_id", parts)} END"""
    return refused_unless(
        "decided_by_who_may",
        pgtrigger.Update,
        holds,
        "a requested change is decided now, by a person who may decide it",
        "CU020",
        any_changed("decision", "decided_by_id", "decided_at", "decision_reason"),
    )


#: The requester is an admin, or a lead; who opens a cutover is its first lead.
_MAY_CHANGE_PEOPLE = f"""(
            {is_admin("NEW.requested_by_id")}
            OR {has_part("NEW.cutover_id", "NEW.requested_by_id", LEADS)} AND (
                NOT NEW.is_later OR {has_part("NEW.cutover_id", "NEW.confirmed_by_id", LEADS)} AND EXISTS (
                    SELECT 1 FROM checklists_changerequest r
                    WHERE r.cutover_id = NEW.cutover_id AND r.kind = 'member' AND r.decision = 'CONFIRMED'
                      AND r.decided_at >= now() AND r.requested_by_id = NEW.requested_by_id
                      AND r.decided_by_id = NEW.confirmed_by_id AND r.payload -> 'after' = NEW.after
                      AND r.payload ->> 'person' = {name_of("NEW.person_id")}))
            OR NEW.person_id = NEW.requested_by_id
               AND NOT EXISTS (SELECT 1 FROM checklists_member WHERE cutover_id = NEW.cutover_id)
               AND EXISTS (SELECT 1 FROM checklists_cutover WHERE id = NEW.cutover_id
                           AND created_by_id = NEW.requested_by_id)
        )"""  # noqa: S608  # the parts are constants


def people_are_changed_by_who_may() -> pgtrigger.Trigger:
    """Of a change of people: a lead while the cutover is set up, later an admin or two leads, now."""
    return refused_unless(
        "changed_by_who_may",
        pgtrigger.Insert,
        f"{dated_now('at')} AND {_MAY_CHANGE_PEOPLE}",
        "people are changed now, by a lead, later by an admin or two leads",
        "CU020",
    )


_WORK = ", ".join(f"'{kind}'" for kind in WORK)
_SEATS = "SELECT jsonb_array_elements_text(NEW.%s -> 'seats') AS seat"


def change_of_people_is_true() -> pgtrigger.Trigger:
    """Of a change of people: what was before, which seats are new, and whether work had begun, are facts."""
    holds = f"""NEW.before = coalesce((
                SELECT jsonb_build_object('part', part, 'seats', to_jsonb(seats), 'roles', to_jsonb(roles))
                FROM checklists_member
                WHERE cutover_id = NEW.cutover_id AND person_id = NEW.person_id), '{{}}')
            AND NEW.seats_gained::text[] = ARRAY(
                SELECT gained.seat FROM ({_SEATS % "after"} EXCEPT {_SEATS % "before"}) gained
                ORDER BY gained.seat COLLATE "C")
            AND NEW.is_later = (
                EXISTS (SELECT 1 FROM checklists_attempt WHERE cutover_id = NEW.cutover_id)
                OR EXISTS (SELECT 1 FROM checklists_auditentry
                           WHERE cutover_id = NEW.cutover_id AND kind IN ({_WORK})))"""  # noqa: S608  # the parts are constants
    return refused_unless(
        "says_what_was_before",
        pgtrigger.Insert,
        holds,
        "a change of people says what was before, and whether work had begun",
        "CU022",
    )


def link_is_made_by_who_may() -> list[pgtrigger.Trigger]:
    """Of a link for people without an account: a lead or an admin makes and revokes it, now, for 14 days."""
    lead = has_part("NEW.cutover_id", "NEW.%s", LEADS)
    made = f"""{dated_now("made_at")} AND NEW.revoked_at IS NULL AND {is_open("NEW.cutover_id")}
            AND NEW.ends_at <= NEW.made_at + interval '14 days'
            AND ({is_admin("NEW.made_by_id")} OR {lead % "made_by_id"})"""
    revoked = f"""OLD.revoked_at IS NULL AND {dated_now("revoked_at")}
            AND ({is_admin("NEW.revoked_by_id")} OR {lead % "revoked_by_id"})"""
    says = "a lead or an admin makes and revokes a link, now"
    return [
        refused_unless("made_by_who_may", pgtrigger.Insert, made, says, "CU020"),
        refused_unless("revoked_by_who_may", pgtrigger.Update, revoked, says, "CU020"),
    ]


def preview_is_asked_by_a_lead() -> pgtrigger.Trigger:
    """Of a preview: a lead asks for it, now, about an action of an open cutover; it begins without a past."""
    holds = f"""{dated_now("requested_at")} AND NEW.status = 'QUEUED' AND NEW.started_at IS NULL
            AND NEW.shown = '{{}}' AND NEW.problem = '{{}}' AND {is_open("NEW.cutover_id")}
            AND {has_part("NEW.cutover_id", "NEW.requested_by_id", LEADS)}
            AND EXISTS (SELECT 1 FROM checklists_item WHERE id = NEW.item_id AND kind = 'action'
                        AND cutover_id = NEW.cutover_id AND superseded_at IS NULL)"""  # noqa: S608  # the parts are constants
    return refused_unless(
        "asked_by_a_lead",
        pgtrigger.Insert,
        holds,
        "a lead asks for a preview, now, and it begins queued",
        "CU020",
    )
