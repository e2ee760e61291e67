"""Drafts the retrospective from the record: planned and actual times, waits, failures, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

from integrations import actions, atomic_files
from integrations.checksums import hash_file
from integrations.errors import Problem

MARKUP = re.compile(r"([\\`*_{}\[\]<>#|])")
LONG_WAIT = 300.0  # seconds between “could begin” and “began” that are worth a line

#: the record of a cutover, or a part of it, as `checklists.record.history` gives it
History = Mapping[str, Any]


class HistoryCounts(TypedDict):
    """Numbers of the record. The seconds cover the items that have both a plan and a measured time."""

    items: int
    attempts: int
    failures: int
    decisions: int
    planned_seconds: float
    actual_seconds: float


class RetrospectiveFacts(HistoryCounts):
    """The draft's file and its SHA-256, and the numbers in it."""

    path: str
    sha256: str


class RetrospectiveDraftEvidence(TypedDict, total=False):
    """The draft."""

    retrospective: RetrospectiveFacts


@actions.register
class RetrospectiveDraft(actions.Action[actions.ActionParams, RetrospectiveDraftEvidence]):
    """States only what the record has; the conclusions are for people to draw."""

    key, title = "retrospective.draft", "Draft the retrospective from the record"
    texts_shown = True
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(minutes=2)
    reads_history = True

    def preview(self, params: actions.ActionParams) -> actions.Preview:
        """The path of the draft."""
        return actions.Preview([f"Write {_target(params)} from the record of this cutover."])

    def before(self, params: actions.ActionParams) -> dict[str, Any]:
        """The path of the draft."""
        return {"path": str(_target(params))}

    def run(
        self, params: actions.ActionParams, report: actions.RunReport[RetrospectiveDraftEvidence]
    ) -> actions.Outcome:
        """Writes the draft, and records its numbers as evidence."""
        history = params.context.history
        if not history.get("items"):
            raise Problem(
                "There is nothing to draft from: the record is empty.", next="Open a cutover first."
            )
        counts, target = count_history(history), _target(params)
        atomic_files.make_private_folder(target.parent)
        atomic_files.write_file(target, draft(history, counts).encode())
        params.context.artefacts.publish(target)
        report.evidence({"retrospective": {"path": str(target), "sha256": hash_file(target), **counts}})
        return actions.Outcome(
            True,
            f"Drafted: {counts['items']} items, {counts['failures']} attempts that did not succeed, "
            f"{counts['decisions']} decisions. {target.name} is in the cutover's folder.",
        )

    def probe(self, params: actions.ActionParams, before: Mapping[str, Any]) -> actions.Finding:
        """Whether the file exists."""
        path = params.context.artefacts.locate(before["path"])
        if params.context.artefacts.has(path):
            return actions.Finding(actions.ProbeStatus.DONE, f"{path.name} exists.")
        return actions.Finding(actions.ProbeStatus.NOT_DONE, f"{path.name} does not exist.")


def _target(params: actions.ActionParams) -> Path:
    return params.context.folder / f"retrospective-{params.context.attempt or 'preview'}.md"


def count_history(history: History) -> HistoryCounts:
    """Counts items, attempts, failures and decisions, and sums planned and actual seconds."""
    items = history["items"]
    measured = [
        item for item in items if item["planned_seconds"] is not None and item["actual_seconds"] is not None
    ]
    return {
        "items": len(items),
        "attempts": sum(len(item["attempts"]) for item in items),
        "failures": sum(attempt["status"] != "succeeded" for item in items for attempt in item["attempts"]),
        "decisions": len(history["decisions"]),
        "planned_seconds": sum(item["planned_seconds"] for item in measured),
        "actual_seconds": round(sum(item["actual_seconds"] for item in measured), 1),
    }


def draft(history: History, counts: HistoryCounts) -> str:
    """The whole Markdown text."""
    parts = [
        f"# Retrospective: {_escape(history['title'])}",
        f"Drafted {datetime.now(UTC):%Y-%m-%d %H:%M} UTC from the record of this {_escape(history['kind'])}, "
        f"opened {_format_time(history['opened_at'])}, closed {_format_time(history['closed_at'])}.",
        *_rollback(history),
        "## Planned and actual",
        *_durations(history, counts),
        "## What waited",
        *_waits(history),
        "## What did not succeed at once",
        *_failures(history),
        "## Left out",
        *_skips(history),
        "## Decisions",
        *_decisions(history),
        "## To talk about",
        *_questions(history),
    ]
    return "\n\n".join(parts) + "\n"


def _escape(text: object) -> str:
    """Text of people on one line, with its Markdown characters escaped."""
    return MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def _format_time(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S} UTC" if moment else "–"


def _format_duration(seconds: float | None) -> str:
    return "–" if seconds is None else str(timedelta(seconds=round(seconds)))


def _item_name(item: History) -> str:
    return f"{item['number']} {_escape(item['title'])}"


def _rollback(history: History) -> list[str]:
    ordered = history.get("rollback")
    if not ordered:
        return []
    return [
        f"**The rollback was ordered** {_format_time(ordered['at'])} by {_escape(ordered['by'])}: "
        f"{_escape(ordered['reason'])}"
    ]


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def _durations(history: History, counts: HistoryCounts) -> list[str]:
    measured = [item for item in history["items"] if item["actual_seconds"] is not None]
    if not measured:
        return ["No item with a measured time was done."]
    measured.sort(key=lambda item: (item["planned_seconds"] or 0) - item["actual_seconds"])
    rows = [
        (
            _item_name(item),
            _format_duration(item["planned_seconds"]),
            _format_duration(item["actual_seconds"]),
            _share_of_plan(item),
        )
        for item in measured
    ]
    actual, planned = _format_duration(counts["actual_seconds"]), _format_duration(counts["planned_seconds"])
    return [
        f"In all {actual}, planned {planned}. The worst overruns first.",
        _table(("Item", "Planned", "Actual", "Share of the plan"), rows),
    ]


def _share_of_plan(item: History) -> str:
    if not item["planned_seconds"]:
        return "no plan"
    return f"{item['actual_seconds'] / item['planned_seconds'] * 100:.0f} %"


def _waits(history: History) -> list[str]:
    late = [item for item in history["items"] if (item["waited_seconds"] or 0) >= LONG_WAIT]
    late.sort(key=lambda item: -item["waited_seconds"])
    if not late:
        return [f"No item waited longer than {_format_duration(LONG_WAIT)} until a person began it."]
    rows = [
        (_item_name(item), _escape(item["owner"]), _format_duration(item["waited_seconds"])) for item in late
    ]
    return [_table(("Item", "Owner", "Ready and not begun for"), rows)]


def _failures(history: History) -> list[str]:
    sections = []
    for item in history["items"]:
        failed = [attempt for attempt in item["attempts"] if attempt["status"] != "succeeded"]
        if not failed:
            continue
        lines = [
            f"- try {attempt['number']}, {attempt['status']}: "
            f"{_escape(attempt['problem'] or attempt['summary'])}"
            for attempt in failed
        ]
        notes = [f"- note: {_escape(note)}" for note in item["notes"]]
        heading = f"**{_item_name(item)}** (now {item['state'].replace('_', ' ')})"
        sections.append("\n".join([heading, "", *lines, *notes]))
    return sections or ["Every attempt succeeded."]


def _skips(history: History) -> list[str]:
    skipped = [item for item in history["items"] if item["skipped_reason"]]
    return [
        "\n".join(f"- {_item_name(item)}: {_escape(item['skipped_reason'])}" for item in skipped)
        or "Nothing was left out."
    ]


def _decisions(history: History) -> list[str]:
    lines = [
        f"- {_format_time(decision['at'])}, {_escape(decision['by'])} {_escape(decision['what'])}"
        for decision in history["decisions"]
    ]
    void = [
        f"- a signature at {_escape(gate['title'])} became void: {_escape(one['why'])}"
        for gate in history["gates"]
        for one in gate["voided"]
    ]
    return ["\n".join([*lines, *void]) or "No decision was recorded."]


def _questions(history: History) -> list[str]:
    """Questions that follow from the record."""
    questions = []
    for item in history["items"]:
        planned, actual = item["planned_seconds"], item["actual_seconds"]
        if planned and actual and actual > planned:
            questions.append(f"- {_item_name(item)} took longer than planned. What would have warned us?")
        if len(item["attempts"]) > 1:
            questions.append(
                f"- {_item_name(item)} was tried {len(item['attempts'])} times. What should its text say?"
            )
        if item["skipped_reason"]:
            questions.append(f"- {_item_name(item)} was left out. Does the runbook need it?")
    questions.append("- What surprised us that no item of the runbook mentions?")
    return ["\n".join(questions), "Each lesson gets an owner and a date, and the runbook a new version."]
