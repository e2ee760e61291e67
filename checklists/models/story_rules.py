"""How a row may begin and change: without a past, one step at a time, now, and true to its contents."""

from __future__ import annotations

from collections.abc import Mapping

import pgtrigger

from checklists.models.definition_rules import dated_now
from checklists.models.person_rules import is_open, refused_unless
from checklists.models.recorded import any_changed
from checklists.states import LEASED, PreflightStatus, PreviewStatus

#: Of an attempt: what changes with its status only.
STORY = (
    *("owner", "claimed_at", "effect_started_at", "ended_at", "before", "summary", "problem"),
    *("unknown_reason", "reconciliation", "reconciled_by_id", "reconciled_at"),
)
_LEASED = ", ".join(f"'{status}'" for status in sorted(LEASED))


def cutover_moves_on() -> pgtrigger.Trigger:
    """Of a cutover: the epoch rises with the rollback only, and what is closed stays as it was.

    It closes now, with nothing under way, and as completed or rolled back according to its direction.
    """
    holds = f"""OLD.status = 'OPEN'
            AND (NEW.epoch = OLD.epoch OR NEW.epoch = OLD.epoch + 1 AND NEW.direction <> OLD.direction)
            AND (NEW.status = 'OPEN' OR {dated_now("closed_at")}
                 AND NEW.direction = OLD.direction
                 AND NOT (NEW.status = 'COMPLETED' AND NEW.direction = 'ROLLBACK')
                 AND NOT (NEW.status = 'ROLLED_BACK' AND NEW.direction = 'FORWARD')
                 AND NOT EXISTS (SELECT 1 FROM checklists_attempt WHERE cutover_id = NEW.id
                                 AND status IN ('QUEUED', 'CLAIMED', 'RUNNING', 'UNKNOWN')))"""  # noqa: S608  # the parts are constants
    return refused_unless(
        "moves_on",
        pgtrigger.Update,
        holds,
        "a cutover is open, closes with nothing under way, and its epoch rises with the rollback",
        "CU021",
        pgtrigger.Condition("NEW IS DISTINCT FROM OLD"),
    )


def item_begins_undone() -> pgtrigger.Trigger:
    """Of an item: when it is written, nobody has done, skipped or replaced it."""
    holds = """num_nonnulls(NEW.done_at, NEW.skipped_at, NEW.superseded_at) = 0
            AND EXISTS (SELECT 1 FROM checklists_phase
                        WHERE id = NEW.phase_id AND cutover_id = NEW.cutover_id)"""
    return refused_unless("begins_undone", pgtrigger.Insert, holds, "an item begins undone", "CU021")


def _kept(row: str) -> str:
    """Of an item: the columns that somebody changes while its cutover is open, but who took it on."""
    columns = ("position", "owner_title", "service_restored", "ends_window", "superseded_at", "claimed_at")
    marks = ("done_at", "done_by_id", "skipped_at", "skipped_by_id", "skip_reason")
    return ", ".join(f"{row}.{column}" for column in (*columns, *marks))


def item_changes_while_open() -> pgtrigger.Trigger:
    """Of an item: it changes while its cutover is open and no amendment has replaced it.

    It is replaced now, and taken on now. Who was removed after the end gives back what they had taken on.
    """
    holds = f"""OLD.superseded_at IS NULL
            AND (NEW.superseded_at IS NULL OR {dated_now("superseded_at")})
            AND (NEW.claimed_at IS NOT DISTINCT FROM OLD.claimed_at
                 OR NEW.claimed_at IS NULL AND NEW.claimed_by_id IS NULL OR {dated_now("claimed_at")}
                    AND NEW.claimed_by_id IS DISTINCT FROM OLD.claimed_by_id)
            AND ({is_open("NEW.cutover_id")} OR NEW.claimed_by_id IS NULL AND
                 ROW({_kept("NEW")}) IS NOT DISTINCT FROM ROW({_kept("OLD")}))"""
    return refused_unless(
        "changes_while_open",
        pgtrigger.Update,
        holds,
        "an item changes now, in an open cutover, until an amendment replaces it",
        "CU021",
        pgtrigger.Condition("NEW IS DISTINCT FROM OLD"),
    )


def attempt_keeps_its_story() -> pgtrigger.Trigger:
    """Of an attempt: who runs it, when, and what came of it change with its status only.

    ``UPDATE OF`` keeps this away from heartbeats, progress and log lines, which name none of the columns.
    """
    finding = "OLD.status = 'UNKNOWN' OR NEW.finding IS NOT DISTINCT FROM OLD.finding"
    new, old = (", ".join(f"{row}.{name}" for name in STORY) for row in ("NEW", "OLD"))
    return refused_unless(
        "keeps_its_story",
        pgtrigger.UpdateOf(*STORY, "finding"),  # type: ignore[no-untyped-call]  # untyped in pgtrigger
        f"ROW({new}) IS NOT DISTINCT FROM ROW({old}) AND ({finding})",
        "what is told of an attempt changes with its status only",
        "CU018",
        pgtrigger.Condition("OLD.status = NEW.status"),
    )


def attempt_is_cancelled_once() -> pgtrigger.Trigger:
    """Of an attempt: it is asked to stop once, now, while somebody could still stop it."""
    holds = f"""OLD.cancel_requested_at IS NULL AND {dated_now("cancel_requested_at")}
            AND OLD.status IN ('QUEUED', {_LEASED})"""
    return refused_unless(
        "is_cancelled_once",
        pgtrigger.UpdateOf("cancel_requested_at", "cancel_requested_by_id"),  # type: ignore[no-untyped-call]  # untyped in pgtrigger
        holds,
        "an attempt is asked to stop once, now",
        "CU018",
        any_changed("cancel_requested_at", "cancel_requested_by_id"),
    )


def pass_is_used_now() -> pgtrigger.Trigger:
    """Of a pass: it begins unused, and its first use is now."""
    holds = f"CASE TG_OP WHEN 'INSERT' THEN NEW.used_at IS NULL ELSE {dated_now('used_at')} END"
    return refused_unless(
        "is_used_now",
        pgtrigger.Insert | pgtrigger.Update,
        holds,
        "a pass begins unused, and its first use is now",
        "CU019",
    )


def host_is_silent() -> pgtrigger.Trigger:
    """Of a host declared dead: it is declared now, as it was confirmed; nothing runs there under a lease."""
    holds = f"""{dated_now("at")}
            AND EXISTS (SELECT 1 FROM checklists_changerequest
                        WHERE id = NEW.request_id AND decided_at >= now())
            AND EXISTS (SELECT 1 FROM checklists_attempt WHERE cutover_id = NEW.cutover_id
                        AND status = 'UNKNOWN' AND owner ->> 'host' = NEW.host)
            AND NOT EXISTS (SELECT 1 FROM checklists_attempt WHERE status IN ({_LEASED})
                            AND owner ->> 'host' = NEW.host AND lease_expires_at > clock_timestamp())"""  # noqa: S608  # the parts are constants
    return refused_unless(
        "where_nothing_runs",
        pgtrigger.Insert,
        holds,
        "a host is declared dead now, where an attempt was lost and none runs",
        "CU021",
    )


def text_has_its_digest() -> pgtrigger.Trigger:
    """Of a runbook: its SHA-256 is that of its text."""
    return refused_unless(
        "text_has_its_digest",
        pgtrigger.Insert,
        "NEW.sha256 = encode(sha256(convert_to(NEW.text, 'UTF8')), 'hex')",
        "the text of a runbook has another SHA-256",
        "CU022",
    )


def file_belongs_to_its_tick() -> pgtrigger.Trigger:
    """Of a file: it comes in the transaction of its tick, with the SHA-256 and the size of its content."""
    holds = """NEW.sha256 = encode(sha256(NEW.content), 'hex') AND NEW.size = octet_length(NEW.content)
            AND EXISTS (SELECT 1 FROM checklists_tick WHERE id = NEW.tick_id AND at >= now())"""
    return refused_unless(
        "belongs_to_its_tick",
        pgtrigger.Insert,
        holds,
        "a file is handed in with its tick, and has the SHA-256 of its content",
        "CU022",
    )


def comes_with_evidence() -> pgtrigger.Trigger:
    """Of what is stored of the facts of an attempt: it comes in the transaction of the evidence."""
    return refused_unless(
        "comes_with_evidence",
        pgtrigger.Insert,
        """EXISTS (SELECT 1 FROM checklists_evidence
                   WHERE attempt_id = NEW.attempt_id AND observed_at >= now())""",
        "a result is stored together with the evidence of its attempt",
        "CU021",
    )


def _one_step(table: Mapping[PreflightStatus, str] | Mapping[PreviewStatus, str]) -> str:
    """The condition that a status stays, or moves to one that may follow."""
    moves = " ".join(f"WHEN '{old}' THEN '{{{old}, {after}}}'" for old, after in table.items())
    return f"NEW.status = ANY((CASE OLD.status {moves} END)::text[])"


_R, _V = PreflightStatus, PreviewStatus
PREFLIGHT_MOVES = {_R.QUEUED: f"{_R.RUNNING}, {_R.FAILED}", _R.RUNNING: f"{_R.DONE}, {_R.FAILED}, {_R.LOST}"}
PREVIEW_MOVES = {_V.QUEUED: f"{_V.RUNNING}, {_V.LOST}", _V.RUNNING: f"{_V.DONE}, {_V.FAILED}, {_V.LOST}"}


def preflight_begins_queued() -> pgtrigger.Trigger:
    """Of a run: it is queued now without a past. That of an item comes with the evidence of its attempt."""
    holds = f"""CASE WHEN NEW.source = 'ITEM' THEN NEW.status = 'DONE' AND EXISTS (
                    SELECT 1 FROM checklists_evidence evidence
                    JOIN checklists_attempt attempt ON attempt.id = evidence.attempt_id
                    WHERE evidence.attempt_id = NEW.attempt_id AND evidence.observed_at >= now()
                      AND attempt.cutover_id = NEW.cutover_id)
                ELSE NEW.status = 'QUEUED' AND NEW.attempt_id IS NULL AND NEW.fence = 0 AND NEW.digest = ''
                    AND {dated_now("requested_at")} AND NEW.started_at IS NULL
                    AND {is_open("NEW.cutover_id")} END"""  # noqa: S608  # the parts are constants
    return refused_unless(
        "begins_queued", pgtrigger.Insert, holds, "a preflight begins queued, now, without a past", "CU019"
    )


def preflight_moves_on() -> pgtrigger.Trigger:
    """Of a run: one step at a time, under the fence of whoever claimed it; lost when its lease ran out."""
    holds = f"""{_one_step(PREFLIGHT_MOVES)}
            AND CASE WHEN NEW.status = OLD.status
                THEN (NEW.fence, NEW.owner, NEW.started_at, NEW.ended_at, NEW.note, NEW.digest)
                     IS NOT DISTINCT FROM
                     (OLD.fence, OLD.owner, OLD.started_at, OLD.ended_at, OLD.note, OLD.digest)
                WHEN NEW.status = 'RUNNING'
                THEN NEW.fence > OLD.fence AND NEW.fence = currval('checklists_fence')
                     AND NEW.owner <> '{{}}' AND {dated_now("started_at")}
                     AND NEW.lease_expires_at IS NOT NULL
                ELSE NEW.fence = OLD.fence AND {dated_now("ended_at")} AND NEW.status <> 'LOST'
                     OR NEW.status = 'LOST' AND {dated_now("ended_at")}
                        AND coalesce(OLD.lease_expires_at, OLD.started_at) < clock_timestamp() END"""
    return refused_unless(
        "moves_on",
        pgtrigger.Update,
        holds,
        "a preflight moves on one step at a time, by whoever claimed it",
        "CU021",
    )


def preflight_has_its_digest() -> pgtrigger.Trigger:
    """Of a run that got to its end: its digest is that of its results, which are all there at the commit."""
    return pgtrigger.Trigger(
        name="has_its_digest",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update,
        timing=pgtrigger.Deferred,
        condition=pgtrigger.Condition("NEW.status = 'DONE'"),
        func="""
            IF NEW.digest IS DISTINCT FROM checklists_digest((
                SELECT coalesce(jsonb_agg(jsonb_build_array(identity, verdict)
                                          ORDER BY identity COLLATE "C", verdict COLLATE "C"), '[]')
                FROM checklists_preflightresult WHERE run_id = NEW.id)) THEN
                RAISE EXCEPTION 'a preflight has another digest than its results' USING ERRCODE = 'CU022';
            END IF;
            RETURN NULL;
        """,
    )


def result_comes_with_its_run() -> pgtrigger.Trigger:
    """Of a result: its run is under way, or came with the evidence of an item a moment ago."""
    holds = """EXISTS (SELECT 1 FROM checklists_preflightrun WHERE id = NEW.run_id
                       AND (status = 'RUNNING' OR source = 'ITEM' AND ended_at >= now()))"""
    return refused_unless(
        "comes_with_its_run",
        pgtrigger.Insert,
        holds,
        "a result belongs to a preflight that is running",
        "CU021",
    )


def preview_moves_on() -> pgtrigger.Trigger:
    """Of a preview: one step at a time, now; its answer comes with its end."""
    holds = f"""{_one_step(PREVIEW_MOVES)}
            AND CASE WHEN NEW.status = OLD.status
                THEN (NEW.started_at, NEW.ended_at, NEW.shown, NEW.problem)
                     IS NOT DISTINCT FROM (OLD.started_at, OLD.ended_at, OLD.shown, OLD.problem)
                WHEN NEW.status = 'RUNNING'
                THEN {dated_now("started_at")} AND (NEW.shown, NEW.problem) = (OLD.shown, OLD.problem)
                ELSE {dated_now("ended_at")} END"""
    return refused_unless(
        "moves_on", pgtrigger.Update, holds, "a preview moves on one step at a time, now", "CU021"
    )
