"""What PostgreSQL refuses at a gate: wrong signers, passes without quorum, wrong endings of a no-go."""

from __future__ import annotations

import pgtrigger

from checklists.models.gate_rules import (
    ACTS,
    counted,
    gaps_of,
    open_no_gos,
    quorum_of,
    seat_was_given_by_an_actor,
)

#: Characters of an answer to a no-go; blanks and what is invisible count once in a row, and not at its ends.
MIN_ANSWER = 20
_BLANKS = (
    r"[[:space:]\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufeff]+"
)


#: An active person who holds the seat; the gate's row is locked, so that two who sign wait for each other.
_HOLDS_THE_SEAT = """            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;
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
"""
#: Neither did they act on the evidence, nor did an actor give them the seat.
_DID_NOT_ACT = f"""            IF EXISTS (SELECT 1 FROM ({ACTS}) acts
                       WHERE acts.gate_id = NEW.gate_id AND acts.person_id = NEW.person_id)
               OR EXISTS (SELECT 1 FROM ({gaps_of("NEW.gate_id")}) gap
                          WHERE gap.person_id = NEW.person_id) THEN
                RAISE EXCEPTION 'sign-off refused: the person acted on this evidence' USING ERRCODE = 'CU003';
            END IF;
            IF {seat_was_given_by_an_actor("NEW.gate_id", "NEW.person_id", "NEW.seat")} THEN
                RAISE EXCEPTION 'sign-off refused: the seat was given by a person who acted on this evidence'
                    USING ERRCODE = 'CU009';
            END IF;
"""  # noqa: S608  # the parts are constants
#: Their own no-go does not stand, and nobody else has the seat.
_SEAT_IS_FREE = f"""            IF EXISTS (SELECT 1 FROM ({open_no_gos("NEW.gate_id")}) no_go
                       WHERE no_go.person_id = NEW.person_id) THEN
                RAISE EXCEPTION 'sign-off refused: the person''s no-go stands' USING ERRCODE = 'CU006';
            END IF;
            IF EXISTS (SELECT 1 FROM ({counted("NEW.gate_id", "NEW.digest")}) counted
                       WHERE (counted.seat = NEW.seat AND counted.person_id <> NEW.person_id)
                          OR (counted.seat <> NEW.seat AND counted.person_id = NEW.person_id))
               OR EXISTS (SELECT 1 FROM ({open_no_gos("NEW.gate_id")}) no_go WHERE no_go.seat = NEW.seat) THEN
                RAISE EXCEPTION 'sign-off refused: the seat is taken, or the person has another'
                    USING ERRCODE = 'CU004';
            END IF;
"""  # noqa: S608  # the parts are constants


def four_eyes() -> pgtrigger.Trigger:
    """Refuses a sign-off by a person who acted on the evidence, has another seat, or does not hold this one.

    Who acted is read from the rows, not from what the writer says of them (`gate_rules.ACTS`). A go must
    accept every gap, and a person whose no-go stands withdraws that first.
    """
    return pgtrigger.Trigger(
        name="four_eyes",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=f"""
{_HOLDS_THE_SEAT}{_DID_NOT_ACT}{_SEAT_IS_FREE}            IF NEW.decision = 'GO' AND EXISTS (
                    SELECT 1 FROM ({gaps_of("NEW.gate_id")}) gap WHERE gap.key <> ALL(NEW.accepted_gaps)) THEN
                RAISE EXCEPTION 'sign-off refused: a go accepts every skip by name' USING ERRCODE = 'CU008';
            END IF;
            RETURN NEW;
        """,  # noqa: S608  # the parts are constants
    )


def quorum() -> pgtrigger.Trigger:
    """Refuses a pass without enough GO on the same evidence, or while any no-go stands."""
    return pgtrigger.Trigger(
        name="quorum",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("needed", "integer"), ("given", "integer"), ("against", "integer")],
        func=f"""
            PERFORM 1 FROM checklists_item WHERE id = NEW.gate_id FOR UPDATE;
            needed := {quorum_of("NEW.gate_id")};
            SELECT count(*) INTO given FROM ({counted("NEW.gate_id", "NEW.digest")}) counted;
            SELECT count(*) INTO against FROM ({open_no_gos("NEW.gate_id")}) no_gos;
            IF against > 0 OR given < needed THEN
                RAISE EXCEPTION 'gate refused: % of % people said go, % said no-go', given, needed, against
                    USING ERRCODE = 'CU005';
            END IF;
            RETURN NEW;
        """,  # noqa: S608  # the parts are constants
    )


#: Refuses another digest than the database computes, and evidence that is not settled or is contradicted.
_RESTS = """
            IF NEW.digest_version <> 2 OR NEW.digest <> checklists_digest(
                    checklists_gate_content(NEW.gate_id)) THEN
                RAISE EXCEPTION 'sign-off refused: the evidence of the gate has another digest'
                    USING ERRCODE = 'CU014';
            END IF;
            IF EXISTS (SELECT 1 FROM checklists_gate_facts(NEW.gate_id) fact
                       WHERE fact.content ->> 'state' NOT IN ('DONE', 'SKIPPED', 'NOT_NEEDED')) THEN
                RAISE EXCEPTION 'sign-off refused: evidence is missing, or no longer holds'
                    USING ERRCODE = 'CU015';
            END IF;
"""


def sign_off_rests_on_the_evidence() -> pgtrigger.Trigger:
    """Refuses a sign-off that names other evidence than the newest of each item, or has another digest.

    `gate_functions` computes both from rows that the role which writes the sign-off cannot edit. Summaries
    and moments in the lines are as the screen showed them; nothing decides by them. The name makes it the
    last to fire: the rules about people refuse first.
    """
    return pgtrigger.Trigger(
        name="rests_on_the_evidence",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("named", "jsonb"), ("found", "jsonb"), ("attempts", "uuid[]")],
        func=f"""{_RESTS}
            SELECT coalesce(jsonb_agg(jsonb_build_array(
                       line -> 'item', line -> 'attempt', line -> 'content') ORDER BY place), '[]')
              INTO named FROM jsonb_array_elements(NEW.evidence) WITH ORDINALITY AS one(line, place);
            SELECT coalesce(jsonb_agg(jsonb_build_array(
                       fact.content -> 'item', fact.attempt_id, fact.content) ORDER BY fact.place), '[]'),
                   coalesce(array_agg(fact.attempt_id ORDER BY fact.place)
                            FILTER (WHERE fact.attempt_id IS NOT NULL), '{{}}')
              INTO found, attempts FROM checklists_gate_facts(NEW.gate_id) fact;
            IF named <> found OR NEW.attempts <> attempts THEN
                RAISE EXCEPTION 'sign-off refused: it names other evidence than the newest of each item'
                    USING ERRCODE = 'CU016';
            END IF;
            RETURN NEW;
        """,  # noqa: S608  # the parts are constants
    )


def pass_rests_on_the_evidence() -> pgtrigger.Trigger:
    """Refuses a pass on evidence that has another digest, is not settled, or is contradicted."""
    return pgtrigger.Trigger(
        name="rests_on_the_evidence",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=f"{_RESTS} RETURN NEW;",
    )


#: The holder of another seat, who neither leads nor acted on the evidence.
_MAY_ANSWER = f"""            IF NEW.by_id = dissent.person_id OR NOT EXISTS (
                    SELECT 1 FROM checklists_member member JOIN auth_user u ON u.id = member.person_id
                    WHERE member.cutover_id = decided.cutover_id
                      AND member.person_id = NEW.by_id AND u.is_active
                      AND member.part <> 'LEAD' AND NEW.seat <> dissent.seat
                      AND NEW.seat = ANY(member.seats) AND NEW.seat = ANY(decided.seats)) THEN
                RAISE EXCEPTION 'a no-go is answered by the holder of another seat who is no lead'
                    USING ERRCODE = 'CU007';
            END IF;
            IF EXISTS (SELECT 1 FROM ({ACTS}) acts
                       WHERE acts.gate_id = decided.id AND acts.person_id = NEW.by_id)
               OR EXISTS (SELECT 1 FROM ({gaps_of("decided.id")}) gap WHERE gap.person_id = NEW.by_id)
               OR {seat_was_given_by_an_actor("decided.id", "NEW.by_id", "NEW.seat")} THEN
                RAISE EXCEPTION 'a no-go is not answered by a person who acted on the evidence'
                    USING ERRCODE = 'CU007';
            END IF;
"""  # noqa: S608  # the parts are constants
#: Blanks count once in a row, and not at the ends.
_ANSWER_IS_LONG = f"""\
            IF char_length(btrim(regexp_replace(NEW.text, E'{_BLANKS}', ' ', 'g'))) < {MIN_ANSWER} THEN
                RAISE EXCEPTION 'an answer to a no-go has at least {MIN_ANSWER} characters'
                    USING ERRCODE = 'CU007';
            END IF;
"""


def ends_a_no_go_rightly() -> pgtrigger.Trigger:
    """Refuses an ending of a no-go by anybody but its giver, or a writer who may answer it."""
    return pgtrigger.Trigger(
        name="ends_a_no_go_rightly",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("dissent", "checklists_signoff%ROWTYPE"), ("decided", "checklists_item%ROWTYPE")],
        func=f"""
            SELECT * INTO dissent FROM checklists_signoff WHERE id = NEW.no_go_id;
            SELECT now.* INTO decided FROM checklists_item given
              JOIN checklists_item now ON now.cutover_id = given.cutover_id AND now.key = given.key
              WHERE given.id = dissent.gate_id AND now.superseded_at IS NULL FOR UPDATE OF now;
            IF dissent.decision IS DISTINCT FROM 'NO_GO' OR decided.id IS NULL THEN
                RAISE EXCEPTION 'only a no-go at a gate of now is ended' USING ERRCODE = 'CU007';
            END IF;
            IF NEW.ending = 'WITHDRAWN' THEN
                IF NEW.by_id <> dissent.person_id THEN
                    RAISE EXCEPTION 'a no-go is withdrawn by the person who gave it' USING ERRCODE = 'CU007';
                END IF;
                RETURN NEW;
            END IF;
{_MAY_ANSWER}{_ANSWER_IS_LONG}            RETURN NEW;
        """,  # noqa: S608  # the parts are constants
    )
