"""Sends a request that should add a job, and sees that the job is added and done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.clients import bullmq, http
from integrations.clients.bullmq import Queue
from integrations.clients.bullmq_events import JobEvents
from integrations.errors import Problem
from integrations.systems import System

POLL = 0.1  # seconds between two reads of the events


@dataclass(frozen=True)
class BullmqAddedParams(actions.ActionParams):
    """The request, the queue, and the job that the request should add to it."""

    api: System
    path: str
    send: dict[str, Any]
    redis: System
    queue: str
    job: str
    seconds: float | None

    @property
    def patience(self) -> float:
        """Seconds in which the job has to be done."""
        return self.seconds or 30.0


class AddedFacts(TypedDict):
    """The answer's status, the id of the job ("": none was added), how it ended and why it failed."""

    status: int
    job: str
    end: str
    reason: str


class BullmqAddedEvidence(TypedDict, total=False):
    """What a run records."""

    added: AddedFacts


@actions.register
class BullmqAdded(actions.Action[BullmqAddedParams, BullmqAddedEvidence]):
    """The request is a real one and leaves a record, so it is sent in rehearsals only."""

    key, title = "bullmq.added", "Check that a request adds its job, and that a worker does it"
    public_params = frozenset({"queue", "job"})
    address_params = frozenset({"path"})
    is_check = True
    effect = actions.Effect.AT_MOST_ONCE
    deadline = timedelta(minutes=15)

    class Params(actions.ActionForm):
        """``api``, ``path``, ``send``: the request, a POST with JSON; ``redis`` and ``queue``; ``job``: the
        name of the job that it should add; ``seconds``: in which the job has to be done (default 30)."""

        api = actions.SystemField(kind="http")
        path = forms.RegexField(r"^/\S*$")
        send = actions.JSONValueField(kind=dict)
        redis = actions.SystemField(kind="redis")
        queue = forms.CharField(max_length=100)
        job = forms.CharField(max_length=100)
        seconds = forms.FloatField(min_value=1, max_value=600, required=False)

    def resource(self, params: BullmqAddedParams) -> str:
        """One such request at a time in a queue."""
        return f"queue:{bullmq.address(params.redis['url'])}:{params.queue}"

    def preview(self, params: BullmqAddedParams) -> actions.Preview:
        """The request, and what it should add."""
        lines = [
            f"POST {params.path}: leaves a record in the API's database.",
            f"Wait up to {params.patience:g} s until a worker has done its job “{params.job}”.",
        ]
        return actions.Preview(lines, where=http.display_url(params.api["url"]))

    def before(self, params: BullmqAddedParams) -> dict[str, Any]:
        """Where the queue's events stand."""
        with bullmq.connect(params.redis["url"]) as client:
            return {"cursor": JobEvents(_queue(params, client)).cursor}

    def run(
        self, params: BullmqAddedParams, report: actions.RunReport[BullmqAddedEvidence]
    ) -> actions.Outcome:
        """A request that is refused, that adds nothing, or whose job is not done, is a verdict."""
        if not params.context.rehearsal:
            raise Problem(
                "This request leaves a record, and tells people of it.",
                means="Nothing was sent.",
                next="Do it in a rehearsal; here skip it with that reason.",
            )
        with bullmq.connect(params.redis["url"]) as client:
            queue = _queue(params, client)
            events = JobEvents(queue)
            reply = http.request(params.api["url"], params.path, send=params.send)
            report.log(f"POST {params.path}: {reply.status} in {reply.ms:.0f} ms")
            if not reply.ok:
                said = f"{reply.status} “{reply.error_text()}”"
                return actions.Outcome(False, f"POST {params.path} is answered by {said}.")
            _wait(params, events, report)
            facts = _facts(params, queue, events, reply.status)
            report.evidence({"added": facts})
        return _judge(params, facts)

    def probe(self, params: BullmqAddedParams, before: Mapping[str, Any]) -> actions.Finding:
        """Whether such a job was added since."""
        with bullmq.connect(params.redis["url"]) as client:
            events = JobEvents(_queue(params, client))
            events.cursor = before["cursor"]
            events.update()
        if job := events.find_added(params.job):
            return actions.Finding(actions.ProbeStatus.DONE, f"The job {job} ({params.job}) was added since.")
        return actions.Finding(
            actions.ProbeStatus.PARTIAL, f"No job “{params.job}” was added; the request may have been sent."
        )


def _queue(params: BullmqAddedParams, client: bullmq.RedisClient) -> Queue:
    return Queue(client, params.queue, params.redis.get("prefix", "bull"))


def _wait(params: BullmqAddedParams, events: JobEvents, report: actions.Report) -> None:
    """Until the job has ended, a worker has failed it once, or the time is over."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < params.patience:
        events.update()
        job = events.find_added(params.job)
        if job and (job in events.ends or events.queue.tries_of(job)[1]):
            return
        report.raise_if_cancelled()
        report.progress(waited, params.patience, f"waiting for {params.job}")
        time.sleep(POLL)


def _facts(params: BullmqAddedParams, queue: Queue, events: JobEvents, status: int) -> AddedFacts:
    job = events.find_added(params.job)
    end, reason = events.ends.get(job, ""), queue.tries_of(job)[1] if job else ""
    if job and end != "completed":  # or it would be tried again, and stay in the queue as failed
        bullmq.remove_job(params.redis["url"], queue.name, queue.prefix, job)
    return {"status": status, "job": job, "end": end, "reason": reason}


def _judge(params: BullmqAddedParams, facts: AddedFacts) -> actions.Outcome:
    sent, name, seconds = f"POST {params.path}", params.job, f"{params.patience:g} s"
    if not facts["job"]:
        return actions.Outcome(
            False,
            f"{sent} was taken ({facts['status']}), and adds no job “{name}” within {seconds}: what this job "
            "does, such as telling people, is done by nobody.",
        )
    if facts["end"] == "completed":
        return actions.Outcome(True, f"{sent} adds the job “{name}”, and a worker has done it.")
    if facts["reason"]:
        return actions.Outcome(False, f"{sent} adds the job “{name}”, and it failed: {facts['reason']}.")
    return actions.Outcome(False, f"{sent} adds the job “{name}”, which no worker has done within {seconds}.")
