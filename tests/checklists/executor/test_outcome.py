"""Each way in which an attempt can end, through a real worker."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from checklists.executor.identity import started
from checklists.models import Attempt, AuditEntry, Backup, Cutover, Evidence, ParityResult
from checklists.models.audit import database_now
from tests.checklists.executor.actions import journal
from tests.checklists.executor.conftest import wait_for, wait_until

Queue = Callable[..., Attempt]
pytestmark = pytest.mark.usefixtures("running_panel")


def cancel(attempt: Attempt) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(cancel_requested_at=database_now())


def log_of(attempt: Attempt) -> list[str]:
    return list(attempt.lines.values_list("text", flat=True))


def test_a_success_leaves_log_progress_evidence_and_record(queue: Queue, world: Path) -> None:
    attempt = wait_for(queue("test.once", text="x"))
    assert (attempt.status, attempt.summary) == ("SUCCEEDED", "It was played.")
    assert log_of(attempt) == ["line 1", "line 2", "line 3"]
    assert (attempt.progress_done, attempt.progress_total) == (5, 5)
    assert journal(str(world)) == [f"begin {attempt.pk}", f"done {attempt.pk}"]
    evidence = Evidence.objects.get(attempt=attempt)
    assert evidence.ok
    assert evidence.facts == {"world": str(world), "journal": 2}
    assert len(evidence.digest) == 64
    assert [e.kind for e in AuditEntry.objects.all()] == ["attempt.began", "attempt.ended"]
    assert attempt.claimed_at <= attempt.effect_started_at <= attempt.ended_at
    assert attempt.before == {"journal": [], "token": "x"}


def test_a_verdict_is_a_failure_with_evidence(queue: Queue) -> None:
    attempt = wait_for(queue("test.once", do="verdict"))
    assert (attempt.status, attempt.summary) == ("FAILED", "The answer is no. Ask again tomorrow.")
    assert not Evidence.objects.get(attempt=attempt).ok


def test_a_problem_is_an_error_in_three_sentences(queue: Queue) -> None:
    attempt = wait_for(queue("test.idempotent", do="problem"))
    assert attempt.status == "ERRORED"
    words = {"what": "The world is flat.", "means": "It ends somewhere.", "next": "Turn back."}
    assert attempt.problem == words
    assert not Evidence.objects.filter(attempt=attempt).exists()


def test_an_unforeseen_exception_is_an_error_whose_traceback_is_in_the_log(queue: Queue) -> None:
    attempt = wait_for(queue("test.pure", do="crash", text="rope"))
    assert attempt.status == "ERRORED"
    assert attempt.problem["what"] == "KeyError: 'no rope'"
    assert any("do_crash" in line for line in log_of(attempt))


def test_an_action_that_leaves_python_is_an_error(queue: Queue) -> None:
    attempt = wait_for(queue("test.pure", do="exit"))
    assert (attempt.status, attempt.problem["what"]) == ("ERRORED", "SystemExit: 3")


def test_a_killed_action_process_is_an_error(queue: Queue) -> None:
    attempt = wait_for(queue("test.idempotent", do="die"))
    assert attempt.status == "ERRORED"
    assert "signal 9" in attempt.problem["what"]


def test_a_killed_process_of_what_may_run_once_is_unknown_and_its_finding_shown(queue: Queue) -> None:
    attempt = wait_for(queue("test.once", do="die"))
    assert attempt.status == "UNKNOWN"
    assert "The journal has 1 lines of it." in attempt.unknown_reason
    assert attempt.finding["seen"] == "PARTIAL"
    assert "saw them gone" in attempt.finding["dead"]


def test_an_error_of_what_may_run_once_stays_an_error_when_nothing_was_done(queue: Queue) -> None:
    attempt = wait_for(queue("test.once", do="problem", sees="NOT_DONE"))
    assert attempt.status == "ERRORED"
    assert attempt.problem["what"] == "The world is flat."


@pytest.mark.parametrize("sees", ["DONE", "PARTIAL", "STILL_RUNNING"])
def test_an_error_of_what_may_run_once_is_unknown_when_something_is_there(queue: Queue, sees: str) -> None:
    attempt = wait_for(queue("test.once", do="problem", sees=sees))
    assert (attempt.status, attempt.finding["seen"]) == ("UNKNOWN", sees)


def test_preparing_that_fails_is_an_error_without_an_effect(queue: Queue, world: Path) -> None:
    attempt = wait_for(queue("test.once", do="never_ready"))
    assert (attempt.status, attempt.effect_started_at) == ("ERRORED", None)
    assert attempt.problem["what"] == "The world is not ready."
    assert journal(str(world)) == []


def test_parameters_that_do_not_fit_here_are_an_error_without_an_effect(queue: Queue) -> None:
    attempt = wait_for(queue("test.once", seconds="long"))
    assert (attempt.status, attempt.effect_started_at) == ("ERRORED", None)
    assert "Enter a number" in attempt.problem["what"]


def test_a_worker_that_would_act_on_another_target_does_not_act(queue: Queue, world: Path) -> None:
    attempt = queue("test.once", resource="db:here", lines=0)
    # as if the web process had other variables than the worker
    Attempt.objects.filter(pk=attempt.pk).update(resource="db:elsewhere")
    attempt = wait_for(attempt)
    assert attempt.status == "ERRORED"
    assert "db:here" in attempt.problem["what"]
    assert journal(str(world)) == []


@pytest.mark.parametrize("do", ["sleep", "program", "swallow"])
def test_a_cancelled_action_that_only_looks_is_cancelled(queue: Queue, do: str) -> None:
    attempt = queue("test.pure", do=do, seconds=60)
    wait_until(lambda: attempt.lines.exists())
    cancel(attempt)
    attempt = wait_for(attempt)
    assert (attempt.status, attempt.summary) == ("CANCELLED", "Cancelled by the panel.")
    assert any("asked to stop" in line for line in log_of(attempt))


def test_a_cancelled_action_is_cancelled_when_its_probe_finds_nothing_of_it(queue: Queue) -> None:
    attempt = queue("test.idempotent", do="sleep", seconds=60, sees="NOT_DONE")
    wait_until(lambda: attempt.lines.exists())
    cancel(attempt)
    attempt = wait_for(attempt)
    assert attempt.status == "CANCELLED"
    assert attempt.summary == "Cancelled by the panel. It was told to see NOT_DONE."


def test_a_cancelled_action_that_left_something_is_unknown(queue: Queue) -> None:
    attempt = queue("test.once", do="sleep", seconds=60)
    wait_until(lambda: attempt.lines.exists())
    cancel(attempt)
    attempt = wait_for(attempt)
    assert (attempt.status, attempt.finding["seen"]) == ("UNKNOWN", "PARTIAL")
    assert "Cancelled by the panel." in attempt.unknown_reason


def test_what_does_not_stop_is_killed_with_everything_it_started(queue: Queue) -> None:
    attempt = queue("test.pure", do="stubborn", seconds=60)
    wait_until(lambda: attempt.lines.exists())
    owner = wait_until(lambda: Attempt.objects.get(pk=attempt.pk).owner)
    from checklists.executor.tree import below

    family = wait_until(lambda: len(found := below(owner["pid"])) == 3 and found)
    born = {pid: started(pid) for pid in family}
    cancel(attempt)
    assert wait_for(attempt).status == "CANCELLED"
    assert {pid for pid, when in born.items() if started(pid) == when} == set()


def test_a_cancel_before_the_effect_leaves_no_effect(queue: Queue, world: Path) -> None:
    attempt = queue("test.once", do="slow_before", seconds=30)
    wait_for(attempt, "CLAIMED")
    cancel(attempt)
    attempt = wait_for(attempt)
    assert (attempt.status, attempt.effect_started_at) == ("CANCELLED", None)
    assert journal(str(world)) == []


def test_an_action_that_is_done_when_the_cancel_comes_has_succeeded(queue: Queue) -> None:
    attempt = queue("test.once", do="sleep", seconds=0.3)
    wait_until(lambda: attempt.lines.exists())
    cancel(attempt)
    assert wait_for(attempt).status in ("SUCCEEDED", "UNKNOWN")  # never “cancelled”: something is there


@pytest.mark.parametrize("do", ["sleep", "stubborn"])
def test_a_passed_deadline_is_a_time_out(queue: Queue, do: str) -> None:
    attempt = wait_for(queue("test.idempotent", do=do, seconds=60, deadline=1))
    assert (attempt.status, attempt.summary) == ("TIMED_OUT", "It did not finish within 1 s.")


def test_a_passed_deadline_of_what_may_run_once_is_unknown(queue: Queue) -> None:
    assert wait_for(queue("test.once", do="sleep", seconds=60, deadline=1)).status == "UNKNOWN"


def test_preparing_beyond_the_deadline_is_an_error(queue: Queue) -> None:
    attempt = wait_for(queue("test.once", do="slow_before", seconds=60, deadline=1))
    assert (attempt.status, attempt.effect_started_at) == ("ERRORED", None)
    assert "Preparing it took longer" in attempt.problem["what"]


def test_a_signal_from_outside_is_not_taken_for_a_cancel(queue: Queue) -> None:
    attempt = queue("test.idempotent", do="sleep", seconds=60)
    wait_until(lambda: attempt.lines.exists())
    os.kill(Attempt.objects.get(pk=attempt.pk).owner["action"]["pid"], signal.SIGTERM)
    attempt = wait_for(attempt)
    assert attempt.status == "ERRORED"
    assert "outside the panel" in attempt.problem["what"]


def test_secrets_are_stored_nowhere(queue: Queue) -> None:
    word = secrets.token_hex(8)
    # the parameter itself is no secret here: it is taken out before looking
    told = wait_for(queue("test.pure", do="tell", text=word))
    crashed = wait_for(queue("test.pure", do="tell_crash", text=word))
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
    cutover.save()
    attempt = wait_for(queue("test.pure", do="crash", text=f"psql said {word}"))
    assert attempt.problem["what"] == "KeyError: 'no psql said •••'"
    assert word not in "".join(log_of(attempt))


def test_a_number_that_is_none_is_refused_where_it_is_told(queue: Queue) -> None:
    attempt = wait_for(queue("test.pure", do="nan"))
    assert attempt.status == "ERRORED"
    assert "ValueError" in attempt.problem["what"]


def test_log_lines_are_clean_and_wrapped(queue: Queue) -> None:
    attempt = wait_for(queue("test.pure", do="bytes", lines=0))
    lines = log_of(attempt)
    assert lines[:2] == ["two", "lines and red"]
    assert "".join(line.removesuffix("…+") for line in lines[2:]) == "x" * 40_000
    assert max(map(len, lines)) <= 16 * 1024 + 2


def test_twenty_thousand_lines_arrive_in_order_without_gap(queue: Queue) -> None:
    attempt = wait_for(queue("test.pure", lines=20_000))
    assert attempt.status == "SUCCEEDED"
    assert list(attempt.lines.values_list("number", "text")) == [
        (number, f"line {number}") for number in range(1, 20_001)
    ]
    assert attempt.log_next == 20_001


def test_a_backup_and_its_verification_are_projected(queue: Queue) -> None:
    digest = secrets.token_hex(32)
    taken = wait_for(queue("test.idempotent", do="backup", text=digest))
    verified = wait_for(queue("test.idempotent", do="verified", text=digest))
    backup = Backup.objects.get()
    assert (backup.attempt_id, backup.bytes, backup.facts["rows"]) == (taken.pk, 12, 9)
    assert (backup.verified_by_id, backup.restore_seconds) == (verified.pk, 4.5)
    assert backup.verified_at


def test_a_parity_result_is_projected_by_table(queue: Queue) -> None:
    attempt = wait_for(queue("test.pure", do="parity"))
    result = ParityResult.objects.get(attempt=attempt)
    assert (result.table, result.differing, result.facts) == ("public.gift", 1, {"unsound": ["x"]})


@pytest.mark.parametrize("do", ["misshapen", "verified"])
def test_evidence_that_cannot_be_kept_is_an_error_not_a_success(queue: Queue, do: str) -> None:
    attempt = wait_for(queue("test.idempotent", do=do, text="f" * 64))
    assert attempt.status == "ERRORED"
    assert "evidence" in attempt.problem["what"]
    assert not Evidence.objects.exists()
    assert not Backup.objects.exists()


def test_an_ending_waits_for_a_database_that_hangs_up(queue: Queue) -> None:
    attempt = queue("test.once", do="sleep", seconds=1.5)
    wait_until(lambda: attempt.lines.exists())
    with psycopg.connect(_address(), autocommit=True) as admin:
        ended = admin.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name = 'cutover:guard'"
        ).fetchone()
    assert ended
    assert ended[0] >= 1
    assert wait_for(attempt).status == "SUCCEEDED"


def _address() -> str:
    from tests import servers

    return servers.POSTGRES.url(connection.settings_dict["NAME"])
