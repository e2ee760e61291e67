"""Rules that PostgreSQL enforces by triggers: definitions are written once, and time goes forward only.

They hold for the owner of the tables, too, as long as nobody turns them off. A changed body is a changed
trigger and needs a migration.
"""

from __future__ import annotations

import pgtrigger

#: A moment that was written must be this near to the database's clock: nothing is dated back.
MOMENT = "interval '30 seconds'"


def dated_now(column: str) -> str:
    """The condition that a moment of the new row is the present of the database's clock; NULL without one."""
    return f"(NEW.{column} BETWEEN now() - {MOMENT} AND clock_timestamp() + {MOMENT})"


def written_once(*columns: str) -> pgtrigger.Trigger:
    """Refuses a change of these columns, whatever else an UPDATE changes."""
    new, old = (", ".join(f"{row}.{column}" for column in columns) for row in ("NEW", "OLD"))
    return pgtrigger.Trigger(
        name="definition_is_written_once",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func=f"""
            IF ROW({new}) IS DISTINCT FROM ROW({old}) THEN
                RAISE EXCEPTION 'what defines a row of % is written once', TG_TABLE_NAME;
            END IF;
            RETURN NEW;
        """,
    )


def begins_open() -> pgtrigger.Trigger:
    """Of a cutover: it begins open, forward, at epoch 1."""
    return pgtrigger.Trigger(
        name="begins_open",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func="""
            IF (NEW.status, NEW.direction, NEW.epoch) IS DISTINCT FROM ('OPEN', 'FORWARD', 1) THEN
                RAISE EXCEPTION 'a cutover begins open, forward and at epoch 1';
            END IF;
            RETURN NEW;
        """,
    )


def only_forward() -> pgtrigger.Trigger:
    """Of a cutover: epoch, direction and status never go back.

    Systems, seats, time zone, RTO and decision time come from the runbook, and change with it only.
    """
    return pgtrigger.Trigger(
        name="only_forward",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func="""
            IF NEW.epoch < OLD.epoch OR (OLD.direction = 'ROLLBACK' AND NEW.direction <> 'ROLLBACK')
               OR (NEW.direction <> OLD.direction AND NEW.epoch <= OLD.epoch) THEN
                RAISE EXCEPTION 'epoch and direction of cutover % only go forward', OLD.slug;
            END IF;
            IF OLD.status <> 'OPEN'
               AND (NEW.status, NEW.closed_at) IS DISTINCT FROM (OLD.status, OLD.closed_at) THEN
                RAISE EXCEPTION 'cutover % is closed', OLD.slug;
            END IF;
            IF NEW.runbook_id = OLD.runbook_id
               AND (NEW.systems, NEW.seat_titles, NEW.timezone, NEW.rto_from, NEW.rto_to, NEW.decision_time)
                   IS DISTINCT FROM (OLD.systems, OLD.seat_titles, OLD.timezone,
                                     OLD.rto_from, OLD.rto_to, OLD.decision_time) THEN
                RAISE EXCEPTION 'systems and seats of cutover % change with its runbook only', OLD.slug;
            END IF;
            RETURN NEW;
        """,
    )


def begins_queued() -> pgtrigger.Trigger:
    """Refuses an attempt that is written with a past: it is queued now, and an executor does the rest."""
    return pgtrigger.Trigger(
        name="begins_queued",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=f"""
            IF NEW.status <> 'QUEUED' OR NEW.fence <> 0 OR NOT {dated_now("queued_at")}
               OR NEW.reconciliation <> '' OR num_nonnulls(
                   NEW.claimed_at, NEW.effect_started_at, NEW.ended_at, NEW.lease_expires_at,
                   NEW.heartbeat_at, NEW.cancel_requested_at, NEW.reconciled_at) > 0 THEN
                RAISE EXCEPTION 'an attempt begins queued, now, and without a past';
            END IF;
            IF NOT EXISTS (SELECT 1 FROM checklists_item i
                           JOIN checklists_cutover c ON c.id = i.cutover_id
                           WHERE i.id = NEW.item_id AND i.kind = 'action' AND i.action = NEW.action
                             AND c.id = NEW.cutover_id AND c.epoch = NEW.epoch AND c.status = 'OPEN') THEN
                RAISE EXCEPTION 'an attempt belongs to an action of its open cutover, at its epoch';
            END IF;
            RETURN NEW;
        """,
    )


def written_now() -> pgtrigger.Trigger:
    """Refuses a row whose ``at`` is not the present."""
    return pgtrigger.Trigger(
        name="written_now",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=f"""
            IF NOT {dated_now("at")} THEN
                RAISE EXCEPTION 'a row of % is dated by the clock of the database', TG_TABLE_NAME;
            END IF;
            RETURN NEW;
        """,
    )


def settled_by_a_lead() -> pgtrigger.Trigger:
    """Of an item: a tick has its row of the same person, a skip is a lead's; both are dated now.

    A settled item is taken back before somebody else settles it. A definition is superseded once.
    """
    return pgtrigger.Trigger(
        name="settled_by_a_lead",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        declare=[("given", "checklists_tick%ROWTYPE")],
        func=f"""
            IF OLD.superseded_at IS NOT NULL AND NEW.superseded_at IS DISTINCT FROM OLD.superseded_at THEN
                RAISE EXCEPTION 'item % was replaced by an amendment', OLD.key;
            END IF;
            IF NEW.done_at IS NOT NULL
               AND (NEW.done_at, NEW.done_by_id) IS DISTINCT FROM (OLD.done_at, OLD.done_by_id) THEN
                SELECT * INTO given FROM checklists_tick WHERE item_id = NEW.id ORDER BY id DESC LIMIT 1;
                IF OLD.done_at IS NOT NULL OR NOT {dated_now("done_at")}
                   OR given.by_id IS DISTINCT FROM NEW.done_by_id THEN
                    RAISE EXCEPTION 'item % is not ticked without a tick of that person, now', OLD.key;
                END IF;
            END IF;
            IF NEW.skipped_at IS NOT NULL AND (NEW.skipped_at, NEW.skipped_by_id, NEW.skip_reason)
                   IS DISTINCT FROM (OLD.skipped_at, OLD.skipped_by_id, OLD.skip_reason) THEN
                IF OLD.skipped_at IS NOT NULL OR NOT {dated_now("skipped_at")}
                   OR NOT EXISTS (SELECT 1 FROM checklists_member WHERE cutover_id = NEW.cutover_id
                                  AND person_id = NEW.skipped_by_id AND part = 'LEAD') THEN
                    RAISE EXCEPTION 'item % is skipped by a lead, now', OLD.key;
                END IF;
            END IF;
            RETURN NEW;
        """,
    )


def has_its_change() -> pgtrigger.Trigger:
    """Of a member: part, seats and roles change only after a row of `MemberChange` has said so."""
    return pgtrigger.Trigger(
        name="has_its_change",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        declare=[("change", "checklists_memberchange%ROWTYPE")],
        func=f"""
            IF TG_OP = 'UPDATE'
               AND (NEW.cutover_id, NEW.person_id) IS DISTINCT FROM (OLD.cutover_id, OLD.person_id) THEN
                RAISE EXCEPTION 'a part in a cutover is not given to somebody else';
            END IF;
            SELECT * INTO change FROM checklists_memberchange
            WHERE cutover_id = NEW.cutover_id AND person_id = NEW.person_id ORDER BY id DESC LIMIT 1;
            IF change.at IS NULL OR change.at < now() - {MOMENT}
               OR change.after ->> 'part' IS DISTINCT FROM NEW.part
               OR change.after -> 'seats' IS DISTINCT FROM to_jsonb(NEW.seats)
               OR change.after -> 'roles' IS DISTINCT FROM to_jsonb(NEW.roles) THEN
                RAISE EXCEPTION 'part, seats and roles change with their entry only';
            END IF;
            RETURN NEW;
        """,
    )


def leaves_with_its_change() -> pgtrigger.Trigger:
    """Of a member: a person is removed only after a row of `MemberChange` has said so."""
    return pgtrigger.Trigger(
        name="leaves_with_its_change",
        when=pgtrigger.Before,
        operation=pgtrigger.Delete,
        func=f"""
            IF NOT EXISTS (
                SELECT 1 FROM checklists_memberchange
                WHERE cutover_id = OLD.cutover_id AND person_id = OLD.person_id
                  AND after = '{{}}' AND at >= now() - {MOMENT}) THEN
                RAISE EXCEPTION 'a person is removed with an entry only';
            END IF;
            RETURN OLD;
        """,
    )


def follows_the_head() -> pgtrigger.Trigger:
    """Of an entry of the record: it is the next link after the head, and dated now."""
    return pgtrigger.Trigger(
        name="follows_the_head",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=f"""
            IF NOT {dated_now("at")} OR NOT EXISTS (
                SELECT 1 FROM checklists_audithead
                WHERE cutover_id = NEW.cutover_id AND seq = NEW.seq - 1 AND hash = NEW.prev) THEN
                RAISE EXCEPTION 'an entry of the record is the next link, now';
            END IF;
            RETURN NEW;
        """,
    )


def head_is_the_last_link() -> list[pgtrigger.Trigger]:
    """Of the head: it begins at nothing, and moves to the entry that follows it, one at a time."""
    return [
        pgtrigger.Trigger(
            name="head_begins_at_nothing",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            func="""
                IF NEW.seq <> 0 OR NEW.hash <> repeat('0', 64) THEN
                    RAISE EXCEPTION 'a record begins empty';
                END IF;
                RETURN NEW;
            """,
        ),
        pgtrigger.Trigger(
            name="head_is_the_last_link",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            func="""
                IF NEW.cutover_id <> OLD.cutover_id OR NEW.seq <> OLD.seq + 1 OR NOT EXISTS (
                    SELECT 1 FROM checklists_auditentry
                    WHERE cutover_id = NEW.cutover_id AND seq = NEW.seq AND hash = NEW.hash
                      AND prev = OLD.hash) THEN
                    RAISE EXCEPTION 'the end of a record is its last link';
                END IF;
                RETURN NEW;
            """,
        ),
    ]
