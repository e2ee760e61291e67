"""What belongs to a run is found whatever it did to environment, parent and session; nothing else is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cutover.data_folder import PROJECT
from cutover.embedded import Postgres, Valkey
from tests import servers
from tests.belongings import Belongings, list_processes, processes_of
from tests.integrations.certificates import issue
from tests.integrations.clients import proxies
from tests.integrations.clients.dns import servers as dns
from tests.integrations.clients.ssh_server import ssh_server
from tests.integrations.mariadb import running_mariadb
from tests.integrations.poolers import pgbouncer
from tests.integrations.preflight.tls_servers import nginx
from tests.keeper import MARK, mark
from tests.source_tree import tracked
from tests.waiting import wait_for

SLEEP = ["sleep", "600"]
#: Starts words[2:] with an empty environment, says its pid, and ends when its input does.
PARENT = """
import os, subprocess, sys
options = {"env": {}, "start_new_session": "session" in sys.argv[1], "stdin": subprocess.DEVNULL}
print(subprocess.Popen(sys.argv[2:], **options, stdout=subprocess.DEVNULL).pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def started() -> Iterator[list[int]]:
    """Process ids that a test adds; all are killed afterwards."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@contextmanager
def parent(*words: str, how: str = "", **options: Any) -> Iterator[int]:
    """The pid of a program without an environment, whose parent lives in the block."""
    argv = [sys.executable, "-S", "-c", PARENT, how, *words]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, **pipes, **options) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


def test_what_has_our_environment_is_found_without_parent_and_session(
    tmp_path: Path, started: list[int]
) -> None:
    environment = dict(os.environ)
    mark(environment, tmp_path)
    assert environment[MARK].split(":")[-2:] == [str(servers.FOLDER), str(tmp_path)]
    words = ["sh", "-c", "setsid sleep 600 >&2 & echo $!"]
    started.append(int(subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=True).stdout))
    wait_for(lambda: processes_of(tmp_path) == started, timeout=10)
    assert started[0] in processes_of(servers.FOLDER), "it belongs to the run around it too"


def test_what_names_our_folder_is_found_without_an_environment(tmp_path: Path, started: list[int]) -> None:
    words = [sys.executable, "-S", "-c", "import time; time.sleep(600)", str(tmp_path / "x")]
    with parent(*words, how="session") as pid:
        started.append(pid)
    wait_for(lambda: processes_of(tmp_path) == [pid], timeout=10)


def test_what_has_neither_is_found_when_it_was_seen(tmp_path: Path, started: list[int]) -> None:
    run = Belongings([str(tmp_path)], owner=os.getpid())
    with parent(*SLEEP, how="session") as pid:
        started.append(pid)
        run.look()
    assert list_processes()[pid].parent != os.getpid()
    assert pid in [entry.pid for entry in run.alive()]
    assert pid not in processes_of(tmp_path), "or it shows nothing"


@pytest.mark.parametrize("how", ["", "session"])
def test_what_lost_its_environment_is_found_below_what_did_not(
    tmp_path: Path, how: str, started: list[int]
) -> None:
    with parent(*SLEEP, how=how, env={MARK: str(tmp_path)}) as pid:
        started.append(pid)
        assert len(found := processes_of(tmp_path)) == 2
        assert pid in found


def test_a_session_is_known_when_its_leader_was_seen(tmp_path: Path, started: list[int]) -> None:
    run = Belongings([str(tmp_path)])
    with parent(*SLEEP, env={MARK: str(tmp_path)}, start_new_session=True) as pid:
        started.append(pid)
        assert len(run.alive()) == 2
    run.seen.clear()
    assert [entry.pid for entry in run.alive()] == [pid]


def test_what_was_forked_is_found_by_its_end_of_the_pipe(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.pause()
    pipe = str(Path(f"/proc/self/fd/{reader}").readlink())
    try:
        assert [entry.pid for entry in Belongings([str(tmp_path)], pipe=pipe).alive()] == [pid]
        assert processes_of(tmp_path) == []
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)


def test_other_runs_and_people_who_look_on_are_not_found(tmp_path: Path) -> None:
    other = {**os.environ, MARK: f"{tmp_path}2:{tmp_path}-x:/some{tmp_path.name}"}
    terminal: dict[str, Any] = {"stdin": subprocess.PIPE, "text": True, "start_new_session": True}
    of_other_run, shell = subprocess.Popen(SLEEP, env=other), subprocess.Popen(["sh"], **terminal)
    try:
        assert shell.stdin is not None
        with shell.stdin:
            shell.stdin.write(f"sh -c 'sleep 600; true' {tmp_path}/log &\n wait\n")
            shell.stdin.flush()
            wait_for(lambda: "sleep" in below(shell.pid).values())
            assert processes_of(tmp_path) == []
    finally:
        of_other_run.kill()
        os.killpg(shell.pid, signal.SIGKILL)
        of_other_run.wait()
        shell.wait()


def test_who_asks_and_those_above_are_never_found() -> None:
    run = Belongings([os.environ["PATH"]], owner=os.getpid())  # which is in the environment of all of them
    above = {os.getpid(), os.getppid(), 1}
    assert not above & {entry.pid for entry in run.alive()}


Start = Callable[[Path], AbstractContextManager[Any]]


@contextmanager
def proxy(kind: str, folder: Path) -> Iterator[None]:
    """A proxy before stacks that are one."""
    with proxies.stack("both") as url, proxies.KINDS[kind](folder, proxies.Stacks(url, url)):
        yield


#: How tests start servers, beside those of `tests.conftest`.
SERVERS: dict[str, Start] = {
    **{kind: partial(proxy, kind) for kind in proxies.KINDS},
    "nginx with TLS": lambda folder: nginx(folder, {"one": issue("One", names=("one.test",))}),
    "bind": lambda folder: dns.updated(folder, "bind"),
    "python": lambda folder: dns.updated(folder, "python"),
    "powerdns": dns.powerdns,
    "sshd": ssh_server,
    "mariadb": lambda folder: running_mariadb(),
    "pgbouncer": lambda folder: pgbouncer(servers.POSTGRES.url(), mode="session"),
}


def below(pid: int) -> dict[int, str]:
    """Pid → name of every process below this one."""
    run = Belongings(["/no/folder"], owner=pid)
    run.look()
    return {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid, _ in run.seen}


@pytest.mark.parametrize("kind", SERVERS)
def test_every_server_is_found_at_once(kind: str, tmp_path: Path, postgres_server: Postgres) -> None:
    """Also when the run is killed before its keeper has looked."""
    before = below(os.getpid())
    with SERVERS[kind](tmp_path):
        new = {pid: name for pid, name in below(os.getpid()).items() if pid not in before}
        missed = {name for pid, name in new.items() if pid not in processes_of(servers.FOLDER)}
    assert new, "the server is not below this process: the test shows nothing"
    assert not missed


def written_by(pid: int) -> set[str]:
    """The regular files and folders that a process has open for writing; deleted ones, too."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
            flags = re.search(
                r"^flags:\s*0*([0-7]+)$", Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text(), re.M
            )
        except FileNotFoundError:  # closed meanwhile
            continue
        assert flags, target
        if target.startswith("/") and int(flags[1], 8) & (os.O_WRONLY | os.O_RDWR):
            found.add(target)
    return found


@pytest.mark.parametrize("kind", SERVERS)
def test_every_server_writes_in_folders_of_the_run_only(
    kind: str, tmp_path: Path, postgres_server: Postgres
) -> None:
    """In one that others share, two servers delete each other's files, or a server of the machine's own."""
    before = below(os.getpid())
    with SERVERS[kind](tmp_path):
        new = below(os.getpid()).keys() - before.keys()
        written = {name for pid in new for name in written_by(pid)}
    own = (str(servers.FOLDER), str(tmp_path), "/dev/", "/proc/", "/sys/", "/memfd:", "/anon_hugepage")
    assert not {name for name in written if not name.startswith(own)}


def test_the_servers_of_the_panel_are_found_at_once(postgres_server: Postgres, valkey_server: Valkey) -> None:
    found = processes_of(servers.FOLDER)
    for server in (servers.POSTGRES, valkey_server):
        assert server.process is not None
        assert below(server.process.pid).keys() | {server.process.pid} <= set(found)


#: Where a run makes its folder, and programs of a benchmark that are kept from run to run.
OWN_FOLDERS = {
    "tests/servers.py",
    "tests/chaos/surroundings.py",
    "tests/benchmarks/parity/peers.py",
}


def test_no_test_makes_a_folder_outside_of_its_run() -> None:
    """It would stay after a run that is killed, and a program in it could be missed."""
    found = {
        str(path.relative_to(PROJECT))
        for path in tracked("tests/**/*.py")
        if re.search(r"""["']/var/tmp""" + r"""\b|dir=["']/""", path.read_text())
    }
    assert found == OWN_FOLDERS
