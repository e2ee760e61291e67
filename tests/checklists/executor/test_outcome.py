"""Every outcome of an attempt, through a real worker."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from checklists.models import Attempt, AuditEntry, Backup, Cutover, Evidence, ParityResult
from checklists.models.audit import database_now
from integrations.processes import start_ticks
from tests.by_hand import by_hand
from tests.checklists.executor.actions import journal
from tests.checklists.executor.conftest import wait_for_status
from tests.waiting import wait_for

Queue = Callable[..., Attempt]
pytestmark = pytest.mark.usefixtures("running_panel")


def cancel(attempt: Attempt) -> None:
    with by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(cancel_requested_at=database_now())


def log_of(attempt: Attempt) -> list[str]:
    return list(attempt.lines.values_list("text", flat=True))


def test_a_success_stores_log_progress_evidence_and_audit_entries(queue: Queue, world: Path) -> None:
    attempt = wait_for_status(queue("test.once", text="x"))
    assert (attempt.status, attempt.summary) == ("SUCCEEDED", "It was played.")
    assert log_of(attempt) == ["line 1", "line 2", "line 3"]
    assert (attempt.progress_done, attempt.progress_total) == (5, 5)
    assert journal(str(world)) == [f"begin {attempt.pk}", f"done {attempt.pk}"]
    evidence = Evidence.objects.get(attempt=attempt)
    assert evidence.ok
    assert evidence.facts == {"world": str(world), "journal": 2}
    assert len(evidence.digest) == 64
    kinds = [entry.kind for entry in AuditEntry.objects.all()]
    assert kinds == ["attempt.started", "attempt.began", "attempt.ended"]
    assert attempt.claimed_at <= attempt.effect_started_at <= attempt.ended_at
    assert attempt.before == {"journal": [], "token": "x"}


def test_a_verdict_is_a_failure_with_evidence(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.once", do="verdict"))
    assert (attempt.status, attempt.summary) == ("FAILED", "The answer is no. Ask again tomorrow.")
    assert not Evidence.objects.get(attempt=attempt).ok


def test_a_problem_is_an_error_in_three_sentences(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.idempotent", do="problem"))
    assert attempt.status == "ERRORED"
    words = {"what": "The world is flat.", "means": "It ends somewhere.", "next": "Turn back."}
    assert attempt.problem == words
    assert not Evidence.objects.filter(attempt=attempt).exists()


def test_an_unforeseen_exception_is_an_error_whose_traceback_is_in_the_log(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.pure", do="crash", text="rope"))
    assert attempt.status == "ERRORED"
    assert attempt.problem["what"] == "KeyError: 'no rope'"
    assert any("do_crash" in line for line in log_of(attempt))


def test_an_action_that_exits_the_interpreter_is_an_error(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.pure", do="exit"))
    assert (attempt.status, attempt.problem["what"]) == ("ERRORED", "SystemExit: 3")


def test_a_killed_action_process_is_an_error(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.idempotent", do="die"))
    assert attempt.status == "ERRORED"
    assert "signal 9" in attempt.problem["what"]


def test_a_killed_process_of_an_at_most_once_action_leaves_it_unknown(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.once", do="die"))
    assert attempt.status == "UNKNOWN"
    assert "The journal has 1 lines of it." in attempt.unknown_reason
    assert attempt.finding["seen"] == "PARTIAL"
    assert "saw them gone" in attempt.finding["dead"]


def test_an_at_most_once_action_that_did_nothing_is_an_error(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.once", do="problem", sees="NOT_DONE"))
    assert attempt.status == "ERRORED"
    assert attempt.problem["what"] == "The world is flat."


@pytest.mark.parametrize("sees", ["DONE", "PARTIAL", "STILL_RUNNING"])
def test_an_at_most_once_action_that_left_something_is_unknown(queue: Queue, sees: str) -> None:
    attempt = wait_for_status(queue("test.once", do="problem", sees=sees))
    assert (attempt.status, attempt.finding["seen"]) == ("UNKNOWN", sees)


def test_a_failed_preparation_is_an_error_without_an_effect(queue: Queue, world: Path) -> None:
    attempt = wait_for_status(queue("test.once", do="never_ready"))
    assert (attempt.status, attempt.effect_started_at) == ("ERRORED", None)
    assert attempt.problem["what"] == "The world is not ready."
    assert journal(str(world)) == []


def test_invalid_parameters_are_an_error_without_an_effect(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.once", seconds="long"))
    assert (attempt.status, attempt.effect_started_at) == ("ERRORED", None)
    assert "Enter a number" in attempt.problem["what"]


def test_a_worker_does_not_act_on_another_target_than_was_shown(queue: Queue, world: Path) -> None:
    attempt = queue("test.once", resource="db:here", lines=0)
    # as if the web process had other variables than the worker
    with by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(resource="db:elsewhere")
    attempt = wait_for_status(attempt)
    assert attempt.status == "ERRORED"
    assert "db:here" in attempt.problem["what"]
    assert journal(str(world)) == []


@pytest.mark.parametrize("do", ["sleep", "program", "swallow"])
def test_a_cancelled_read_only_action_is_cancelled(queue: Queue, do: str) -> None:
    attempt = queue("test.pure", do=do, seconds=60)
    wait_for(lambda: attempt.lines.exists())
    cancel(attempt)
    attempt = wait_for_status(attempt)
    assert (attempt.status, attempt.summary) == ("CANCELLED", "Cancelled by the panel.")
    assert any("asked to stop" in line for line in log_of(attempt))


def test_a_cancelled_action_is_cancelled_when_its_probe_finds_no_effect(queue: Queue) -> None:
    attempt = queue("test.idempotent", do="sleep", seconds=60, sees="NOT_DONE")
    wait_for(lambda: attempt.lines.exists())
    cancel(attempt)
    attempt = wait_for_status(attempt)
    assert attempt.status == "CANCELLED"
    assert attempt.summary == "Cancelled by the panel. It was told to see NOT_DONE."


def test_a_cancelled_action_that_left_something_is_unknown(queue: Queue) -> None:
    attempt = queue("test.once", do="sleep", seconds=60)
    wait_for(lambda: attempt.lines.exists())
    cancel(attempt)
    attempt = wait_for_status(attempt)
    assert (attempt.status, attempt.finding["seen"]) == ("UNKNOWN", "PARTIAL")
    assert "Cancelled by the panel." in attempt.unknown_reason


def test_an_action_that_does_not_stop_is_killed_with_everything_it_started(queue: Queue) -> None:
    attempt = queue("test.pure", do="stubborn", seconds=60)
    wait_for(lambda: attempt.lines.exists())
    owner = wait_for(lambda: Attempt.objects.get(pk=attempt.pk).owner)
    from checklists.executor.process.tree import descendant_pids

    family = wait_for(lambda: len(found := descendant_pids(owner["pid"])) == 3 and found)
    born = {pid: start_ticks(pid) for pid in family}
    cancel(attempt)
    assert wait_for_status(attempt).status == "CANCELLED"
    assert {pid for pid, when in born.items() if start_ticks(pid) == when} == set()


def test_a_cancel_before_the_effect_leaves_no_effect(queue: Queue, world: Path) -> None:
    attempt = queue("test.once", do="slow_before", seconds=30)
    wait_for_status(attempt, "CLAIMED")
    cancel(attempt)
    attempt = wait_for_status(attempt)
    assert (attempt.status, attempt.effect_started_at) == ("CANCELLED", None)
    assert journal(str(world)) == []


def test_an_action_that_is_done_when_the_cancel_comes_is_not_cancelled(queue: Queue) -> None:
    attempt = queue("test.once", do="sleep", seconds=0.3)
    wait_for(lambda: attempt.lines.exists())
    cancel(attempt)
    # never “cancelled”: something is there
    assert wait_for_status(attempt).status in ("SUCCEEDED", "UNKNOWN")


@pytest.mark.parametrize("do", ["sleep", "stubborn"])
def test_an_action_beyond_its_deadline_is_timed_out(queue: Queue, do: str) -> None:
    attempt = wait_for_status(queue("test.idempotent", do=do, seconds=60, deadline=1))
    assert (attempt.status, attempt.summary) == ("TIMED_OUT", "It did not finish within 1 s.")


def test_an_at_most_once_action_beyond_its_deadline_is_unknown(queue: Queue) -> None:
    assert wait_for_status(queue("test.once", do="sleep", seconds=60, deadline=1)).status == "UNKNOWN"


def test_a_preparation_beyond_the_deadline_is_an_error(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.once", do="slow_before", seconds=60, deadline=1))
    assert (attempt.status, attempt.effect_started_at) == ("ERRORED", None)
    assert "Preparing it took longer" in attempt.problem["what"]


def test_a_signal_from_outside_is_not_a_cancel(queue: Queue) -> None:
    attempt = queue("test.idempotent", do="sleep", seconds=60)
    wait_for(lambda: attempt.lines.exists())
    os.kill(Attempt.objects.get(pk=attempt.pk).owner["action"]["pid"], signal.SIGTERM)
    attempt = wait_for_status(attempt)
    assert attempt.status == "ERRORED"
    assert "outside the panel" in attempt.problem["what"]


def test_secrets_are_stored_nowhere(queue: Queue) -> None:
    word = secrets.token_hex(8)
    # the parameter itself is no secret here: it is taken out before looking
    told = wait_for_status(queue("test.pure", do="tell", text=word))
    crashed = wait_for_status(queue("test.pure", do="tell_crash", text=word))
    assert (told.status, crashed.status) == ("SUCCEEDED", "ERRORED")
    told.params = crashed.params = told.before = crashed.before = {}
    texts = [*log_of(told), *log_of(crashed)]
    rows = [told.__dict__, crashed.__dict__, Evidence.objects.get(attempt=told).facts]
    rows += [entry.payload for entry in AuditEntry.objects.all()]
    everything = json.dumps([texts, rows], default=str, ensure_ascii=False)
    assert "•••" in everything
    assert word not in everything
    assert word.encode().hex() not in everything


def test_passwords_in_the_addresses_of_systems_are_masked(cutover: Cutover, queue: Queue) -> None:
    word = secrets.token_hex(8)
    cutover.systems = {"old": {"kind": "postgres", "url": f"postgresql://app:{word}@old.example/church"}}
    with by_hand():
        cutover.save()
    attempt = wait_for_status(queue("test.pure", do="crash", text=f"psql said {word}"))
    assert attempt.problem["what"] == "KeyError: 'no psql said •••'"
    assert word not in "".join(log_of(attempt))


def test_whatever_an_action_reports_is_kept_and_shown(queue: Queue, client: Client, settings: Any) -> None:
    """The work is done by then: what it wants to tell must not make it an error."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    attempt = wait_for_status(queue("test.once", do="hostile"))
    assert attempt.status == "SUCCEEDED", attempt.unknown_reason or attempt.problem
    assert attempt.summary.startswith("done a")
    assert len(attempt.summary) < 4100
    kept = Evidence.objects.get(attempt=attempt).facts["all"]
    assert kept[:5] == ["nan", "inf", "-inf", str(int(1e308)), str(2**63)]
    assert kept[6:8] == ["(a number of thousands of digits)"] * 2
    assert "nested more than" in str(kept[12])
    client.force_login(User.objects.create_superuser("root"))
    slug, key = attempt.cutover.slug, attempt.item.key
    for name, *of in (
        *(("item", key), ("cutover",), ("parity",), ("record",)),
        *(("parity_attempt", attempt.pk), ("parity_row", attempt.pk, 1), ("parity_row", attempt.pk, 2)),
    ):
        answer = client.get(reverse(name, args=[slug, *of]))
        content = b"".join(answer) if answer.streaming else answer.content
        assert (name, answer.status_code) == (name, 200)
        assert len(content) < 500_000


@pytest.mark.parametrize("do", ["misshapen", "verified"])
def test_work_whose_evidence_is_unreadable_is_not_repeated(queue: Queue, do: str) -> None:
    attempt = wait_for_status(queue("test.once", do=do, text="f" * 64), "UNKNOWN")
    assert "not shaped" in attempt.unknown_reason
    assert "It ended with" in attempt.unknown_reason
    assert not Evidence.objects.exists()


def test_log_lines_are_cleaned_and_wrapped(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.pure", do="bytes", lines=0))
    lines = log_of(attempt)
    assert lines[:2] == ["two", "lines\N{REPLACEMENT CHARACTER} and red"]
    assert "".join(line.removesuffix("…+") for line in lines[2:]) == "x" * 40_000
    assert max(map(len, lines)) <= 16 * 1024 + 2


def test_twenty_thousand_lines_are_stored_in_order_without_a_gap(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.pure", lines=20_000))
    assert attempt.status == "SUCCEEDED"
    assert list(attempt.lines.values_list("number", "text")) == [
        (number, f"line {number}") for number in range(1, 20_001)
    ]
    assert attempt.log_next == 20_001


def test_backup_evidence_is_stored_in_its_table(queue: Queue) -> None:
    digest = secrets.token_hex(32)
    taken = wait_for_status(queue("test.idempotent", do="backup", text=digest))
    verified = wait_for_status(queue("test.idempotent", do="verified", text=digest))
    backup = Backup.objects.get()
    assert (backup.attempt_id, backup.bytes, backup.facts["rows"]) == (taken.pk, 12, 9)
    assert (backup.verified_by_id, backup.restore_seconds) == (verified.pk, 4.5)
    assert backup.verified_at


def test_parity_evidence_is_stored_table_by_table(queue: Queue) -> None:
    attempt = wait_for_status(queue("test.pure", do="parity"))
    result = ParityResult.objects.get(attempt=attempt)
    assert (result.table, result.differing, result.facts) == ("public.gift", 1, {"unsound": ["x"]})


@pytest.mark.parametrize("do", ["misshapen", "verified"])
def test_unreadable_evidence_makes_the_attempt_an_error(queue: Queue, do: str) -> None:
    attempt = wait_for_status(queue("test.idempotent", do=do, text="f" * 64))
    assert attempt.status == "ERRORED"
    assert "evidence" in attempt.problem["what"]
    assert not Evidence.objects.exists()
    assert not Backup.objects.exists()


def test_an_outcome_is_written_once_the_database_is_back(queue: Queue) -> None:
    attempt = queue("test.once", do="sleep", seconds=1.5)
    wait_for(lambda: attempt.lines.exists())
    with psycopg.connect(_address(), autocommit=True) as admin:
        ended = admin.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name = 'cutover:guard'"
        ).fetchone()
    assert ended
    assert ended[0] >= 1
    assert wait_for_status(attempt).status == "SUCCEEDED"


def _address() -> str:
    from tests import servers

    return servers.POSTGRES.url(connection.settings_dict["NAME"])
