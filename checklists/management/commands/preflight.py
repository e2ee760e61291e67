"""``manage.py preflight CUTOVER``: asks every system of a cutover what can be known before its window."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from checklists import executor, services
from checklists.board.preflight import ComparedResult, PreflightState
from checklists.durations import format_duration
from checklists.models import Cutover, PreflightRun
from checklists.models.audit import database_now
from checklists.services import CommandRefused
from checklists.states import PreflightStatus, PreflightVerdict
from integrations.preflight import registered_checks

NOT_RIGHT, NOT_ASKED = 1, 2  # exit codes; 0: nothing is red or unknown
NO_WORKER_AFTER = 20.0  # seconds that a run may wait for a worker
POLL = 0.3


class Command(BaseCommand):
    """Exit code 0: nothing is red or unknown. 1: something is. 2: it could not be asked."""

    help = (
        "Runs the preflight of a cutover and prints what it found. Exit code 0: nothing is red or unknown; "
        "1: something is; 2: the preflight did not get to its end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """CUTOVER, --here, --json, --checks."""
        parser.add_argument("cutover", nargs="?", default="", help="the cutover's name in its address")
        parser.add_argument("--here", action="store_true", help="run it in this process, without a worker")
        parser.add_argument("--json", action="store_true", help="print the results as JSON")
        parser.add_argument("--checks", action="store_true", help="print the reference page of all checks")

    def handle(self, *args: Any, cutover: str, here: bool, json: bool, checks: bool, **options: Any) -> None:
        """Asks for a run or joins the one under way, waits for it, prints it."""
        if checks:
            self.stdout.write("\n".join(reference_page()))
            return
        found = _find(cutover)
        try:
            run = services.request_preflight(cutover=found, by=None, wake=not here)
        except CommandRefused as refusal:
            raise CommandError(str(refusal), returncode=NOT_ASKED) from None
        if here:
            executor.run_preflight(str(run.pk), worker="command")
        ended = self._wait(run)
        if ended.status != PreflightStatus.DONE:
            raise CommandError(
                f"The preflight did not get to its end. {ended.note} Nothing is known from it.",
                returncode=NOT_ASKED,
            )
        state = PreflightState.load(found, database_now())
        self.stdout.write(as_json(state) if json else "\n".join(as_text(state)))
        if state.bad:
            raise SystemExit(NOT_RIGHT)

    def _wait(self, run: PreflightRun) -> PreflightRun:
        """The run once it has ended. Raises `CommandError` when no worker takes it."""
        until = time.monotonic() + NO_WORKER_AFTER
        while (now := PreflightRun.objects.get(pk=run.pk)).is_live:
            if now.status == PreflightStatus.QUEUED and time.monotonic() > until:
                raise CommandError(
                    f"No worker took it within {NO_WORKER_AFTER:g} s. It stays queued until one does. "
                    "Start one (./panel run, or manage.py worker), or run it in this process: --here.",
                    returncode=NOT_ASKED,
                )
            connections.close_all()  # a run takes seconds; nothing is held meanwhile
            time.sleep(POLL)
        return now


def reference_page() -> Iterator[str]:
    """The lines of docs/reference/preflight-checks.md."""
    yield "# Checks of the preflight"
    yield ""
    yield "<!-- Made by `manage.py preflight --checks`; change the checks, not this page. -->"
    yield ""
    yield "What [the preflight](../how-to/preflight.md) asks. Each row says what is right when it is green,"
    yield "and how long the check may take."
    yield ""
    yield "| check | what is right | seconds | what it asks |"
    yield "| --- | --- | --- | --- |"
    for check in registered_checks().values():
        said = " ".join((check.function.__doc__ or "").replace("``", "`").replace("|", "\\|").split())
        yield f"| `{check.key}` | {check.title} | {check.seconds:g} | {said} |"


def _find(slug: str) -> Cutover:
    found = Cutover.objects.select_related("runbook").filter(slug=slug).first()
    if found is None:
        known = ", ".join(Cutover.objects.order_by("slug").values_list("slug", flat=True))
        raise CommandError(
            f"There is no cutover “{slug}”. There {'are: ' + known if known else 'is none yet'}.",
            returncode=NOT_ASKED,
        )
    return found


def as_text(state: PreflightState) -> list[str]:
    """The results as lines for a terminal, the worst first; green ones are counted."""
    assert state.run is not None
    lines = []
    for verdict in (PreflightVerdict.RED, PreflightVerdict.UNKNOWN, PreflightVerdict.AMBER):
        shown = state.of(verdict)
        if shown:
            lines += [f"{verdict.label.upper()} ({len(shown)})", ""]
            lines += [line for each in shown for line in _lines_of(each)]
    for gone in state.gone:
        lines.append(f"No longer reported: {gone.subject} (was {gone.verdict})")
    took = f" in {format_duration(state.run.took)}" if state.run.took else ""
    counted = ", ".join(f"{count} {verdict}" for verdict, count in state.counts.items())
    news = f"; {len(state.new)} new or changed since the last run" if state.previous else ""
    return [*lines, f"{len(state.results)} results{took}: {counted}{news}."]


def _lines_of(each: ComparedResult) -> list[str]:
    result, mark = each.result, {"new": "NEW ", "changed": f"CHANGED (was {each.before}) "}.get(each.news, "")
    lines = [
        f"  {mark}{result.subject}",
        f"    {result.title} [{result.check_key}]",
        f"    Asked: {result.asked}",
        f"    Seen: {result.seen}",
        f"    Next: {result.change}",
    ]
    return [*lines, *([f"    Items: {', '.join(result.items)}"] if result.items else []), ""]


def as_json(state: PreflightState) -> str:
    """The run and its results as JSON."""
    run = state.run
    assert run is not None
    names = ("identity", "check_key", "title", "subject", "verdict", "asked", "seen", "change")
    return json.dumps(
        {
            "run": str(run.pk),
            "ended_at": run.ended_at,
            "counts": state.counts,
            "results": [
                {
                    **{name.removesuffix("_key"): getattr(each.result, name) for name in names},
                    "systems": each.result.systems,
                    "items": each.result.items,
                    "news": each.news,
                    "before": each.before,
                }
                for each in state.results
            ],
            "gone": [{"subject": each.subject, "verdict": each.verdict} for each in state.gone],
        },
        default=str,
        ensure_ascii=False,
        indent=2,
    )
