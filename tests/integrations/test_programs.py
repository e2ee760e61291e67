"""A program gets the given environment only, is read line by line, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from integrations import processes
from integrations.errors import Cancelled, Problem
from integrations.program_output import LINE
from integrations.programs import run
from tests.integrations.recorder import Recorder
from tests.waiting import wait_for

STUBBORN = "trap '' TERM; setsid sleep 300 & (setsid sleep 300 &) ; echo ready; while :; do sleep 0.1; done"


def test_output_comes_line_by_line_and_the_exit_code_is_no_exception() -> None:
    report = Recorder()
    done = run(["sh", "-c", "echo one; echo two >&2; printf three; exit 3"], report=report)
    assert (done.code, done.ok) == (3, False)
    assert done.argv[0].endswith("/sh")
    assert sorted(report.lines) == ["one", "three", "two"]
    assert (done.stdout, done.stderr) == ("one\nthree", "two\n")


def test_captured_output_is_whole_and_is_not_logged() -> None:
    report = Recorder()
    done = run([sys.executable, "-c", "print('ü' * 1_000_000)"], capture=True, report=report)
    assert done.stdout == "ü" * 1_000_000 + "\n"
    assert report.lines == []


def test_lines_come_while_the_program_runs() -> None:
    report = Recorder(lambda report: "first" in report.lines)
    with pytest.raises(Cancelled):
        run(["sh", "-c", "echo first; sleep 300"], report=report)


def test_the_environment_is_the_allow_list_and_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPASSWORD", "LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "SECRET_KEY"):
        monkeypatch.setenv(name, "" if name == "LD_PRELOAD" else "x")
    done = run(["env"], env={"GIVEN": "a b"}, capture=True, attempt="a1")
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert names <= {"PATH", "LANG", "HOME", "TZ", "GIVEN", "CUTOVER_ATTEMPT", "CUTOVER_PROGRAM", "LC_CTYPE"}
    assert {"GIVEN", "CUTOVER_ATTEMPT", "PATH"} <= names


def test_no_shell_reads_the_words() -> None:
    words = ["$(touch /tmp/never)", "; false", "*", "a\nb"]
    assert run(["printf", "%s|", *words], capture=True).stdout == "".join(f"{word}|" for word in words)


def test_standard_input_is_empty_or_the_given_text() -> None:
    assert run(["cat"], capture=True).stdout == ""
    text = "line\n" * 100_000
    assert run(["cat"], stdin=text, capture=True).stdout == text
    assert run(["true"], stdin=text).ok  # a program that does not read it


def test_a_very_long_line_comes_in_pieces_that_say_so() -> None:
    report = Recorder()
    run([sys.executable, "-c", f"print('x' * {3 * LINE + 5}); print('next …+')"], report=report)
    assert [len(line) for line in report.lines] == [LINE] * 3 + [5, 7]
    assert [more for _, _, more in report.pieces] == [True] * 3 + [False] * 2
    assert report.lines[-1] == "next …+"


def test_both_outputs_of_each_run_are_streams_of_their_own() -> None:
    report = Recorder()
    for _ in range(2):
        run(["sh", "-c", "echo out; echo err >&2; printf end"], report=report)
    streams = {(line, stream) for line, stream, _ in report.pieces}
    assert len(streams) == 6
    assert len({stream for _, stream in streams}) == 4


def test_a_piece_ends_behind_a_whole_character() -> None:
    report = Recorder()
    run([sys.executable, "-c", f"print('a' + '€' * {LINE})"], report=report)
    assert "".join(report.lines) == "a" + "€" * LINE
    assert len(report.lines) > 2


def test_an_unfinished_line_of_a_program_that_was_stopped_is_kept() -> None:
    report = Recorder(lambda report: time.monotonic() > until)
    until = time.monotonic() + 1
    with pytest.raises(Cancelled):
        run(["sh", "-c", "printf 'waiting for '; sleep 300"], report=report)
    assert report.lines == ["waiting for "]


def test_a_function_for_lines_gets_long_lines_whole() -> None:
    lines = list[str]()
    run([sys.executable, "-c", f"print('x' * {5 * LINE}); print('next')"], on_line=lines.append)
    assert [len(line) for line in lines] == [5 * LINE, 4]


def test_output_without_a_line_end_does_not_fill_the_memory() -> None:
    report = Recorder()
    run(
        [sys.executable, "-c", "import sys; [sys.stdout.write('x' * 100_000) for _ in range(200)]"],
        report=report,
    )
    assert sum(map(len, report.lines)) == 20_000_000
    assert max(map(len, report.lines)) <= LINE


def test_a_progress_bar_is_its_last_state_and_broken_bytes_are_shown_as_such() -> None:
    report = Recorder()
    run(["printf", r"10%%\r50%%\r100%%\r\n\377\376 end\n"], report=report)
    assert report.lines == ["100%", "\ufffd\ufffd end"]


def test_a_missing_program_is_named_with_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="pg_dump is not installed") as caught:
        run(["pg_dump"], env={"PATH": str(tmp_path)})
    assert "postgresql-client" in caught.value.next
    with pytest.raises(Problem, match=r"no/such/thing"):
        run(["no/such/thing"], cwd=tmp_path)


def test_a_program_below_its_own_folder_is_found_there(tmp_path: Path) -> None:
    script = tmp_path / "bin" / "here"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o755)
    assert run(["bin/here"], cwd=tmp_path, capture=True).stdout.strip() == str(tmp_path)


def test_a_passed_timeout_ends_everything_that_was_started() -> None:
    with pytest.raises(Problem, match="did not finish within 1 s"):
        run(["sh", "-c", STUBBORN], timeout=1, attempt="timeout-test")
    assert processes.find_leftovers("timeout-test") == []


def test_a_cancel_ends_what_ignores_signals_and_what_left_the_session() -> None:
    report = Recorder(lambda report: "ready" in report.lines, attempt="cancel-test")
    with pytest.raises(Cancelled):
        run(["sh", "-c", STUBBORN], report=report)
    assert processes.find_leftovers("cancel-test") == []


def test_processes_that_a_finished_program_left_are_ended_and_logged() -> None:
    report = Recorder()
    done = run(["sh", "-c", "(setsid sleep 300 &) ; echo done"], report=report, attempt="left-test")
    assert done.ok
    assert processes.find_leftovers("left-test") == []
    assert report.lines == ["done", "1 process(es) that sh left running were ended."]


def test_a_program_gets_sigterm_before_sigkill(tmp_path: Path) -> None:
    report = Recorder(lambda report: "ready" in report.lines)
    script = f"trap 'touch {tmp_path}/cleaned; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    with pytest.raises(Cancelled):
        run(["sh", "-c", script], report=report)
    assert (tmp_path / "cleaned").exists()


PARENT = """
import sys
sys.path.insert(0, {path!r})
from integrations.programs import run
tell = lambda line: print(line, flush=True)
run(["sh", "-c", "echo started; sleep 300"], attempt="orphan-test", on_line=tell)
"""


def test_a_program_dies_with_the_worker_even_when_that_is_killed() -> None:
    code = PARENT.format(path=str(Path.cwd()))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        assert len(processes.find_leftovers("orphan-test")) >= 1
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: len(processes.find_leftovers("orphan-test")) <= 1)
    assert processes.kill_leftovers("orphan-test") == []  # its `sleep` had lost its parent, not its mark


def test_leftovers_are_those_of_that_attempt_and_never_ourselves(monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"PATH": os.environ["PATH"], "CUTOVER_ATTEMPT": "mine"}
    with (
        subprocess.Popen(["sleep", "300"], env=env) as mine,
        subprocess.Popen(["sleep", "300"], env={**env, "CUTOVER_ATTEMPT": "mine-not"}) as other,
    ):
        wait_for(lambda: processes.find_leftovers("mine") == [mine.pid])
        assert processes.kill_leftovers("mine") == []
        assert mine.wait() == -signal.SIGKILL
        assert other.poll() is None
        other.kill()
    assert processes.find_leftovers("") == []
    code = "from integrations.processes import *; print(find_leftovers('self'), kill_leftovers('self'))"
    inner = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, "CUTOVER_ATTEMPT": "self"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert inner.stdout == "[] []\n"
