"""Checks the schedules of a queue: each is there once, with its cron pattern, its next run and retries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from integrations.clients.bullmq import JobSchedule, QueuedRun

LATE = 120  # seconds after which a schedule that did not run is overdue
SOON = 5.0  # seconds around its time in which a run is moved, and need not be in the queue


class WantedSchedule:
    """One entry of ``schedules:``: the name (or id) of a schedule, and its cron pattern if one is given."""

    def __init__(self, entry: Any) -> None:
        """Raises ``forms.ValidationError`` for an entry of another shape."""
        given = entry if isinstance(entry, dict) else {"job": entry}
        unknown = set(given) - {"job", "cron"}
        if unknown or not isinstance(given.get("job"), str) or not isinstance(given.get("cron", ""), str):
            raise forms.ValidationError(f"“{entry}”: write the name of a job, or {{job: …, cron: …}}.")
        self.job, self.cron = str(given["job"]), str(given.get("cron", ""))

    def __str__(self) -> str:
        return f"{self.job} ({self.cron})" if self.cron else self.job


def find_wrong_schedules(
    wanted: Sequence[WantedSchedule],
    found: Sequence[JobSchedule],
    attempts: int | None,
    runs: Sequence[QueuedRun] = (),
) -> list[str]:
    """What is wrong with them, a sentence each; ``attempts``: how often their jobs must be tried at least;
    ``runs``: the next runs in the queue, of which some may belong to no schedule."""
    known = {run for one in found for run in (one.next_job, *one.more_runs)}
    strays = [run for run in runs if run.id not in known]
    return [
        said
        for one in wanted
        for said in [
            *_check(one, [its for its in found if one.job in (its.id, its.name)], attempts),
            *_describe_strays(one, [run for run in strays if run.name == one.job]),
        ]
    ]


def _describe_strays(wanted: WantedSchedule, strays: Sequence[QueuedRun]) -> list[str]:
    if not strays:
        return []
    return [
        f"{wanted.job} would also run by {', '.join(run.id for run in strays)}, which a schedule left behind "
        "that is gone: remove that delayed job."
    ]


def _check(wanted: WantedSchedule, its: list[JobSchedule], attempts: int | None) -> list[str]:
    name = wanted.job
    if not its:
        return [f"Not scheduled: {name}. API and worker create the schedules when they start."]
    if len(its) > 1:
        ids = ", ".join(f"{one.id}{f' “{one.pattern}”' if one.pattern else ''}" for one in its)
        return [
            f"Scheduled {len(its)} times: {name} ({ids}). It would run twice. A changed pattern leaves "
            "the old schedule behind: remove one."
        ]
    one, wrong = its[0], []
    if wanted.cron and one.pattern != wanted.cron:
        wrong.append(f"{name} is scheduled by “{one.pattern or 'no pattern'}” instead of “{wanted.cron}”.")
    if one.due_in < -LATE:
        wrong.append(f"{name} is {-one.due_in:.0f} s overdue: no worker takes it. Check the worker's log.")
    elif not one.next_job and one.due_in > SOON:
        other = f" (only {', '.join(one.more_runs)}, for another moment)" if one.more_runs else ""
        wrong.append(
            f"{name} is scheduled, but its next run is not in the queue{other}: it will never run again. "
            "Remove the schedule and restart the worker, which creates it anew."
        )
    elif one.next_job and one.more_runs:
        wrong.append(
            f"{len(one.more_runs) + 1} runs of {name} are in the queue ({one.next_job}, "
            f"{', '.join(one.more_runs)}): it would run more than once. Remove all but the first."
        )
    elif attempts and one.next_job and (one.attempts or 1) < attempts:
        wrong.append(
            f"The next run of {name} is tried {one.attempts or 1} time(s) instead of {attempts}: a failure "
            "would be final. Set attempts in the queue's options."
        )
    return wrong
