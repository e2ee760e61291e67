"""The supervisor restarts children, stops them in order and leaves no process running; real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cutover.data_folder import PROJECT
from cutover.supervisor import Child, JobFailed, Stopped, Supervisor
from tests.waiting import wait_for

SLEEP = "import time; time.sleep(600)"


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return stat[0] not in "ZX"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]):
    """A supervisor whose children are ended after the test."""
    made = Supervisor(tmp_path, said.append)
    yield made
    made.stop()


def child(code: str, name: str = "thing", **more: object) -> Child:
    return Child(name, [sys.executable, "-c", code], dict(os.environ), **more)


def pid_of(one: Child) -> int:
    assert one.process is not None
    return one.process.pid


def test_a_child_that_ended_is_reported_with_the_end_of_its_log_and_restarted(
    supervisor: Supervisor, said: list[str]
) -> None:
    crashing = child("print('the disk is full'); raise SystemExit(3)")
    supervisor.start(crashing)
    supervisor.watch(lambda: crashing.crashes >= 2, timeout=30)
    assert "thing ended by itself (exit code 3)" in said[0]
    assert "the disk is full" in said[0]
    assert str(supervisor.log_of("thing")) in said[0]


def test_a_killed_child_is_restarted_and_its_new_process_id_is_reported(
    supervisor: Supervisor, said: list[str]
) -> None:
    steady = child(SLEEP)
    supervisor.start(steady)
    first = pid_of(steady)
    assert supervisor.process_id("thing") == first
    os.kill(first, signal.SIGKILL)
    assert supervisor.watch(lambda: steady.process is not None and steady.process.pid != first, timeout=30)
    assert alive(pid_of(steady))
    assert str(pid_of(steady)) in said[-1]


def test_a_process_that_does_not_run_has_no_process_id(supervisor: Supervisor) -> None:
    crashing = child("raise SystemExit(1)")
    supervisor.start(crashing)
    wait_for(lambda: crashing.process is not None and crashing.process.poll() is not None)
    assert supervisor.process_id("thing") is None
    assert supervisor.process_id("another") is None


def test_each_restart_waits_longer_than_the_one_before(supervisor: Supervisor, said: list[str]) -> None:
    crashing = child("raise SystemExit(1)")
    supervisor.start(crashing)
    supervisor.watch(lambda: crashing.crashes >= 3, timeout=60)
    waits = [
        line.split("restarting it in ")[1].split(" s")[0] for line in said if "restarting it in " in line
    ]
    assert waits[:3] == ["0.5", "1", "2"]


def test_children_stop_in_the_opposite_order_of_their_start(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        f"def bye(*_):\n    open({str(order)!r}, 'a').write(sys.argv[1]); sys.exit(0)\n"
        f"signal.signal(signal.SIGTERM, bye)\n"
        f"open({str(tmp_path)!r} + '/up-' + sys.argv[1], 'w')\ntime.sleep(600)"
    )
    for name in "abc":
        one = Child(name, [sys.executable, "-c", code, name], dict(os.environ))
        supervisor.start(one)
    wait_for(lambda: all((tmp_path / f"up-{name}").exists() for name in "abc"))
    supervisor.stop()
    assert order.read_text() == "cba"


def test_a_child_that_ignores_the_signal_is_killed_after_its_grace(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    up = tmp_path / "up"
    code = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(up)!r}, 'w'); {SLEEP}"
    stubborn = child(code, grace=0.3)
    supervisor.start(stubborn)
    wait_for(up.exists)
    pid = pid_of(stubborn)
    supervisor.stop()
    assert not alive(pid)


def test_a_job_that_fails_is_named_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    job = supervisor.job("migrate", [sys.executable, "-c", "raise SystemExit('no table')"], os.environ)
    with pytest.raises(JobFailed, match="no table"):
        supervisor.finish(job)


def test_a_background_job_reports_its_exit_code(supervisor: Supervisor) -> None:
    codes: list[int] = []
    supervisor.job("npm", [sys.executable, "-c", "raise SystemExit(7)"], os.environ, codes.append)
    assert supervisor.watch(lambda: bool(codes), timeout=30)
    assert codes == [7]


ALONE = """
import os, subprocess, sys, time
from pathlib import Path
from cutover.supervisor import Child, Stopped, Supervisor
notes = Path(sys.argv[1])
supervisor = Supervisor(notes / "logs", lambda line: print(line, flush=True))
supervisor.adopt_orphans()
supervisor.catch_stop_signals()
# a child that starts a grandchild in a new session, and ends
sleep = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
orphan = "import subprocess as s, sys; s.Popen([sys.executable, '-c', *sys.argv[1:]], start_new_session=True)"
try:
    steady = [sys.executable, "-c", sleep, str(notes / "steady")]
    supervisor.start(Child("steady", steady, dict(os.environ)))
    supervisor.job("leaver", [sys.executable, "-c", orphan, sleep, str(notes / "orphan")], os.environ)
    supervisor.watch()
except Stopped:
    pass
finally:
    supervisor.stop()
    print("left", supervisor.sweep(), flush=True)
"""


def read_pid(path: Path) -> int:
    wait_for(lambda: path.exists() and path.read_text().isdigit())
    return int(path.read_text())


def started_alone(folder: Path) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", ALONE, str(folder)]
    return subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_processes_even_those_in_another_session(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = started_alone(tmp_path)
    steady, orphan = read_pid(tmp_path / "steady"), read_pid(tmp_path / "orphan")
    process.send_signal(number)
    process.send_signal(number)  # a second signal does not interrupt the orderly stop
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "left 1" in out
    assert not alive(steady)
    assert not alive(orphan)


def test_children_of_a_killed_supervisor_end_too(tmp_path: Path) -> None:
    process = started_alone(tmp_path)
    steady, orphan = read_pid(tmp_path / "steady"), read_pid(tmp_path / "orphan")
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not alive(steady))
    if alive(orphan):  # a killed supervisor cannot end its orphans
        os.kill(orphan, signal.SIGKILL)


class StopsWhenDropped:
    """Python ignores what is raised while an object is deleted, also by a handler of a signal."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(3))


def test_a_stop_signal_is_not_lost_wherever_it_arrives(supervisor: Supervisor) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    supervisor.catch_stop_signals()
    dropped = [StopsWhenDropped()]
    try:
        with pytest.raises(Stopped):
            supervisor.watch(lambda: bool(dropped and dropped.clear()), timeout=5)
        with pytest.raises(Stopped):
            supervisor.finish(supervisor.job("long", [sys.executable, "-c", SLEEP], dict(os.environ)))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
