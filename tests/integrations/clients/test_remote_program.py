"""A connection over a real sshd hangs or breaks at each step: how far the program came is told as it is."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from integrations.clients import remote_program, ssh
from integrations.clients.remote_program import LOOK, run_remote
from integrations.clients.ssh import SshHost
from integrations.errors import Cancelled, Problem
from integrations.systems import System
from tests.integrations.clients.fault_server import within
from tests.integrations.clients.ssh_server import SshServer, account, ssh_server
from tests.integrations.recorder import Recorder
from tests.waiting import wait_for

LONGEST = 20.0  # seconds for one case on a busy machine; ssh notices after two here


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh")) as running:
        yield running


@pytest.fixture
def host(server: SshServer, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    """The host; ssh notices in two seconds what it notices in fifteen."""
    monkeypatch.setenv(ssh.CONFIG, str(server.config))
    short = {"ConnectTimeout": 1, "ServerAliveInterval": 1, "ServerAliveCountMax": 1}
    kept = [option for option in ssh.OPTIONS if option.partition("=")[0] not in short]
    monkeypatch.setattr(ssh, "OPTIONS", (*kept, *(f"{name}={value}" for name, value in short.items())))
    return at(server.port)


def at(port: int) -> SshHost:
    return SshHost.of(
        System("db2", "host", {"address": "127.0.0.1", "user": account(), "port": str(port)}, {})
    )


def shell(text: str) -> list[str]:
    return ["/bin/sh", "-c", text]


def problem_of(ask: Callable[[], Any]) -> Problem:
    found, seconds = within(LONGEST, ask)
    assert isinstance(found, Problem), found
    assert seconds < LONGEST
    assert found.what
    assert found.means
    assert found.next
    return found


# ── before there is a session ────────────────────────────────────────────────


@contextmanager
def mute() -> Iterator[int]:
    """A port that takes connections and says nothing, as a server that is frozen does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_closed_port_and_a_server_that_says_nothing_have_started_nothing(host: SshHost) -> None:
    with mute() as port:
        for asked in (1, port):
            found = problem_of(lambda: run_remote(at(asked), ["/usr/bin/true"]))  # noqa: B023  # used at once
            assert found.what.startswith("No ssh connection to")
            assert "Nothing was started there." in found.means


def test_words_of_ssh_about_another_host_do_not_tell_that_nothing_was_started(host: SshHost) -> None:
    """As a program says that calls ssh itself, and whose connection breaks then."""
    said = "ssh: connect to host inner port 22: Connection refused"
    found = problem_of(lambda: run_remote(host, shell(f"echo '{said}' >&2; sleep 0.2; {KILL_SESSION}")))
    assert "broke while the program ran" in found.what
    assert "Nothing was started" not in str(found)


def test_a_host_that_hangs_at_the_login_does_not_hold_a_worker(
    host: SshHost, server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_program, "START", 1.5)
    with forced(server, "exec sleep 60"):
        found = problem_of(lambda: run_remote(host, ["/usr/bin/true"]))
    assert "did not start the program within" in found.what
    assert found.next == LOOK


@contextmanager
def forced(server: SshServer, command: str) -> Iterator[None]:
    authorized = server.folder / "authorized_keys"
    kept = authorized.read_text()
    authorized.write_text(f'command="{command}" {kept}')
    try:
        yield
    finally:
        authorized.write_text(kept)


def test_a_command_that_runs_instead_is_not_taken_for_the_program(host: SshHost, server: SshServer) -> None:
    with forced(server, "true"):
        found = problem_of(lambda: run_remote(host, ["/usr/bin/false"]))
    assert "something else ended with code 0" in found.what


# ── while the program runs ───────────────────────────────────────────────────

#: Ends the process of sshd that has this session.
KILL_SESSION = "kill -KILL $(ps -o ppid= -p $(ps -o ppid= -p $$))"


def session_of(pid: int) -> psutil.Process:
    return next(each for each in psutil.Process(pid).parents() if each.name().startswith("sshd"))


@contextmanager
def struck(file: Path, fault: signal.Signals) -> Iterator[None]:
    """Sends the signal to the session of the process in the file once it is there; it goes on at the end."""
    sessions: list[psutil.Process] = []

    def strike() -> None:
        wait_for(lambda: file.exists() and file.read_text().endswith("\n"))
        sessions.append(session_of(int(file.read_text())))
        sessions[0].send_signal(fault)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        for session in sessions:
            with suppress(psutil.NoSuchProcess):
                session.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_session_that_ends_or_hangs_in_the_middle_leaves_it_open_what_was_done(
    host: SshHost, tmp_path: Path, fault: signal.Signals
) -> None:
    pid, report = tmp_path / "pid", Recorder()
    words = shell(f"echo first; echo $$ > {pid}; exec sleep 30")
    with struck(pid, fault):
        found = problem_of(lambda: run_remote(host, words, report=report))
    assert "broke while the program ran" in found.what
    assert "It may also have finished." in found.means
    assert found.next == LOOK
    assert report.lines[0] == "first"
    assert not any("cutover-" in line for line in report.lines)
    number = int(pid.read_text())
    wait_for(lambda: not Path(f"/proc/{number}").exists())  # the host has noticed, and ended it


def test_a_shell_that_is_killed_there_is_told(host: SshHost) -> None:
    found = problem_of(lambda: run_remote(host, shell("kill -KILL $PPID; sleep 30")))
    assert "or its shell was killed" in found.what


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_break_between_the_end_and_its_status_tells_the_code(
    host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: signal.Signals
) -> None:
    pid = tmp_path / "pid"
    hold = f"sleep 0.3; echo $$ > {pid}; while [ -e {pid} ]; do sleep 0.1; done"
    monkeypatch.setattr(ssh, "_SCRIPT", ssh._SCRIPT.replace('\nexit "$code"', f'\n{hold}\nexit "$code"'))
    with struck(pid, fault):
        found = problem_of(lambda: run_remote(host, ["/usr/bin/true"]))
    pid.unlink()
    assert "broke after the program had ended there with code 0" in found.what
    assert "what the program did is done" in found.next


# ── what is no break ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", [0, 7, 255])
def test_the_code_is_that_of_the_program_and_the_log_is_its_own(host: SshHost, code: int) -> None:
    report = Recorder()
    text = f"echo out; printf 'unfinished' >&2; exit {code}"
    done = run_remote(host, shell(text), report=report)
    assert (done.code, done.stdout, done.stderr) == (code, "out\n", "unfinished")
    assert sorted(report.lines) == ["out", "unfinished"]


def test_a_cancel_is_a_cancel(host: SshHost, tmp_path: Path) -> None:
    report = Recorder(cancel_when=lambda report: "first" in report.lines)
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run_remote(host, shell("echo first; exec sleep 30"), report=report)
    assert time.monotonic() - began < LONGEST
