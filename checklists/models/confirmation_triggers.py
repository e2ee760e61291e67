"""Rules of PostgreSQL about what needs a second person; see `triggers` for the others."""

from __future__ import annotations

import pgtrigger


def two_people_declared_it() -> pgtrigger.Trigger:
    """Refuses a host that is called dead without the confirmed request of exactly these two people."""
    return pgtrigger.Trigger(
        name="two_people_declared_it",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func="""
            IF NOT EXISTS (SELECT 1 FROM checklists_changerequest r
                           WHERE r.id = NEW.request_id AND r.kind = 'host_dead' AND r.decision = 'CONFIRMED'
                             AND r.cutover_id = NEW.cutover_id AND r.payload ->> 'host' = NEW.host
                             AND r.requested_by_id = NEW.declared_by_id
                             AND r.decided_by_id = NEW.confirmed_by_id) THEN
                RAISE EXCEPTION 'host % is not declared dead by two people', NEW.host;
            END IF;
            RETURN NEW;
        """,
    )


def requests_begin_open() -> pgtrigger.Trigger:
    """Refuses a request that is decided already when it is written."""
    return pgtrigger.Trigger(
        name="requests_begin_open",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func="""
            IF NEW.decision <> '' THEN
                RAISE EXCEPTION 'a change is requested before it is decided';
            END IF;
            RETURN NEW;
        """,
    )


def production_keeps_to_its_window() -> pgtrigger.Trigger:
    """Refuses the beginning of a forward effect in production before its window, unless two people agreed.

    Such an agreement is a confirmed request about this item and this window. Actions that only read, and
    parts that the runbook declares ``before_window``, may begin at any time.
    """
    return pgtrigger.Trigger(
        name="production_keeps_to_its_window",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Q(new__status="RUNNING"),
        func="""
            IF TG_OP = 'UPDATE' AND OLD.status = NEW.status THEN
                RETURN NEW;
            END IF;
            IF EXISTS (
                SELECT 1 FROM checklists_cutover c
                JOIN checklists_item i ON i.id = NEW.item_id
                JOIN checklists_phase p ON p.id = i.phase_id
                WHERE c.id = NEW.cutover_id AND c.kind = 'PRODUCTION' AND c.window_start > clock_timestamp()
                  AND NEW.effect <> 'PURE' AND p.direction = 'FORWARD' AND NOT p.before_window
                  AND NOT EXISTS (
                      SELECT 1 FROM checklists_changerequest r
                      WHERE r.item_id = i.id AND r.kind = 'early_start' AND r.decision = 'CONFIRMED'
                        AND (r.payload ->> 'window_start')::timestamptz = c.window_start)) THEN
                RAISE EXCEPTION 'attempt % would begin before the window of production', NEW.id
                    USING ERRCODE = 'CU010';
            END IF;
            RETURN NEW;
        """,
    )


def two_people_move_the_window() -> pgtrigger.Trigger:
    """Refuses another window in production without a request confirmed now."""
    return pgtrigger.Trigger(
        name="two_people_move_the_window",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__kind="PRODUCTION"),
        func="""
            IF (NEW.window_start, NEW.window_end) IS DISTINCT FROM (OLD.window_start, OLD.window_end)
               AND NOT EXISTS (
                   SELECT 1 FROM checklists_changerequest r
                   WHERE r.cutover_id = NEW.id AND r.kind = 'window' AND r.decision = 'CONFIRMED'
                     AND r.decided_at >= now()
                     AND (r.payload ->> 'start')::timestamptz IS NOT DISTINCT FROM NEW.window_start
                     AND (r.payload ->> 'end')::timestamptz IS NOT DISTINCT FROM NEW.window_end) THEN
                RAISE EXCEPTION 'the window of production is moved by two people'
                    USING ERRCODE = 'CU011';
            END IF;
            RETURN NEW;
        """,
    )


def production_runs_confirmed_texts() -> pgtrigger.Trigger:
    """Refuses the beginning of an effect in production while nobody confirmed the text of its runbook.

    A rollback that was ordered goes on.
    """
    return pgtrigger.Trigger(
        name="production_runs_confirmed_texts",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Q(new__status="RUNNING"),
        func="""
            IF TG_OP = 'UPDATE' AND OLD.status = NEW.status THEN
                RETURN NEW;
            END IF;
            IF EXISTS (
                SELECT 1 FROM checklists_cutover c
                JOIN checklists_runbook b ON b.id = c.runbook_id
                JOIN checklists_item i ON i.id = NEW.item_id
                JOIN checklists_phase p ON p.id = i.phase_id
                WHERE c.id = NEW.cutover_id AND c.kind = 'PRODUCTION'
                  AND NOT (c.direction = 'ROLLBACK' AND p.direction = 'ROLLBACK')
                  AND NOT EXISTS (
                      SELECT 1 FROM checklists_changerequest r
                      WHERE r.kind IN ('runbook', 'amendment') AND r.decision = 'CONFIRMED'
                        AND r.payload ->> 'after' = b.sha256)) THEN
                RAISE EXCEPTION 'attempt % would run a text that nobody confirmed for production', NEW.id
                    USING ERRCODE = 'CU012';
            END IF;
            RETURN NEW;
        """,
    )


#: A gate before the item `i`, with no other between, passed with enough signatures that name it. An item
#: of the rollback behind no gate is decided by ordering the rollback.
_NAMED_IN_A_DECISION = """
    WITH RECURSIVE before(id, key, kind, needs, quorum) AS (
        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM checklists_item n
        WHERE n.cutover_id = i.cutover_id AND n.superseded_at IS NULL AND n.key = ANY(i.needs)
        UNION
        SELECT n.id, n.key, n.kind, n.needs, n.quorum FROM before b
        JOIN checklists_item n ON n.cutover_id = i.cutover_id AND n.superseded_at IS NULL
             AND n.key = ANY(b.needs)
        WHERE b.kind <> 'gate')
    SELECT 1 FROM before gate JOIN checklists_gatepass pass ON pass.gate_id = gate.id
    WHERE gate.kind = 'gate' AND pass.digest = checklists_passed_on(gate.id) AND gate.quorum <= (
        SELECT count(DISTINCT s.person_id) FROM checklists_signoff s
        WHERE s.gate_id = gate.id AND s.digest = pass.digest AND s.decision = 'GO'
          AND i.key = ANY(s.accepted_irreversible))
    UNION ALL
    SELECT 1 WHERE p.direction = 'ROLLBACK' AND NOT EXISTS (SELECT 1 FROM before WHERE kind = 'gate')
"""


def irreversible_work_is_named() -> pgtrigger.Trigger:
    """Refuses the beginning of an irreversible effect in production that no passed gate names."""
    return pgtrigger.Trigger(
        name="irreversible_work_is_named",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Q(new__status="RUNNING"),
        func=f"""
            IF TG_OP = 'UPDATE' AND OLD.status = NEW.status THEN
                RETURN NEW;
            END IF;
            IF EXISTS (
                SELECT 1 FROM checklists_item i
                JOIN checklists_phase p ON p.id = i.phase_id
                JOIN checklists_cutover c ON c.id = i.cutover_id
                WHERE i.id = NEW.item_id AND c.kind = 'PRODUCTION' AND i.irreversible <> ''
                  AND NOT EXISTS ({_NAMED_IN_A_DECISION})) THEN
                RAISE EXCEPTION 'attempt % cannot be taken back, and no passed gate names it', NEW.id
                    USING ERRCODE = 'CU013';
            END IF;
            RETURN NEW;
        """,  # noqa: S608  # the parts are constants
    )


def irreversible_ticks_are_named() -> pgtrigger.Trigger:
    """Refuses the tick in production of an irreversible manual item that no passed gate names."""
    return pgtrigger.Trigger(
        name="irreversible_ticks_are_named",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__done_at__isnull=True, new__done_at__isnull=False)
        & ~pgtrigger.Q(new__irreversible=""),
        func=f"""
            IF EXISTS (
                SELECT 1 FROM checklists_item i
                JOIN checklists_phase p ON p.id = i.phase_id
                JOIN checklists_cutover c ON c.id = i.cutover_id
                WHERE i.id = NEW.id AND c.kind = 'PRODUCTION' AND NOT EXISTS ({_NAMED_IN_A_DECISION})) THEN
                RAISE EXCEPTION 'item % cannot be taken back, and no passed gate names it', NEW.key
                    USING ERRCODE = 'CU013';
            END IF;
            RETURN NEW;
        """,  # noqa: S608  # the parts are constants
    )
