"""What PostgreSQL demands of an attempt: what a real one leaves, in the transaction in which it leaves it.

Heartbeats, progress and log lines keep the status. For them only `legal_moves` runs, which reads no table.
"""

from __future__ import annotations

import pgtrigger

from checklists.models.definition_rules import dated_now
from checklists.states import ENDED, TRANSITIONS

#: Entries of the record that go with a status; `leaves_its_entry` asks for one of them.
ENTRIES = {
    "RUNNING": ("attempt.began",),
    "QUEUED": ("attempt.requeued",),
    "UNKNOWN": ("attempt.lost",),
    "RECONCILED": ("attempt.reconciled",),
    "CANCELLED": ("attempt.ended", "attempt.cancelled", "attempt.requeued"),
}
#: The other endings.
ENDING_ENTRY = ("attempt.ended",)
_CHANGES = pgtrigger.Condition("OLD.status IS DISTINCT FROM NEW.status")


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def legal_transitions() -> pgtrigger.Trigger:
    """Refuses a change of status that is not in `TRANSITIONS`, and every change of what has ended.

    The fence changes with a claim only, and an effect begins once.
    """
    pairs = ", ".join(
        f"('{old}', '{new}')" for old, targets in TRANSITIONS.items() for new in sorted(targets)
    )
    return pgtrigger.Trigger(
        name="legal_moves",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func=f"""
            IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN ({pairs}) THEN
                RAISE EXCEPTION 'attempt % cannot move from % to %', OLD.id, OLD.status, NEW.status;
            END IF;
            IF OLD.status IN ({_listed(sorted(ENDED))}) AND NEW IS DISTINCT FROM OLD THEN
                RAISE EXCEPTION 'attempt % has ended', OLD.id;
            END IF;
            IF NEW.fence <> OLD.fence AND NOT (NEW.status = 'CLAIMED' AND NEW.fence > OLD.fence) THEN
                RAISE EXCEPTION 'the fence of attempt % changes with a claim only', OLD.id;
            END IF;
            IF OLD.effect_started_at IS NOT NULL
               AND NEW.effect_started_at IS DISTINCT FROM OLD.effect_started_at THEN
                RAISE EXCEPTION 'the effect of attempt % has begun once', OLD.id;
            END IF;
            RETURN NEW;
        """,
    )


def moves_under_a_lease() -> pgtrigger.Trigger:
    """Refuses a claim without a new fence number, an owner and a lease, and moves that are not dated now.

    An effect begins while the lease lasts, and without a request to stop.
    """
    return pgtrigger.Trigger(
        name="under_its_lease",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=_CHANGES,
        func=f"""
            IF NEW.status = 'CLAIMED' AND (
                    NEW.fence <= OLD.fence OR NEW.fence <> currval('checklists_fence') OR NEW.owner = '{{}}'
                    OR {dated_now("claimed_at")} IS NOT TRUE OR NEW.lease_expires_at IS NULL) THEN
                RAISE EXCEPTION 'attempt % is claimed with a new fence, an owner and a lease', OLD.id;
            END IF;
            IF NEW.status = 'RUNNING' AND (
                    {dated_now("effect_started_at")} IS NOT TRUE OR OLD.cancel_requested_at IS NOT NULL
                    OR coalesce(OLD.lease_expires_at, '-infinity') <= clock_timestamp()) THEN
                RAISE EXCEPTION 'the effect of attempt % begins now, under its lease', OLD.id;
            END IF;
            IF NEW.status IN ({_listed(sorted(ENDED))}) <> (NEW.ended_at IS NOT NULL)
               OR (NEW.ended_at IS NOT NULL AND NOT {dated_now("ended_at")}) THEN
                RAISE EXCEPTION 'the end of attempt % is dated now', OLD.id;
            END IF;
            RETURN NEW;
        """,
    )


def reconciled_on_a_finding() -> pgtrigger.Trigger:
    """Refuses a decision about a lost attempt without proof that its executor is dead.

    The panel decides by itself about what is harmless only; in production somebody else than its starter
    decides about an action that may run at most once.
    """
    return pgtrigger.Trigger(
        name="reconciled_on_a_finding",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Condition("OLD.status = 'UNKNOWN' AND NEW.status = 'RECONCILED'"),
        declare=[("kind", "text")],
        func=f"""
            SELECT cutover.kind INTO kind FROM checklists_cutover cutover WHERE cutover.id = NEW.cutover_id;
            IF coalesce(OLD.finding ->> 'dead', '') = '' OR OLD.finding ->> 'seen' = 'STILL_RUNNING'
               OR NEW.finding IS DISTINCT FROM OLD.finding OR {dated_now("reconciled_at")} IS NOT TRUE THEN
                RAISE EXCEPTION 'attempt % is reconciled on a finding after proof of death', NEW.id;
            END IF;
            IF NEW.reconciled_by_id IS NULL AND NOT (
                    NEW.effect = 'PURE' OR (NEW.effect = 'IDEMPOTENT' AND kind = 'REHEARSAL')) THEN
                RAISE EXCEPTION 'a person decides what attempt % did', NEW.id;
            END IF;
            IF NEW.reconciled_by_id = NEW.requested_by_id AND NEW.effect = 'AT_MOST_ONCE'
               AND kind = 'PRODUCTION' THEN
                RAISE EXCEPTION 'somebody else than its starter decides what attempt % did', NEW.id;
            END IF;
            RETURN NEW;
        """,  # noqa: S608  # the part is a constant
    )


def leaves_its_entry() -> pgtrigger.Trigger:
    """Refuses at the commit a change of status without its entry in the record, in the same transaction.

    A verdict leaves evidence as well. A claim has no entry: nothing has happened yet.
    """
    kinds = " ".join(f"WHEN '{status}' THEN ARRAY[{_listed(names)}]" for status, names in ENTRIES.items())
    return pgtrigger.Trigger(
        name="leaves_its_entry",
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        timing=pgtrigger.Deferred,
        condition=pgtrigger.Condition("OLD.status IS DISTINCT FROM NEW.status AND NEW.status <> 'CLAIMED'"),
        declare=[("kinds", "text[]")],
        func=f"""
            kinds := CASE NEW.status {kinds} ELSE ARRAY[{_listed(ENDING_ENTRY)}] END;
            IF NOT EXISTS (
                SELECT 1 FROM checklists_auditentry entry
                WHERE entry.cutover_id = NEW.cutover_id AND entry.at >= now()
                  AND (entry.kind = ANY(kinds) AND entry.payload ->> 'attempt' = NEW.id::text
                       AND coalesce(entry.payload ->> 'status', NEW.status) = NEW.status
                       OR NEW.status = 'CANCELLED' AND entry.kind = 'rollback.ordered')
                  AND entry.seq > (SELECT head.seq - 1000 FROM checklists_audithead head
                                   WHERE head.cutover_id = NEW.cutover_id)) THEN
                RAISE EXCEPTION 'attempt % is % without an entry of the record', NEW.id, NEW.status;
            END IF;
            IF (NEW.status IN ('SUCCEEDED', 'FAILED') OR NEW.reconciliation = 'DONE')
               AND NOT EXISTS (SELECT 1 FROM checklists_evidence WHERE attempt_id = NEW.id) THEN
                RAISE EXCEPTION 'attempt % is % without evidence', NEW.id, NEW.status;
            END IF;
            RETURN NULL;
        """,  # noqa: S608  # the parts are constants
    )


def is_started_with_its_entry() -> pgtrigger.Trigger:
    """Refuses at the commit an attempt without the entry of the person who started it."""
    return pgtrigger.Trigger(
        name="is_started_with_its_entry",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        timing=pgtrigger.Deferred,
        func="""
            IF NOT EXISTS (
                SELECT 1 FROM checklists_auditentry entry
                JOIN auth_user starter ON starter.username = entry.actor
                WHERE entry.cutover_id = NEW.cutover_id AND entry.at >= now()
                  AND entry.kind = 'attempt.started' AND entry.payload ->> 'attempt' = NEW.id::text
                  AND starter.id = NEW.requested_by_id
                  AND entry.seq > (SELECT head.seq - 1000 FROM checklists_audithead head
                                   WHERE head.cutover_id = NEW.cutover_id)) THEN
                RAISE EXCEPTION 'attempt % is started without an entry of the record', NEW.id;
            END IF;
            RETURN NULL;
        """,
    )


def comes_with_the_verdict() -> pgtrigger.Trigger:
    """Refuses evidence that is not written together with the verdict of its attempt."""
    return pgtrigger.Trigger(
        name="comes_with_the_verdict",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func="""
            IF NOT EXISTS (
                SELECT 1 FROM checklists_attempt attempt
                WHERE attempt.id = NEW.attempt_id AND attempt.item_id = NEW.item_id
                  AND attempt.ended_at = NEW.observed_at AND attempt.ended_at >= now()
                  AND CASE WHEN NEW.ok THEN attempt.status = 'SUCCEEDED' OR attempt.reconciliation = 'DONE'
                           ELSE attempt.status = 'FAILED' END) THEN
                RAISE EXCEPTION 'evidence is written together with the verdict of its attempt';
            END IF;
            RETURN NEW;
        """,
    )
