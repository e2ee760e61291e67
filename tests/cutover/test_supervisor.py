"""The supervisor restarts what falls, stops in order, leaves nothing behind: real processes, by pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cutover.data_folder import PROJECT
from cutover.supervisor import Child, JobFailed, Supervisor, seconds

SLEEP = "import time; time.sleep(600)"


def alive(pid: int) -> bool:
    """Is it there, and more than a zombie?"""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return stat[0] not in "ZX"


def eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.05)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]):  # type: ignore[no-untyped-def]
    """One whose children are ended after the test, whatever happens."""
    made = Supervisor(tmp_path, said.append)
    yield made
    made.stop()


def child(code: str, name: str = "thing", **more: object) -> Child:
    return Child(name, [sys.executable, "-c", code], dict(os.environ), **more)  # type: ignore[arg-type]


def pid_of(one: Child) -> int:
    assert one.process is not None
    return one.process.pid


def test_a_fallen_child_is_named_with_the_end_of_its_log_and_started_again(
    supervisor: Supervisor, said: list[str]
) -> None:
    fallen = child("print('the disk is full'); raise SystemExit(3)")
    supervisor.start(fallen)
    supervisor.watch(lambda: fallen.falls >= 2, timeout=30)
    assert "thing ended by itself (exit code 3)" in said[0]
    assert "the disk is full" in said[0]
    assert str(supervisor.log_of("thing")) in said[0]


def test_a_killed_child_is_started_again_under_another_number(supervisor: Supervisor) -> None:
    steady = child(SLEEP)
    supervisor.start(steady)
    first = pid_of(steady)
    os.kill(first, signal.SIGKILL)
    assert supervisor.watch(lambda: steady.process is not None and steady.process.pid != first, timeout=30)
    assert alive(pid_of(steady))


def test_every_fall_waits_longer_than_the_one_before(supervisor: Supervisor, said: list[str]) -> None:
    fallen = child("raise SystemExit(1)")
    supervisor.start(fallen)
    supervisor.watch(lambda: len(said) >= 3, timeout=60)
    waits = [line.split("again in ")[1].split(" s")[0] for line in said]
    assert waits[:3] == ["0.5", "1.0", "2.0"]


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
    eventually(lambda: all((tmp_path / f"up-{name}").exists() for name in "abc"))
    supervisor.stop()
    assert order.read_text() == "cba"


def test_a_child_that_does_not_listen_is_killed_after_its_grace(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    up = tmp_path / "up"
    code = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(up)!r}, 'w'); {SLEEP}"
    deaf = child(code, grace=0.3)
    supervisor.start(deaf)
    eventually(up.exists)
    pid = pid_of(deaf)
    supervisor.stop()
    assert not alive(pid)


def test_a_job_that_fails_is_named_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    job = supervisor.job("migrate", [sys.executable, "-c", "raise SystemExit('no table')"], os.environ)
    with pytest.raises(JobFailed, match="no table"):
        supervisor.finish(job)


def test_a_job_in_the_background_tells_how_it_ended(supervisor: Supervisor) -> None:
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
supervisor.take_charge()
# a child that leaves a grandchild in a session of its own, and goes
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
    supervisor.stopping = True
    supervisor.stop()
    print("left", supervisor.sweep(), flush=True)
"""


def read_pid(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text().isdigit())
    return int(path.read_text())


def started_alone(folder: Path) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", ALONE, str(folder)]
    return subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_everything_also_what_left_its_session(tmp_path: Path, number: signal.Signals) -> None:
    process = started_alone(tmp_path)
    steady, orphan = read_pid(tmp_path / "steady"), read_pid(tmp_path / "orphan")
    process.send_signal(number)
    process.send_signal(number)  # an impatient second one breaks nothing off
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "left 1" in out
    assert not alive(steady)
    assert not alive(orphan)


def test_children_of_a_supervisor_that_is_killed_end_too(tmp_path: Path) -> None:
    process = started_alone(tmp_path)
    steady, orphan = read_pid(tmp_path / "steady"), read_pid(tmp_path / "orphan")
    process.kill()
    process.communicate(timeout=60)
    eventually(lambda: not alive(steady))
    if alive(orphan):  # nobody was there to find it: the one thing that SIGKILL costs
        os.kill(orphan, signal.SIGKILL)


def test_durations_read_as_people_say_them() -> None:
    assert [seconds(s) for s in (0.04, 9.94, 12.4, 192)] == ["0.0 s", "9.9 s", "12 s", "3 min 12 s"]
