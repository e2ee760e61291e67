"""A program gets what it is given and no more, tells line by line, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integrations import programs
from integrations.errors import Cancelled, Problem
from integrations.programs import CONTINUED, LINE, run
from tests.integrations.recorder import Recorder

STUBBORN = "trap '' TERM; setsid sleep 300 & (setsid sleep 300 &) ; echo ready; while :; do sleep 0.1; done"


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return False


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


def test_a_giant_line_is_broken_into_marked_pieces() -> None:
    report = Recorder()
    run([sys.executable, "-c", f"print('x' * {3 * LINE + 5}); print('next')"], report=report)
    assert [len(line) for line in report.lines] == [LINE + len(CONTINUED)] * 3 + [5, 4]
    assert all(line.endswith(CONTINUED) for line in report.lines[:3])


def test_output_without_a_line_end_does_not_fill_the_memory() -> None:
    report = Recorder()
    run(
        [sys.executable, "-c", "import sys; [sys.stdout.write('x' * 100_000) for _ in range(200)]"],
        report=report,
    )
    assert sum(len(line.removesuffix(CONTINUED)) for line in report.lines) == 20_000_000
    assert max(map(len, report.lines)) <= LINE + len(CONTINUED)


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
    assert programs.leftovers("timeout-test") == []


def test_a_cancel_ends_what_ignores_signals_and_what_left_the_session() -> None:
    report = Recorder(lambda report: "ready" in report.lines, attempt="cancel-test")
    with pytest.raises(Cancelled):
        run(["sh", "-c", STUBBORN], report=report)
    assert programs.leftovers("cancel-test") == []


def test_what_a_finished_program_left_running_is_ended_and_said() -> None:
    report = Recorder()
    done = run(["sh", "-c", "(setsid sleep 300 &) ; echo done"], report=report, attempt="left-test")
    assert done.ok
    assert programs.leftovers("left-test") == []
    assert report.lines == ["done", "1 process(es) that sh left running were ended."]


def test_the_program_is_asked_before_it_is_killed(tmp_path: Path) -> None:
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


def test_it_dies_with_us_even_when_we_are_killed() -> None:
    code = PARENT.format(path=str(Path.cwd()))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        assert len(programs.leftovers("orphan-test")) >= 1
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    shell_dead = eventually(lambda: len(programs.leftovers("orphan-test")) <= 1)
    assert shell_dead
    assert programs.kill_leftovers("orphan-test") == []  # its `sleep` had lost its parent, not its mark


def test_leftovers_are_those_of_that_attempt_and_never_ourselves(monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"PATH": os.environ["PATH"], "CUTOVER_ATTEMPT": "mine"}
    with (
        subprocess.Popen(["sleep", "300"], env=env) as mine,
        subprocess.Popen(["sleep", "300"], env={**env, "CUTOVER_ATTEMPT": "mine-not"}) as other,
    ):
        assert eventually(lambda: programs.leftovers("mine") == [mine.pid])
        assert programs.kill_leftovers("mine") == []
        assert mine.wait() == -signal.SIGKILL
        assert other.poll() is None
        other.kill()
    assert programs.leftovers("") == []
    code = "from integrations.programs import *; print(leftovers('self'), kill_leftovers('self'))"
    inner = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, "CUTOVER_ATTEMPT": "self"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert inner.stdout == "[] []\n"
