"""Drafts the retrospective from the record: planned and actual, waits, failures, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    Values,
)
from integrations.clients import archive, durable
from integrations.errors import Problem

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")
LONG_WAIT = 300.0  # seconds between “could begin” and “began” that are worth a line
Story = Mapping[str, Any]


@register
class RetrospectiveDraft(Action):
    """Says nothing that the record does not have; what to make of it is the people's part."""

    key, title = "retrospective.draft", "Draft the retrospective from the record"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=2)
    reads_history = True

    def preview(self, params: Values) -> Preview:
        """Where it will be."""
        return Preview([f"Write {_target(params)} from the record of this cutover."])

    def before(self, params: Values) -> dict[str, Any]:
        """Where it will be."""
        return {"path": str(_target(params))}

    def run(self, params: Values, report: Report) -> Outcome:
        """Writes the draft, and leaves its numbers as evidence."""
        story = params.context.history
        if not story.get("items"):
            raise Problem("There is no story to tell: the record is empty.", next="Open a cutover first.")
        numbers, target = numbers_of(story), _target(params)
        durable.private_folder(target.parent)
        durable.write(target, draft(story, numbers).encode())
        report.evidence(
            retrospective={"path": str(target), "sha256": archive.sha256(target), **numbers},
        )
        return Outcome(
            True,
            f"Drafted: {numbers['items']} items, {numbers['failures']} attempts that did not succeed, "
            f"{numbers['decisions']} decisions. {target.name} is in the cutover's folder.",
        )

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Looks for the file."""
        path = Path(before["path"])
        seen = Seen.DONE if path.exists() else Seen.NOT_DONE
        return Finding(seen, f"{path.name} is {'there' if path.exists() else 'not there'}.")


def _target(params: Values) -> Path:
    return params.context.folder / f"retrospective-{params.context.attempt or 'preview'}.md"


def numbers_of(story: Story) -> dict[str, Any]:
    """What can be counted: items, attempts, failures, decisions, planned and actual seconds."""
    items = story["items"]
    done = [
        item for item in items if item["planned_seconds"] is not None and item["actual_seconds"] is not None
    ]
    return {
        "items": len(items),
        "attempts": sum(len(item["attempts"]) for item in items),
        "failures": sum(attempt["status"] != "succeeded" for item in items for attempt in item["attempts"]),
        "decisions": len(story["decisions"]),
        "planned_seconds": sum(item["planned_seconds"] for item in done),
        "actual_seconds": round(sum(item["actual_seconds"] for item in done), 1),
    }


def draft(story: Story, numbers: Mapping[str, Any]) -> str:
    """The whole Markdown text."""
    parts = [
        f"# Retrospective: {_safe(story['title'])}",
        f"Drafted {datetime.now(UTC):%Y-%m-%d %H:%M} UTC from the record of this {_safe(story['kind'])}, "
        f"opened {_when(story['opened_at'])}, closed {_when(story['closed_at'])}.",
        *_rollback(story),
        "## Planned and actual",
        *_durations(story, numbers),
        "## What waited",
        *_waits(story),
        "## What did not succeed at once",
        *_failures(story),
        "## Left out",
        *_skips(story),
        "## Decisions",
        *_decisions(story),
        "## To talk about",
        *_questions(story),
    ]
    return "\n\n".join(parts) + "\n"


def _safe(text: object) -> str:
    """Words of people, as words: nothing in them is markup here."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def _when(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S} UTC" if moment else "–"


def _long(seconds: float | None) -> str:
    return "–" if seconds is None else str(timedelta(seconds=round(seconds)))


def _named(item: Story) -> str:
    return f"{item['number']} {_safe(item['title'])}"


def _rollback(story: Story) -> list[str]:
    turned = story.get("rollback")
    if not turned:
        return []
    return [
        f"**It was turned round** {_when(turned['at'])} by {_safe(turned['by'])}: {_safe(turned['reason'])}"
    ]


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def _durations(story: Story, numbers: Mapping[str, Any]) -> list[str]:
    known = [i for i in story["items"] if i["actual_seconds"] is not None]
    if not known:
        return ["Nothing that a machine measured was done."]
    over = sorted(known, key=lambda i: (i["planned_seconds"] or 0) - i["actual_seconds"])
    rows = [(_named(i), _long(i["planned_seconds"]), _long(i["actual_seconds"]), _beside(i)) for i in over]
    total = f"In all {_long(numbers['actual_seconds'])}, planned {_long(numbers['planned_seconds'])}."
    return [
        total + " The worst overruns first.",
        _table(("Item", "Planned", "Actual", "Beside the plan"), rows),
    ]


def _beside(item: Story) -> str:
    if not item["planned_seconds"]:
        return "no plan"
    return f"{item['actual_seconds'] / item['planned_seconds'] * 100:.0f} %"


def _waits(story: Story) -> list[str]:
    late = [i for i in story["items"] if (i["waited_seconds"] or 0) >= LONG_WAIT]
    late.sort(key=lambda i: -i["waited_seconds"])
    if not late:
        return [f"Nothing waited longer than {_long(LONG_WAIT)} for somebody to begin it."]
    rows = [(_named(i), _safe(i["owner"]), _long(i["waited_seconds"])) for i in late]
    return [_table(("Item", "Owner", "Ready and not begun for"), rows)]


def _failures(story: Story) -> list[str]:
    said = []
    for item in story["items"]:
        bad = [a for a in item["attempts"] if a["status"] != "succeeded"]
        if bad:
            lines = [
                f"- try {a['number']}, {a['status']}: {_safe(a['problem'] or a['summary'])}" for a in bad
            ]
            notes = [f"- note: {_safe(note)}" for note in item["notes"]]
            said.append(
                "\n".join([f"**{_named(item)}** (now {item['state'].replace('_', ' ')})", "", *lines, *notes])
            )
    return said or ["Every attempt succeeded."]


def _skips(story: Story) -> list[str]:
    left = [i for i in story["items"] if i["skipped_reason"]]
    return [
        "\n".join(f"- {_named(i)}: {_safe(i['skipped_reason'])}" for i in left) or "Nothing was left out."
    ]


def _decisions(story: Story) -> list[str]:
    lines = [f"- {_when(d['at'])}, {_safe(d['by'])} {_safe(d['what'])}" for d in story["decisions"]]
    void = [
        f"- a signature at {_safe(gate['title'])} became void: {_safe(one['why'])}"
        for gate in story["gates"]
        for one in gate["voided"]
    ]
    return ["\n".join([*lines, *void]) or "Nothing was decided yet."]


def _questions(story: Story) -> list[str]:
    """From what is there, never from what one might think."""
    asked = []
    for item in story["items"]:
        planned, actual = item["planned_seconds"], item["actual_seconds"]
        if planned and actual and actual > planned:
            asked.append(f"- {_named(item)} took longer than planned. What would have told us before?")
        if len(item["attempts"]) > 1:
            asked.append(
                f"- {_named(item)} was tried {len(item['attempts'])} times. What should its text say?"
            )
        if item["skipped_reason"]:
            asked.append(f"- {_named(item)} was left out. Does the runbook need it?")
    asked.append("- What surprised us that no item of the runbook speaks of?")
    return ["\n".join(asked), "Each lesson gets an owner and a date, and the runbook a new version."]
