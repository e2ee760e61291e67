"""Only programs of the installation's list start, however a runbook writes their names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from integrations.allowed_programs import VARIABLE, AllowedPrograms
from integrations.errors import Problem


def listed(tmp_path: Path, *lines: str) -> AllowedPrograms:
    file = tmp_path / "programs"
    file.write_text("".join(f"{line}\n" for line in lines))
    return AllowedPrograms.load({VARIABLE: str(file)})


def accepts(programs: AllowedPrograms, *words: str, host: str = "", folder: str | None = None) -> bool:
    try:
        programs.require(words, named="apply: of the system “engine”", host=host, folder=folder)
    except Problem:
        return False
    return True


def test_an_entry_allows_its_path_with_any_arguments(tmp_path: Path) -> None:
    programs = listed(tmp_path, "# comment", "", "/srv/tools/ctl", "'/srv/my tools/ctl' # with a blank")
    assert programs.require(["/srv/tools/ctl", "a"], named="")[0] == ["/srv/tools/ctl", "a"]
    assert accepts(programs, "/srv/my tools/ctl")
    assert not accepts(programs, "/srv/tools/ctl2")
    assert not accepts(programs)
    assert not accepts(programs, "")


def test_fixed_arguments_have_to_be_there(tmp_path: Path) -> None:
    programs = listed(tmp_path, "/usr/bin/systemctl restart", "= /usr/bin/uptime --pretty")
    assert accepts(programs, "/usr/bin/systemctl", "restart", "cron")
    assert not accepts(programs, "/usr/bin/systemctl", "stop", "cron")
    assert not accepts(programs, "/usr/bin/systemctl")
    assert not accepts(programs, "/usr/bin/systemctl", "restart cron")
    assert accepts(programs, "/usr/bin/uptime", "--pretty")
    assert not accepts(programs, "/usr/bin/uptime", "--pretty", "more")


def test_a_bare_name_means_the_entry_and_never_the_search_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = tmp_path / "ctl"
    evil.write_text("#!/bin/sh\n")
    evil.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    programs = listed(tmp_path, "/srv/tools/ctl")
    assert programs.require(["ctl"], named="")[0] == ["/srv/tools/ctl"]
    assert not accepts(programs, str(evil))


@pytest.mark.parametrize(
    "word",
    [
        "/srv/tools/../tools/ctl",
        "/srv/tools/../../tmp/ctl",
        "../tools/ctl",
        "./ctl",
        "tools/ctl",
        "/SRV/tools/ctl",
        " /srv/tools/ctl",
        "/srv/tools/ctl\n",
        "/srv/tools/ctl\0",
        "/srv/tools/ctl/",
        "~/ctl",
        "$(ctl)",
    ],
)
def test_no_other_way_of_writing_a_path_gets_around_the_list(tmp_path: Path, word: str) -> None:
    programs = listed(tmp_path, "/srv/tools/ctl")
    found = programs.require([word], named="")[0] if accepts(programs, word) else None
    assert found in (None, ["/srv/tools/ctl"])
    if ".." in word or "\n" in word or "\0" in word or word.startswith(("~", "$", " ")):
        assert found is None


def test_a_link_elsewhere_is_not_the_program_that_it_leads_to(tmp_path: Path) -> None:
    program, link = tmp_path / "ctl", tmp_path / "link"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    link.symlink_to(program)
    programs = listed(tmp_path, str(program))
    assert accepts(programs, str(program))
    assert not accepts(programs, str(link))


def test_a_relative_path_is_taken_from_the_folder_of_the_command(tmp_path: Path) -> None:
    programs = listed(tmp_path, "/srv/app/node_modules/.bin/prisma")
    assert accepts(programs, "node_modules/.bin/prisma", folder="/srv/app")
    assert accepts(programs, "./node_modules/.bin/prisma", folder="/srv/app/")
    assert not accepts(programs, "node_modules/.bin/prisma", folder="/tmp/evil")
    assert not accepts(programs, "node_modules/.bin/prisma", folder="/tmp/../srv/app")
    assert not accepts(programs, "node_modules/.bin/prisma", folder="srv/app")
    assert not accepts(programs, "node_modules/.bin/prisma")


@pytest.mark.parametrize(
    "line",
    [
        "/bin/sh",
        "/bin/bash -c",
        "/usr/bin/bash script.sh",
        "/usr/bin/python3 -m",
        "/usr/bin/python3.11 -c",
        "/usr/bin/perl5.36.0",
        "/usr/bin/node --require /srv/x.js",
        "/usr/bin/env",
        "/usr/bin/env FOO=bar",
        "/usr/bin/env /bin/sh",
        "/usr/bin/sudo",
        "/usr/bin/sudo -u root",
        "/usr/bin/sudo /bin/bash",
        "/usr/bin/sudo -n /usr/bin/python3",
        "/usr/bin/xargs",
        "/usr/bin/find /srv",
        "/usr/bin/ssh db2 systemctl stop mysql",
        "/usr/bin/ssh",
        "/usr/bin/psql",
        "/usr/bin/awk",
        "/usr/bin/tar",
        "/usr/bin/git",
        "/usr/sbin/chroot /srv",
        "/usr/bin/timeout 5",
        "/usr/bin/flock /tmp/x",
        "/usr/bin/docker",
        "/usr/bin/docker exec",
        "/usr/bin/docker compose",
        "/usr/bin/kubectl --context prod",
        "/usr/bin/npx",
        "/usr/bin/npm run",
        "/usr/bin/busybox sh",
        sys.executable,
    ],
)
def test_a_program_that_can_run_any_other_needs_its_script(tmp_path: Path, line: str) -> None:
    with pytest.raises(Problem, match=r"line 2.*(runs whatever|can run any program)") as refused:
        listed(tmp_path, "# a list", line)
    assert refused.value.means
    assert refused.value.next
    assert listed(tmp_path, f"= {line}").entries[0].is_exact


@pytest.mark.parametrize(
    "line",
    [
        "/bin/sh /srv/tools/move.sh",
        "/usr/bin/python3 /srv/tools/move.py --now",
        "/usr/bin/sudo -n /usr/bin/systemctl restart mysql",
        "/usr/bin/env /usr/bin/python3 /srv/x.py",
        "/usr/bin/docker image inspect",
        "/usr/bin/npx prisma",
        "/usr/bin/pnpm --filter @shop/backend prisma",
        "= /usr/bin/ssh db2 sudo systemctl start mysql",
    ],
)
def test_with_its_script_it_is_accepted(tmp_path: Path, line: str) -> None:
    assert len(listed(tmp_path, line).entries) == 1


def test_an_interpreter_behind_a_link_is_recognised_when_the_list_is_read_and_later(tmp_path: Path) -> None:
    link = tmp_path / "tool"
    link.symlink_to("/bin/sh")
    with pytest.raises(Problem, match="runs whatever"):
        listed(tmp_path, str(link))
    link.unlink()
    link.symlink_to("/usr/bin/true")
    programs = listed(tmp_path, str(link))
    assert accepts(programs, str(link), "x")
    link.unlink()
    link.symlink_to("/bin/sh")
    assert not accepts(programs, str(link), "-c", "id")


@pytest.mark.parametrize(
    "line",
    ["ctl", "bin/ctl", "/srv/../ctl", "/srv//ctl", "/srv/./ctl", "/srv/ctl/", "'/srv/ctl", "[", "[-o x]"],
)
def test_a_line_that_cannot_be_used_stops_everything_and_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(Problem, match="line 2"):
        listed(tmp_path, "/usr/bin/true", line)


def test_without_the_setting_or_the_file_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        AllowedPrograms.load({}).require(["/usr/bin/true"], named="apply: of the system “engine”")
    assert "“/usr/bin/true” is not among the programs" in refused.value.what
    assert "apply: of the system “engine”" in refused.value.what
    assert f"The setting {VARIABLE} is not set" in refused.value.means
    assert VARIABLE in refused.value.next
    with pytest.raises(Problem, match="cannot be read"):
        AllowedPrograms.load({VARIABLE: str(tmp_path / "missing")})


def test_a_refusal_says_with_which_arguments_a_program_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="may not be started here with these arguments") as refused:
        listed(tmp_path, "/usr/bin/systemctl restart").require(["systemctl", "stop"], named="argv")
    assert "/usr/bin/systemctl restart …" in refused.value.means


def test_each_host_has_its_own_programs(tmp_path: Path) -> None:
    programs = listed(
        tmp_path, "/srv/here", "[db2.example.org]", "/srv/there", "[root@db2.example.org]", "/srv/root"
    )
    assert accepts(programs, "/srv/there", host="db2.example.org")
    assert not accepts(programs, "/srv/there")
    assert not accepts(programs, "/srv/here", host="db2.example.org")
    assert not accepts(programs, "/srv/there", host="root@db2.example.org")
    assert not accepts(programs, "/srv/root", host="db2.example.org")
    assert not accepts(programs, "/srv/there", host="db3.example.org")
