"""Rules that PostgreSQL itself keeps, whoever writes: append-only tables, legal moves, four eyes, quorum."""

from __future__ import annotations

import pgtrigger

from checklists.states import MOVES


def append_only() -> list[pgtrigger.Trigger]:
    """Rows of this table are written once: UPDATE, DELETE and TRUNCATE are refused."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name="no_truncate",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
        ),
    ]


def never_deleted() -> pgtrigger.Trigger:
    """Rows of this table stay."""
    return pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)


def legal_moves() -> pgtrigger.Trigger:
    """A status moves only as `checklists.states.MOVES` says, and a fence number never falls."""
    pairs = ", ".join(f"('{old}', '{new}')" for old, targets in MOVES.items() for new in sorted(targets))
    return pgtrigger.Trigger(
        name="legal_moves",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func=f"""
            IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN ({pairs}) THEN
                RAISE EXCEPTION 'attempt % cannot move from % to %', OLD.id, OLD.status, NEW.status;
            END IF;
            IF NEW.fence < OLD.fence THEN
                RAISE EXCEPTION 'the fence of attempt % cannot fall', OLD.id;
            END IF;
            IF OLD.effect_started_at IS NOT NULL
               AND NEW.effect_started_at IS DISTINCT FROM OLD.effect_started_at THEN
                RAISE EXCEPTION 'the effect of attempt % has begun once', OLD.id;
            END IF;
            RETURN NEW;
        """,
    )


#: The decision that counts is each person's latest on the same evidence.
_LATEST = """
    SELECT DISTINCT ON (person_id) person_id, seat, decision FROM checklists_signoff
    WHERE gate_id = NEW.gate_id AND digest = NEW.digest ORDER BY person_id, id DESC
"""


def four_eyes() -> pgtrigger.Trigger:
    """Who started the work does not approve it; one person one seat; only the seat's own people."""
    return pgtrigger.Trigger(
        name="four_eyes",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=f"""
            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;
            PERFORM 1 FROM auth_user WHERE id = NEW.person_id AND is_active FOR SHARE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'sign-off refused: the person is not active' USING ERRCODE = 'CU001';
            END IF;
            IF NOT EXISTS (SELECT 1 FROM checklists_member m
                           JOIN checklists_item i ON i.cutover_id = m.cutover_id
                           WHERE i.id = NEW.gate_id AND m.person_id = NEW.person_id
                             AND NEW.seat = ANY(m.seats) AND NEW.seat = ANY(i.seats)) THEN
                RAISE EXCEPTION 'sign-off refused: the person does not fill this seat'
                    USING ERRCODE = 'CU002';
            END IF;
            IF EXISTS (SELECT 1 FROM checklists_attempt
                       WHERE id = ANY(NEW.attempts) AND requested_by_id = NEW.person_id) THEN
                RAISE EXCEPTION 'sign-off refused: the person started this work' USING ERRCODE = 'CU003';
            END IF;
            IF EXISTS (SELECT 1 FROM ({_LATEST}) latest
                       WHERE (latest.seat = NEW.seat AND latest.person_id <> NEW.person_id)
                          OR (latest.seat <> NEW.seat AND latest.person_id = NEW.person_id)) THEN
                RAISE EXCEPTION 'sign-off refused: the seat is taken, or the person has another'
                    USING ERRCODE = 'CU004';
            END IF;
            RETURN NEW;
        """,
    )


def quorum() -> pgtrigger.Trigger:
    """A gate passes only with enough people's GO on the same evidence, and no NO_GO."""
    return pgtrigger.Trigger(
        name="quorum",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("needed", "integer"), ("given", "integer"), ("against", "integer")],
        func=f"""
            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;
            SELECT CASE WHEN c.kind = 'REHEARSAL' THEN coalesce(c.rehearsal_quorum, i.quorum)
                        ELSE i.quorum END
              INTO needed FROM checklists_item i JOIN checklists_cutover c ON c.id = i.cutover_id
              WHERE i.id = NEW.gate_id;
            SELECT count(*) FILTER (WHERE decision = 'GO' AND u.is_active),
                   count(*) FILTER (WHERE decision = 'NO_GO')
              INTO given, against FROM ({_LATEST}) latest JOIN auth_user u ON u.id = latest.person_id;
            IF against > 0 OR given < greatest(needed, 1) THEN
                RAISE EXCEPTION 'gate refused: % of % people said go, % said no-go', given, needed, against
                    USING ERRCODE = 'CU005';
            END IF;
            RETURN NEW;
        """,
    )


def only_use_is_written() -> pgtrigger.Trigger:
    """Of a gate's pass only its first use may be added, once."""
    return pgtrigger.Trigger(
        name="only_use_is_written",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func="""
            IF (NEW.gate_id, NEW.digest, NEW.at) IS DISTINCT FROM (OLD.gate_id, OLD.digest, OLD.at)
               OR OLD.used_at IS NOT NULL THEN
                RAISE EXCEPTION 'the pass of a gate is not edited';
            END IF;
            RETURN NEW;
        """,
    )
