"""What the record has to say of items, cutovers, attempts and preflights; see `recorded`."""

from __future__ import annotations

import pgtrigger

from checklists.models.recorded import OF_GATE, any_changed, name_of, recorded

_DEFINING = "'{cutover.opened, runbook.amended}', '{}'"


def item_changes_with_its_entry() -> pgtrigger.Trigger:
    """Of an item: tick, skip and claim, given or taken back, by the person whom the entry names."""
    item = "jsonb_build_object('item', NEW.key)"
    of = "checklists_recorded(NEW.cutover_id,"
    ticked = f"""{of} '{{item.ticked}}', {item}, NEW.done_by_id)
                 OR {of} '{{item.confirmed}}',
                    {item} || jsonb_build_object('requested_by', {name_of("NEW.done_by_id")}))"""
    skipped = f"""{of} '{{item.skipped}}', {item} || jsonb_build_object('reason', NEW.skip_reason),
                    NEW.skipped_by_id)"""
    claimed = f"""{of} '{{item.claimed}}', {item}, NEW.claimed_by_id)
                 OR {of} '{{item.handed_over}}',
                    {item} || jsonb_build_object('to', {name_of("NEW.claimed_by_id")}), NULL, '{{LEAD}}')"""
    released = f"""{of} '{{item.released}}', {item}, NULL, '{{LEAD}}')
                 OR {of} '{{member.removed}}',
                    jsonb_build_object('released', jsonb_build_array(NEW.key)))"""
    untaken = f"{of} '{{item.%s}}', {item}, NULL, '{{LEAD}}')"
    holds = f"""
            ((NEW.done_at, NEW.done_by_id) IS NOT DISTINCT FROM (OLD.done_at, OLD.done_by_id)
             OR CASE WHEN NEW.done_at IS NULL THEN {untaken % "unticked"} ELSE {ticked} END)
            AND ((NEW.skipped_at, NEW.skipped_by_id, NEW.skip_reason)
                 IS NOT DISTINCT FROM (OLD.skipped_at, OLD.skipped_by_id, OLD.skip_reason)
             OR CASE WHEN NEW.skipped_at IS NULL THEN {untaken % "unskipped"} ELSE {skipped} END)
            AND (NEW.claimed_by_id IS NOT DISTINCT FROM OLD.claimed_by_id
             OR CASE WHEN NEW.claimed_by_id IS NULL THEN {released} ELSE {claimed} END)
    """
    columns = ("done_at", "done_by_id", "skipped_at", "skipped_by_id", "skip_reason", "claimed_by_id")
    return recorded(
        "changes_with_its_entry",
        pgtrigger.Update,
        holds,
        "an item is ticked, skipped or claimed",
        any_changed(*columns),
    )


def comes_with_the_runbook(cutover: str = "NEW.cutover_id") -> pgtrigger.Trigger:
    """Of what a runbook defines: rows come with the opening of a cutover or an amendment."""
    return recorded(
        "comes_with_the_runbook",
        pgtrigger.Insert,
        f"checklists_recorded({cutover}, {_DEFINING})",
        "a definition comes",
    )


def evidence_comes_with_the_runbook() -> pgtrigger.Trigger:
    """The same of what a gate asks for."""
    return comes_with_the_runbook(OF_GATE)


def changes_with_the_runbook(*columns: str) -> pgtrigger.Trigger:
    """Of what an amendment may change in place: it changes with the entry of an amendment only."""
    return recorded(
        "changes_with_the_runbook",
        pgtrigger.Update,
        "checklists_recorded(NEW.cutover_id, '{runbook.amended}', '{}')",
        "a definition changes",
        any_changed(*columns),
    )


def cutover_opens_with_its_entry() -> pgtrigger.Trigger:
    """Of a cutover: the person who opened it, its kind and its text are in the record."""
    return recorded(
        "opens_with_its_entry",
        pgtrigger.Insert,
        """NEW.created_by_id IS NOT NULL AND checklists_recorded(NEW.id, '{cutover.opened}',
               jsonb_build_object('cutover_kind', NEW.kind, 'title', NEW.title, 'runbook',
                   (SELECT sha256 FROM checklists_runbook WHERE id = NEW.runbook_id)), NEW.created_by_id)""",
        "a cutover is opened",
    )


#: Of a cutover: what comes from the text of its runbook.
FROM_THE_TEXT = (
    *("runbook_id", "systems", "seat_titles", "timezone", "logs_for_stakeholders"),
    *("rto_from", "rto_to", "decision_time"),
)


def cutover_changes_with_its_entry() -> pgtrigger.Trigger:
    """Of a cutover: closing, rollback, window and runbook. In production two people agreed on a new text."""
    new, old = (", ".join(f"{row}.{name}" for name in FROM_THE_TEXT) for row in ("NEW", "OLD"))
    sha = "(SELECT sha256 FROM checklists_runbook WHERE id = NEW.runbook_id)"
    holds = f"""
            (NEW.status = OLD.status OR checklists_recorded(NEW.id, '{{cutover.closed}}',
                jsonb_build_object('status', NEW.status), NULL, '{{LEAD}}'))
            AND ((NEW.direction, NEW.epoch) = (OLD.direction, OLD.epoch)
             OR checklists_recorded(NEW.id, '{{rollback.ordered}}', jsonb_build_object('epoch', NEW.epoch),
                    NULL, '{{LEAD, APPROVER}}'))
            AND ((NEW.window_start, NEW.window_end) IS NOT DISTINCT FROM (OLD.window_start, OLD.window_end)
             OR checklists_recorded(NEW.id, '{{window.moved}}', '{{}}', NULL, '{{LEAD, APPROVER}}'))
            AND (ROW({new}) IS NOT DISTINCT FROM ROW({old})
             OR NEW.runbook_id <> OLD.runbook_id AND checklists_recorded(NEW.id, '{{runbook.amended}}',
                    jsonb_build_object('after', {sha}), NULL, '{{LEAD, APPROVER}}')
                AND (NEW.kind = 'REHEARSAL' OR EXISTS (
                    SELECT 1 FROM checklists_changerequest r
                    WHERE r.cutover_id = NEW.id AND r.kind = 'amendment' AND r.decision = 'CONFIRMED'
                      AND r.decided_at >= now() AND r.payload ->> 'after' = {sha})))
    """  # noqa: S608  # the parts are constants
    return recorded("changes_with_its_entry", pgtrigger.Update, holds, "a cutover changes")


def cancel_has_its_entry() -> pgtrigger.Trigger:
    """Of an attempt: a request to stop is a person's, or that of a rollback that they ordered."""
    holds = """checklists_recorded(NEW.cutover_id, '{attempt.cancelled}',
                   jsonb_build_object('attempt', NEW.id::text), NEW.cancel_requested_by_id)
               OR checklists_recorded(NEW.cutover_id, '{rollback.ordered}', '{}',
                   NEW.cancel_requested_by_id)"""
    return recorded(
        "cancel_has_its_entry",
        pgtrigger.UpdateOf("cancel_requested_at", "cancel_requested_by_id"),  # type: ignore[no-untyped-call]  # untyped in pgtrigger
        f"NEW.cancel_requested_by_id IS NOT NULL AND ({holds})",
        "an attempt is asked to stop",
        any_changed("cancel_requested_at", "cancel_requested_by_id"),
    )


def finding_has_its_entry() -> pgtrigger.Trigger:
    """Of a lost attempt: what a probe found, and the proof of death, are in the record as they are here."""
    holds = """checklists_recorded(NEW.cutover_id, '{attempt.probed, attempt.reconciled}', jsonb_build_object(
                   'attempt', NEW.id::text, 'finding', jsonb_build_object(
                       'dead', NEW.finding -> 'dead', 'seen', NEW.finding -> 'seen',
                       'at', NEW.finding -> 'at')))"""
    return recorded(
        "finding_has_its_entry",
        pgtrigger.UpdateOf("finding"),  # type: ignore[no-untyped-call]  # untyped in pgtrigger
        holds,
        "a lost attempt is probed",
        pgtrigger.Condition(
            "OLD.status = 'UNKNOWN' AND NEW.status = 'UNKNOWN' AND NEW.finding IS DISTINCT FROM OLD.finding"
        ),
    )


def preflight_has_its_entry() -> list[pgtrigger.Trigger]:
    """Of a run that a person or a command asked for, and of one that was lost.

    The schedule repeats itself: the record has a run of it only when it saw news.
    """
    of = "checklists_recorded(NEW.cutover_id, '{preflight.%s}', jsonb_build_object('run', NEW.id::text))"
    by = of.replace("::text))", "::text), NEW.requested_by_id)")
    asked = "source IN ('PERSON', 'COMMAND')"
    return [
        recorded(
            "has_its_entry",
            pgtrigger.Insert,
            by % "asked",
            "a preflight is asked for",
            pgtrigger.Condition(f"NEW.{asked}"),
        ),
        recorded(
            "ends_with_its_entry",
            pgtrigger.Update,
            f"""CASE WHEN NEW.status = 'LOST' THEN {of % "lost"}
                     ELSE NEW.source NOT IN ('PERSON', 'COMMAND') OR {of % "ended"} END""",
            "a preflight ends",
            pgtrigger.Condition("OLD.status = 'RUNNING' AND NEW.status <> 'RUNNING'"),
        ),
    ]
