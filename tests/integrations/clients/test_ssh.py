"""Programs run on another host over a real sshd: words arrive as they are, and nothing outlives a cancel."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations import programs
from integrations.clients import ssh
from integrations.clients.ssh import SshHost
from integrations.errors import Cancelled, Problem
from integrations.systems import System
from tests.integrations.clients.ssh_server import SshServer, ssh_server
from tests.integrations.recorder import Recorder
from tests.waiting import wait_for

HOSTILE = [
    "",
    " ",
    "a b",
    "it's",
    '"quoted"',
    "$HOME",
    "${HOME}",
    "$(touch /tmp/cutover-pwned)",
    "`touch /tmp/cutover-pwned`",
    "; touch /tmp/cutover-pwned",
    "&& touch /tmp/cutover-pwned",
    "| cat",
    "> /tmp/cutover-pwned",
    "*",
    "?[a-z]",
    "~",
    "~root",
    "!!",
    "!x",
    "\\",
    "\\n",
    "a\nb",
    "'\n; touch /tmp/cutover-pwned; '",
    "\t",
    "-o ProxyCommand=touch /tmp/cutover-pwned",
    "--",
    "-",
    "#comment",
    "{a,b}",
    "=ls",
    "%s%n",
    "ünï ✓ 日本",
    "'\"'\"'",
    "\r",
    "x" * 20_000,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh")) as running:
        yield running


@pytest.fixture
def host(server: SshServer, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    monkeypatch.setenv(ssh.CONFIG, str(server.config))
    return SshHost.of(system(**server.settings))


@pytest.fixture
def echo(tmp_path: Path) -> str:
    """A program that prints its arguments as JSON."""
    program = tmp_path / "echo"
    program.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    program.chmod(0o755)
    return str(program)


def system(**settings: str) -> System:
    return System("db2", "host", {name: value for name, value in settings.items() if name != "kind"}, {})


def run(host: SshHost, *words: str, **options: Any) -> programs.CompletedProgram:
    return programs.run(host.command(words), hold_stdin=True, capture=True, timeout=60, **options)


def test_every_word_arrives_as_it_is_and_no_shell_reads_it(host: SshHost, echo: str) -> None:
    done = run(host, echo, *HOSTILE)
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout) == HOSTILE
    assert not Path("/tmp/cutover-pwned").exists()


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_the_quoting_holds_in_the_shells_that_hosts_have(echo: str, shell: str) -> None:
    words = [shell, "-c", ssh.quote_remote([echo, *HOSTILE])]
    done = programs.run(words, capture=True, hold_stdin=True)
    assert json.loads(done.stdout) == HOSTILE


def test_exit_codes_and_both_outputs_come_back(host: SshHost) -> None:
    done = run(host, "/bin/sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.code, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert run(host, "/usr/bin/true").code == 0
    assert run(host, "/nowhere/program").code == 127


def test_the_remote_program_has_an_empty_input(host: SshHost) -> None:
    assert run(host, "/usr/bin/cat").stdout == ""


def test_a_cancel_ends_the_remote_program_and_its_children(host: SshHost, tmp_path: Path) -> None:
    script = tmp_path / "long"
    script.write_text("#!/bin/sh\nsleep 300 & echo $! > child\necho $$ > parent; wait\n")
    script.chmod(0o755)
    report = Recorder(cancel_when=lambda report: (tmp_path / "parent").exists())
    words = ["/usr/bin/env", "-C", str(tmp_path), str(script)]
    with pytest.raises(Cancelled):
        programs.run(host.command(words), hold_stdin=True, report=report)
    pids = [int((tmp_path / name).read_text()) for name in ("parent", "child")]
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_a_program_that_ignores_the_request_is_killed(host: SshHost, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    report = Recorder(cancel_when=lambda report: pid.exists())
    words = ["/bin/sh", "-c", f"trap '' TERM; echo $$ > {pid}; while :; do sleep 0.2; done"]
    with pytest.raises(Cancelled):
        programs.run(host.command(words), hold_stdin=True, report=report)
    number, began = int(pid.read_text()), time.monotonic()
    wait_for(lambda: not Path(f"/proc/{number}").exists())
    assert time.monotonic() - began < 15


def test_the_death_of_the_process_that_called_ends_the_remote_program(
    host: SshHost, tmp_path: Path, server: SshServer
) -> None:
    pid = tmp_path / "pid"
    words = ["/bin/sh", "-c", f"echo $$ > {pid}; exec sleep 300"]
    code = f"from integrations import programs; programs.run({host.command(words)!r}, hold_stdin=True)"
    caller = subprocess.Popen([sys.executable, "-c", code])
    wait_for(lambda: pid.exists() and pid.read_text().strip())
    caller.kill()
    caller.wait(10)
    number = int(pid.read_text())
    wait_for(lambda: not Path(f"/proc/{number}").exists())


def test_an_unknown_host_key_is_refused_with_what_to_do(host: SshHost, server: SshServer) -> None:
    kept = server.known_hosts.read_text()
    server.known_hosts.write_text("")
    try:
        done = run(host, "/usr/bin/touch", "/tmp/cutover-pwned")
    finally:
        server.known_hosts.write_text(kept)
    assert done.code == ssh.FAILED
    problem = ssh.explain_failure(host, done.stderr)
    assert "Host key verification failed" in problem.means
    assert ssh.CONFIG in problem.next
    assert not Path("/tmp/cutover-pwned").exists()


def test_a_changed_host_key_is_refused(host: SshHost, server: SshServer) -> None:
    kept = server.known_hosts.read_text()
    other = " ".join((server.folder / "user_key.pub").read_text().split()[:2])
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {other}\n")
    try:
        assert run(host, "/usr/bin/true").code == ssh.FAILED
    finally:
        server.known_hosts.write_text(kept)


def test_a_key_that_is_not_accepted_is_an_error_and_nobody_is_asked(host: SshHost, server: SshServer) -> None:
    authorized = server.folder / "authorized_keys"
    kept = authorized.read_text()
    authorized.write_text("")
    try:
        done = run(host, "/usr/bin/true")
    finally:
        authorized.write_text(kept)
    assert done.code == ssh.FAILED
    assert "key that this account accepts" in ssh.explain_failure(host, done.stderr).next


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("address", "-oProxyCommand=touch /tmp/cutover-pwned"),
        ("address", "-oProxyCommand=x"),
        ("address", "--"),
        ("address", "host name"),
        ("address", "root@host"),
        ("address", "host;id"),
        ("address", "ssh://host"),
        ("address", "host\n"),
        ("user", "-l"),
        ("user", "a b"),
        ("user", "root@host"),
        ("port", "-p22"),
        ("port", "22 -oX=y"),
        ("port", "0"),
        ("port", "70000"),
        ("port", "٢٢"),
    ],
)
def test_what_could_be_an_option_of_ssh_is_refused(setting: str, value: str) -> None:
    with pytest.raises(Problem, match=f"{setting}: of the system “db2”"):
        SshHost.of(system(**{"address": "db2.example.org", setting: value}))


def test_the_runbook_decides_nothing_but_address_user_and_port(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.touch()
    host = SshHost.of(system(address="db2.example.org", user="deploy", port="2222"))
    words = host.command(["/usr/bin/true"], {ssh.CONFIG: str(config)})
    assert words[-3:-1] == ["--", "db2.example.org"]
    assert words[words.index("-F") + 1] == str(config)
    for option in ("StrictHostKeyChecking=yes", "BatchMode=yes", "ForwardAgent=no"):
        assert option in words
    with pytest.raises(Problem, match="cannot be used"):
        host.command(["/usr/bin/true"], {ssh.CONFIG: "relative"})
