"""A request that should add a job is sent, and its job is followed to its end."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import bullmq as library
import pytest

from cutover.embedded import Valkey
from integrations.actions import Context, ProbeStatus, registry
from integrations.clients import bullmq
from integrations.clients.bullmq_events import JobEvents
from integrations.errors import Problem
from integrations.sandbox.serving import Answer, Asked, server_of
from tests.integrations.recorder import Recorder
from tests.ports import free_port
from tests.waiting import wait_for

ACTION = registry()["bullmq.added"]
JOB = "tell.people"
RETRIED = {"attempts": 3, "backoff": {"type": "fixed", "delay": 60_000}}


@pytest.fixture
def queue() -> str:
    return f"queue-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def bind(
    valkey_server: Valkey, queue: str, new_context: Callable[..., Context]
) -> Iterator[Callable[..., Any]]:
    """Parameters with an API that answers ``status`` and adds the ``jobs``."""
    with ExitStack() as stack:

        def bind_params(*jobs: str, status: int = 201, **raw: Any) -> Any:
            def answering(asked: Asked) -> Answer:
                for job in jobs:
                    bullmq.add_job(valkey_server.url, queue, "bull", job, asked.json(), options=RETRIED)
                return Answer(status, {"id": "7", "message": "No."})

            port = free_port()
            server = stack.enter_context(server_of(port, answering, name="api"))
            threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
            stack.callback(server.shutdown)
            systems = {
                "api": {"kind": "http", "url": f"http://127.0.0.1:{port}"},
                "queue": {"kind": "redis", "url": valkey_server.url},
            }
            given = {"api": "api", "path": "/ask", "send": {"text": "please"}, "redis": "queue"}
            given |= {"queue": queue, "job": JOB, "seconds": 1, **raw}
            return ACTION.bind(given, new_context(systems))

        yield bind_params


@contextmanager
def working(url: str, queue: str, fails: str = "") -> Iterator[None]:
    """While a worker does the jobs of the queue, or fails each with this reason."""
    ready, end = threading.Event(), threading.Event()

    async def perform(job: Any, token: str) -> None:
        if fails:
            raise ValueError(fails)

    async def work() -> None:
        worker = library.Worker(queue, perform, {"connection": url, "prefix": "bull"})
        ready.set()
        while not end.is_set():
            await asyncio.sleep(0.02)
        await worker.close(True)

    thread = threading.Thread(target=lambda: asyncio.run(work()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield
    end.set()
    thread.join(10)


def test_a_request_whose_job_is_added_and_done_is_green(bind: Any, valkey_server: Valkey, queue: str) -> None:
    report = Recorder()
    with working(valkey_server.url, queue):
        outcome = ACTION.run(bind("another", JOB, seconds=20), report)
    assert outcome.ok, outcome.summary
    assert report.facts["added"]["end"] == "completed"


def test_a_request_that_adds_another_job_or_none_is_red(bind: Any) -> None:
    outcome = ACTION.run(bind("another"), Recorder())
    assert not outcome.ok
    assert "POST /ask was taken (201), and adds no job “tell.people” within 1 s" in outcome.summary
    assert not ACTION.run(bind(), Recorder()).ok


def test_a_job_that_fails_is_red_with_its_reason_and_is_not_tried_again(
    bind: Any, valkey_server: Valkey, queue: str
) -> None:
    with working(valkey_server.url, queue, fails="there is no mail service"):
        outcome = ACTION.run(bind(JOB, seconds=20), Recorder())
    assert not outcome.ok
    assert "adds the job “tell.people”, and it failed: there is no mail service." in outcome.summary
    with bullmq.connect(valkey_server.url) as client:
        depth = bullmq.Queue(client, queue).depth()
    assert (depth.delayed, depth.failed, depth.wait) == (0, 0, 0)


def test_a_job_that_nobody_takes_is_red_and_is_removed(bind: Any, valkey_server: Valkey, queue: str) -> None:
    outcome = ACTION.run(bind(JOB), Recorder())
    assert not outcome.ok
    assert "which no worker has done within 1 s" in outcome.summary
    with bullmq.connect(valkey_server.url) as client:
        assert bullmq.Queue(client, queue).depth().wait == 0


def test_a_refused_request_is_red_and_production_is_refused(bind: Any) -> None:
    outcome = ACTION.run(bind(JOB, status=400), Recorder())
    assert not outcome.ok
    assert "POST /ask is answered by 400 “No.”" in outcome.summary
    values = bind(JOB)
    production = replace(values, context=replace(values.context, rehearsal=False))
    with pytest.raises(Problem, match="leaves a record"):
        ACTION.run(production, Recorder())


def test_a_lost_attempt_finds_the_job_that_it_added(bind: Any, valkey_server: Valkey, queue: str) -> None:
    values = bind(JOB)
    before = ACTION.before(values)
    assert ACTION.probe(values, before).status is ProbeStatus.PARTIAL
    bullmq.add_job(valkey_server.url, queue, "bull", JOB, {})
    assert ACTION.probe(values, before).status is ProbeStatus.DONE
    assert any("tell.people" in line for line in ACTION.preview(values).lines)


def test_events_of_before_are_not_counted(valkey_server: Valkey, queue: str) -> None:
    bullmq.add_job(valkey_server.url, queue, "bull", JOB, {})
    with bullmq.connect(valkey_server.url) as client:
        events = JobEvents(bullmq.Queue(client, queue))
        events.update()
        assert events.find_added(JOB) == ""
        job = bullmq.add_job(valkey_server.url, queue, "bull", JOB, {})
        wait_for(lambda: events.update() or events.find_added(JOB) == job)
