"""Previews are carried out by workers, in a process of their own that is ended after its time."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import ProgrammingError, connection

from checklists import executor, services
from checklists.executor import preview_run
from checklists.models import Attempt, Cutover, ItemPreview
from checklists.models.audit import database_now
from checklists.services import CommandRefused
from integrations.actions import Preview
from tests.allowed import allow
from tests.by_hand import by_hand
from tests.checklists.histories import RUNBOOK, item_of, make_cutover, person, previewed
from tests.checklists.sample_actions import SampleLook

ASKED = "9f3c1a-the-word-71"


@pytest.fixture
def night(transactional_db: None) -> Cutover:
    return make_cutover()


def ask(cutover: Cutover, key: str = "look") -> ItemPreview:
    return services.request_preview(item=item_of(cutover, key), by=person("ama"))


def carried_out(cutover: Cutover, key: str = "look") -> ItemPreview:
    asked = ask(cutover, key)
    executor.run_preview(str(asked.pk))
    return ItemPreview.objects.get(pk=asked.pk)


def previews_as(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> None:
    monkeypatch.setattr(SampleLook, "preview", lambda self, params: work())


def test_the_answer_is_stored_with_its_target(night: Cutover) -> None:
    preview = carried_out(night)
    assert (preview.status, preview.where, preview.lines) == ("DONE", "nowhere/sample", ["look at the moon"])


def test_it_runs_in_a_child_of_the_worker(night: Cutover, monkeypatch: pytest.MonkeyPatch) -> None:
    previews_as(monkeypatch, lambda: Preview([f"{os.getpid()} {os.getppid()}"]))
    child, parent = map(int, carried_out(night).lines[0].split())
    assert child != os.getpid() == parent


def test_one_that_takes_too_long_is_ended(night: Cutover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_run, "TIMEOUT", 0.5)
    previews_as(monkeypatch, lambda: time.sleep(60))
    began = time.monotonic()
    preview = carried_out(night)
    assert time.monotonic() - began < 10
    assert preview.status == "FAILED"
    assert "gave no answer" in preview.problem["what"]


def test_a_bug_is_told_in_words_and_its_traceback_is_in_the_workers_log(
    night: Cutover, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> Preview:
        raise KeyError("some-thing")

    previews_as(monkeypatch, fails)
    with caplog.at_level(logging.ERROR):
        preview = carried_out(night)
    assert preview.problem["what"].startswith("The preview itself failed")
    assert "some-thing" not in str(preview.problem)
    assert "KeyError" in caplog.text


def test_a_second_request_gets_the_live_one_and_only_leads_ask(night: Cutover) -> None:
    first = ask(night)
    assert ask(night).pk == first.pk
    for name in ("efua", "yaw"):
        with pytest.raises(CommandRefused, match="only a migration lead asks"):
            services.request_preview(item=item_of(night, "look"), by=person(name))
    with pytest.raises(CommandRefused):
        services.request_preview(item=item_of(night, "announce"), by=person("ama"))


def test_doubled_forged_and_late_messages_do_nothing(night: Cutover) -> None:
    done = carried_out(night)
    executor.run_preview(str(done.pk))
    executor.run_preview("nonsense")
    executor.run_preview(str(night.pk))
    assert ItemPreview.objects.get().ended_at == done.ended_at
    with pytest.raises(Exception, match="has ended"):
        ItemPreview.objects.update(shown={"lines": ["another"]})


def test_the_dispatcher_wakes_a_worker_again_and_ends_what_nobody_answered(night: Cutover) -> None:
    queued = ask(night)
    woken: list[str] = []
    assert executor.wake_queued_previews(woken.append, after=0) == 1
    assert woken == [str(queued.pk)]
    long_ago = database_now() - timedelta(minutes=5)
    with by_hand():
        ItemPreview.objects.update(status="RUNNING", started_at=long_ago)
    assert executor.wake_queued_previews(woken.append, after=0) == 0
    lost = ItemPreview.objects.get()
    assert lost.status == "LOST"
    assert "No worker brought an answer" in lost.problem["what"]
    preview_run._finish(lost, shown={"lines": ["too late"]})
    assert ItemPreview.objects.get().shown == {}


def test_a_preview_of_an_earlier_definition_stays_with_it(night: Cutover) -> None:
    previewed(item_of(night, "look"))
    assert ItemPreview.objects.filter(item=item_of(night, "change-it")).count() == 0
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM checklists_itempreview")


def test_loading_and_opening_a_runbook_runs_no_command(tmp_path: Path, transactional_db: None) -> None:
    """The check of a command driver reads the list of allowed programs, and starts none of them."""
    program, trace = tmp_path / "status", tmp_path / "ran"
    program.write_text(f"#!/bin/sh\necho ran >> {trace}\necho '{{}}'\n")
    program.chmod(0o755)
    allow(str(program))
    engine = (
        f"systems:\n  shop: {{kind: platform, driver: command, apply: {program}, status: {program}, "
        f"describe: {program}, logs: {program}, config: {program}, start: {program}, stop: {program}}}"
    )
    text = RUNBOOK.replace("systems: {}", engine).replace(
        "action: sample.look,\n         params: {thing: the moon}",
        "action: service.start, undo: restore, params: {platform: shop, services: [api]}",
    )
    cutover = make_cutover("opened", text=text)
    assert not trace.exists()
    assert not Attempt.objects.exists()
    preview = carried_out(cutover)
    assert trace.exists(), f"a worker asks it: {preview.problem}"
