"""SQL of the rules of gates: who acted on the evidence of a gate.

The triggers and the board read the same text, so that page and database never disagree about a person. A
changed text changes triggers and needs a migration.
"""

from __future__ import annotations


def acts_on(evidence: str) -> str:
    """Who acted on evidence: the SQL of `ACTS` for other rows of evidence.

    ``evidence`` is what follows FROM: it gives the rows “asked”, “item”, “phase” and “cutover”.
    """
    return f"""
    SELECT asked.gate_id, asked.item_id, act.person_id, act.verb
    FROM {evidence}
    CROSS JOIN LATERAL (
        SELECT who.person_id, who.verb
        FROM checklists_attempt attempt
        CROSS JOIN LATERAL (VALUES (attempt.requested_by_id, 'started'),
                                   (attempt.cancel_requested_by_id, 'cancelled'),
                                   (attempt.reconciled_by_id, 'reconciled')) who (person_id, verb)
        WHERE attempt.item_id = item.id
          AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                   AND attempt.direction = 'FORWARD')
        UNION
        SELECT who.person_id, who.verb
        FROM checklists_tick tick
        LEFT JOIN checklists_changerequest request
               ON request.tick_id = tick.id AND request.decision = 'CONFIRMED'
        CROSS JOIN LATERAL (VALUES (tick.by_id, 'ticked'),
                                   (tick.on_behalf_of_id, 'did'),
                                   (request.decided_by_id, 'confirmed')) who (person_id, verb)
        WHERE tick.item_id = item.id
        UNION
        SELECT item.done_by_id, 'ticked'
        UNION
        SELECT item.skipped_by_id, 'skipped'
    ) act
    WHERE act.person_id IS NOT NULL
"""  # noqa: S608  # the part is a constant


#: Who acted on the evidence of gates: (gate_id, item_id, person_id, verb), several rows for one person.
#:
#: Every attempt of the item's present definition counts, also one that failed: who starts a check until its
#: result pleases must not approve it. An attempt that was made for the rollback before the rollback was
#: ordered is no evidence any more; ordering it has stopped some, and that is no act on the evidence.
ACTS = acts_on("""checklists_gateevidence asked
    JOIN checklists_item item ON item.id = asked.item_id
    JOIN checklists_phase phase ON phase.id = item.phase_id
    JOIN checklists_cutover cutover ON cutover.id = item.cutover_id""")


_OF_ITEM = "item.id, item.key, item.needs, item.skipped_by_id, item.skip_reason, item.cutover_id"

_SKIPPED = "behind.key, behind.skipped_by_id AS person_id, 'skipped' AS kind, behind.skip_reason AS reason"


def _reconciled_behind(own: str) -> str:
    """Of the items in ``behind``: those whose latest attempt a person reconciled as done."""
    return f"""SELECT {own}behind.key, latest.reconciled_by_id, 'reconciled', latest.summary FROM behind
        CROSS JOIN LATERAL (
            SELECT attempt.* FROM checklists_attempt attempt
            JOIN checklists_item of_item ON of_item.id = attempt.item_id
            JOIN checklists_phase phase ON phase.id = of_item.phase_id
            JOIN checklists_cutover cutover ON cutover.id = attempt.cutover_id
            WHERE attempt.item_id = behind.id
              AND NOT (cutover.direction = 'ROLLBACK' AND phase.direction = 'ROLLBACK'
                       AND attempt.direction = 'FORWARD')
            ORDER BY attempt.number DESC LIMIT 1
        ) latest
        WHERE behind.skipped_by_id IS NULL AND latest.reconciliation = 'DONE'
          AND latest.reconciled_by_id IS NOT NULL
"""  # noqa: S608  # the part is a constant


def gaps_of(gate: str) -> str:
    """What stands in place of evidence at a gate: (key, person_id, kind, reason) of skips and people's words.

    ``gate`` is an SQL expression for the gate's id. It covers the evidence, what the gate needs, and what
    these need, up to the gates before: those accepted their own.
    """
    return _gaps(f"= {gate}", "", "")


def gaps_of_gates(gates: str) -> str:
    """The same of several gates: (gate_id, key, person_id, kind, reason); ``gates`` is an array of ids."""
    return _gaps(f"= ANY({gates})", "gate.id AS gate_id, ", "behind.gate_id, ")


def _gaps(which: str, of_gate: str, own: str) -> str:
    return f"""
        WITH RECURSIVE behind AS (
            SELECT {of_gate}{_OF_ITEM}, gate.phase_id AS phase
            FROM checklists_item gate
            JOIN checklists_gateevidence asked ON asked.gate_id = gate.id
            CROSS JOIN LATERAL (SELECT * FROM checklists_item WHERE id = asked.item_id OFFSET 0) item
            WHERE gate.id {which} AND item.kind <> 'gate' AND item.superseded_at IS NULL
              AND item.cutover_id = gate.cutover_id
            UNION
            SELECT {of_gate}{_OF_ITEM}, gate.phase_id
            FROM checklists_item gate {_needs_of("gate")}
            WHERE gate.id {which} AND item.kind <> 'gate'
              AND {_same_direction("item.phase_id", "gate.phase_id")}
            UNION
            SELECT {own}{_OF_ITEM}, behind.phase
            FROM behind {_needs_of("behind")}
            WHERE item.kind <> 'gate' AND {_same_direction("item.phase_id", "behind.phase")}
        )
        SELECT {own}{_SKIPPED}
        FROM behind
        WHERE behind.skipped_by_id IS NOT NULL
        UNION
        {_reconciled_behind(own)}    """  # noqa: S608  # the parts are constants


def _needs_of(row: str) -> str:
    """Joins the present items that the row needs. ``OFFSET 0`` makes PostgreSQL look each up by its key.

    Without statistics it would compare every item of the cutover with every phase instead.
    """
    return f"""CROSS JOIN LATERAL unnest({row}.needs) need (key)
            CROSS JOIN LATERAL (
                SELECT * FROM checklists_item WHERE cutover_id = {row}.cutover_id
                AND key = need.key AND superseded_at IS NULL OFFSET 0) item
            """  # noqa: S608  # the parts are constants


def _same_direction(one: str, other: str) -> str:
    return f"""(SELECT direction FROM checklists_phase WHERE id = {one})
        = (SELECT direction FROM checklists_phase WHERE id = {other})"""  # noqa: S608  # constants


def seat_was_given_by_an_actor(gate: str, person: str, seat: str) -> str:
    """Whether somebody who acted on the evidence gave this person this seat, after work had begun."""
    return f"""EXISTS (
        SELECT 1 FROM (
            SELECT given.is_later, given.requested_by_id, given.confirmed_by_id
            FROM checklists_memberchange given
            JOIN checklists_item gate ON gate.id = {gate} AND gate.cutover_id = given.cutover_id
            WHERE given.person_id = {person} AND {seat} = ANY(given.seats_gained)
            ORDER BY given.id DESC LIMIT 1) latest
        JOIN ({ACTS}) acts ON acts.gate_id = {gate}
             AND acts.person_id IN (latest.requested_by_id, latest.confirmed_by_id)
        WHERE latest.is_later)"""  # noqa: S608  # the parts are constants


def open_no_gos(gate: str) -> str:
    """The no-gos at the gate, under whichever definition, that nobody has withdrawn or answered.

    Under version 1 of the digest a later go of the same person withdrew a no-go.
    """
    return f"""
        SELECT no_go.id, no_go.person_id, no_go.seat
        FROM checklists_item gate
        JOIN checklists_item defined ON defined.cutover_id = gate.cutover_id AND defined.key = gate.key
        JOIN checklists_signoff no_go ON no_go.gate_id = defined.id AND no_go.decision = 'NO_GO'
        WHERE gate.id = {gate}
          AND NOT EXISTS (SELECT 1 FROM checklists_nogoanswer answer WHERE answer.no_go_id = no_go.id)
          AND NOT (no_go.digest_version = 1 AND EXISTS (
                SELECT 1 FROM checklists_signoff later
                WHERE later.gate_id = no_go.gate_id AND later.person_id = no_go.person_id
                  AND later.id > no_go.id AND later.decision = 'GO' AND later.digest_version = 1))
    """  # noqa: S608  # the parts are constants


def counted(gate: str, digest: str) -> str:
    """The GO that count at the gate on this digest: (person_id, seat).

    Each person's latest decision, of people who are active, still hold the seat, did not act on the
    evidence, and accepted every gap.
    """
    return f"""
        SELECT latest.person_id, latest.seat FROM (
            SELECT DISTINCT ON (person_id) person_id, gate_id, seat, decision, digest, accepted_gaps
            FROM checklists_signoff WHERE gate_id = {gate} ORDER BY person_id, id DESC) latest
        JOIN auth_user person ON person.id = latest.person_id AND person.is_active
        JOIN checklists_item gate ON gate.id = latest.gate_id
        JOIN checklists_member member ON member.cutover_id = gate.cutover_id
             AND member.person_id = latest.person_id AND latest.seat = ANY(member.seats)
        WHERE latest.decision = 'GO' AND latest.digest = {digest}
          AND NOT EXISTS (SELECT 1 FROM ({ACTS}) acts
                          WHERE acts.gate_id = {gate} AND acts.person_id = latest.person_id)
          AND NOT EXISTS (SELECT 1 FROM ({gaps_of(gate)}) gap
                          WHERE gap.key <> ALL(latest.accepted_gaps) OR gap.person_id = latest.person_id)
          AND NOT {seat_was_given_by_an_actor(gate, "latest.person_id", "latest.seat")}
    """  # noqa: S608  # the parts are constants


def quorum_of(gate: str) -> str:
    """How many GO the gate needs: a rehearsal may ask for fewer."""
    return f"""(
        SELECT greatest(1, CASE WHEN cutover.kind = 'REHEARSAL'
                                THEN least(coalesce(cutover.rehearsal_quorum, item.quorum), item.quorum)
                                ELSE item.quorum END)
        FROM checklists_item item JOIN checklists_cutover cutover ON cutover.id = item.cutover_id
        WHERE item.id = {gate})"""  # noqa: S608  # the parts are constants
