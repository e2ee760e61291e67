"""A program that may run at most once is killed with its worker: its own probe tells what it did."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from checklists import services
from checklists.executor.process.tree import descendant_pids
from checklists.models import Attempt, Cutover
from checklists.states import Reconciliation
from integrations.redact import MASK
from tests.allowed import allow
from tests.checklists.executor.conftest import FAST, Panel, wait_for_status
from tests.checklists.histories import item_of, person
from tests.released import release
from tests.waiting import wait_for

RUNBOOK = """
name: commands
title: Commands
timezone: UTC
roles: {lead: Migration lead}
phases:
  - key: one
    title: One
    items:
      - {key: move, title: Move, kind: action, owner: lead, action: command.run,
         irreversible: It is only a test.,
         params: {argv: [FOLDER/move, "${SESSION_PIN}"], effect: at_most_once,
                  probe: [FOLDER/probe], not_done_codes: [3]}}
"""


@pytest.fixture
def night(transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cutover:
    for name, text in (
        ("move", f"echo moving with $1; echo begun > {tmp_path}/begun; sleep 600"),
        ("probe", f"test -e {tmp_path}/begun && echo it is there || exit 3"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
        allow(tmp_path / name)
    monkeypatch.setenv("SESSION_PIN", "Zq9rT4mK")
    release(RUNBOOK)
    runbook = services.load_runbook(text=RUNBOOK.replace("FOLDER", str(tmp_path)), by=None)
    return services.open_cutover(
        runbook=runbook, kind="REHEARSAL", title="Commands", slug="commands", by=person("ama")
    )


def test_a_killed_program_is_unknown_until_a_person_decides_on_its_probe(
    panel: Panel, night: Cutover, tmp_path: Path
) -> None:
    panel.environment |= {name: os.environ[name] for name in ("SESSION_PIN", "CUTOVER_PROGRAMS")}
    for words in (("reaper",), ("dispatcher",), ("worker", "--queues", "probes", "--concurrency", "1")):
        panel.start(*words, times=FAST)
    worker = panel.start("worker", "--queues", "steps", times=FAST)
    attempt = services.start_attempt(item=item_of(night, "move"), by=person("ama"))
    wait_for(lambda: (tmp_path / "begun").exists())
    wait_for(lambda: attempt.lines.filter(text__startswith="moving with").exists())
    for pid in [*descendant_pids(worker.pid), worker.pid]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    worker.wait()
    wait_for_status(attempt, "UNKNOWN", timeout=60)
    wait_for(lambda: Attempt.objects.get(pk=attempt.pk).finding.get("seen") == "DONE", timeout=90)
    assert "it is there" in Attempt.objects.get(pk=attempt.pk).finding["saw"]
    texts = list(attempt.lines.values_list("text", flat=True))
    assert f"$ {tmp_path}/move {MASK}" in texts
    assert f"moving with {MASK}" in texts
    services.reconcile_attempt(
        attempt=attempt, by=person("ama"), found=Reconciliation.DONE, note="the file is there"
    )
