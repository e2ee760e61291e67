"""Programs that the runbook names are allowed and there, and hosts are reached over a real sshd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.clients import ssh
from integrations.preflight import CheckResult, Verdict
from integrations.preflight.checks.commands import parse_disks
from tests.integrations.clients.ssh_server import SshServer, account, ssh_server
from tests.integrations.preflight.scopes import planned, run_check, scope_of


@pytest.fixture
def allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "programs"
    gone = tmp_path / "gone"
    file.write_text(f"/usr/bin/true\n{gone}\n[{account()}@127.0.0.1]\n/usr/bin/cat\n")
    monkeypatch.setenv("CUTOVER_PROGRAMS", str(file))
    return file


def commands(systems: Any, items: Any = None, **environ: str) -> dict[str, CheckResult]:
    return run_check("commands.allowed", scope_of(systems, environ, items=items or {}))


def test_the_commands_of_systems_are_held_against_the_list(allowed: Path) -> None:
    def asked(text: str) -> CheckResult:
        system = {"kind": "platform", "driver": "command", "start": f"{text} {{services}}", "logs": "${L:-}"}
        (found,) = commands({"engine": system}).values()
        return found

    assert asked("true").verdict == Verdict.GREEN
    refused = asked("/usr/bin/env")
    assert refused.verdict == Verdict.RED
    assert "/usr/bin/env" in refused.seen
    missing = asked(str(allowed.parent / "gone"))
    assert missing.verdict == Verdict.RED
    assert "is not there" in missing.seen


def test_the_commands_of_items_are_held_against_the_list_here_and_there(allowed: Path) -> None:
    systems = {"box": {"kind": "host", "address": "127.0.0.1", "user": account()}}
    items = planned(
        here=("command.run", {"argv": ["true"], "probe": ["cat", "x"]}),
        there=("command.run", {"argv": ["cat", "x"], "host": "box"}),
        wrong=("command.run", {"argv": ["true"], "host": "box"}),
    )
    found = commands(systems, items)
    assert found["here: argv"].verdict == Verdict.GREEN
    assert found["here: probe"].verdict == Verdict.RED
    assert found["there: argv"].verdict == Verdict.GREEN
    assert found["wrong: argv"].verdict == Verdict.RED
    assert f"on {account()}@127.0.0.1" in found["wrong: argv"].seen


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh") / "host") as running:
        yield running


def hosts(server: SshServer, **changed: str) -> dict[str, CheckResult]:
    return run_check("hosts.reachable", scope_of({"box": {**server.settings, **changed}}))


def test_a_host_that_lets_us_in_is_green_and_others_are_red(
    server: SshServer, allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ssh.CONFIG, str(server.config))
    assert {name: each.verdict for name, each in hosts(server).items()} == {"box: ssh": Verdict.GREEN}
    assert "refused" in hosts(server, port="1")["box: ssh"].seen
    assert "Permission denied" in hosts(server, user="nobody")["box: ssh"].seen
    known = server.known_hosts.read_text()
    server.known_hosts.write_text("")
    try:
        found = hosts(server)["box: ssh"]
    finally:
        server.known_hosts.write_text(known)
    assert found.verdict == Verdict.RED
    assert "Host key verification failed" in found.seen
    assert "known_hosts" in found.change


def test_disks_are_read_where_the_installation_allows_it(
    server: SshServer, allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ssh.CONFIG, str(server.config))
    with allowed.open("a") as file:
        file.write("/usr/bin/df -Pk\n")
    found = hosts(server)["box: disks"]
    assert "Free are" in found.seen


def test_the_file_systems_of_df_are_those_with_a_disk() -> None:
    text = (
        "Filesystem     1024-blocks      Used Available Capacity Mounted on\n"
        "tmpfs                65536         0     65536       0% /dev/shm\n"
        "/dev/sda1          1000000    990000     10000      99% /srv/my data\n"
    )
    (disk,) = parse_disks(text)
    assert (disk.mount, disk.total, disk.free) == ("/srv/my data", 1_024_000_000, 10_240_000)
