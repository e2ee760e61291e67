"""Commands of a runbook are filled in, allowed by the installation, and shown without values of variables."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from integrations.errors import Problem
from integrations.redact import MASK
from integrations.runbook_commands import format_command, list_hidden_values, read_command
from integrations.systems import System
from tests.allowed import allow

ROOT = Path(__file__).resolve().parents[2]


def engine(environ: dict[str, str] | None = None, **settings: str) -> System:
    return System("engine", "platform", {"driver": "command", **settings}, environ or {})


def test_values_of_variables_are_used_and_not_shown() -> None:
    allow("/srv/one/ctl")
    secret = "Zq9rT4mKe7PwX2vB"
    system = engine(
        {"TOKEN": secret, "N": "7"}, start="/srv/one/ctl --token ${TOKEN} -n${N} start {services}"
    )
    command = read_command(system, "start", {"{services}": ["api", "a b"]})
    assert command == ["/srv/one/ctl", "--token", secret, "-n7", "start", "api", "a b"]
    assert format_command(command) == f"/srv/one/ctl --token {MASK} '-n{MASK}' start api 'a b'"
    assert list_hidden_values(system, "start") == [secret, "7"]


def test_defaults_stand_in_the_runbook_and_are_shown() -> None:
    allow("/srv/two/ctl")
    command = read_command(engine(start="/srv/two/ctl ${MODE:-slow}"), "start")
    assert format_command(command) == "/srv/two/ctl slow"


def test_of_a_command_in_one_variable_the_list_decides_what_is_shown() -> None:
    allow("/srv/three/ctl start")
    system = engine({"START": "/srv/three/ctl start --key hunter2secret {services}"}, start="${START}")
    command = read_command(system, "start", {"{services}": ["api"]})
    assert command[1:] == ["start", "--key", "hunter2secret", "api"]
    assert format_command(command) == f"/srv/three/ctl start {MASK} {MASK} api"
    assert list_hidden_values(system, "start") == ["--key", "hunter2secret"]


def test_a_value_with_blanks_is_not_shown_either() -> None:
    allow("/srv/four/ctl")
    system = engine({"FLAGS": "--password 'hidden one'"}, start="/srv/four/ctl ${FLAGS} go")
    command = read_command(system, "start")
    assert command == ["/srv/four/ctl", "--password", "hidden one", "go"]
    assert "hidden" not in format_command(command)


def test_the_program_is_checked_after_variables_and_placeholders_are_filled_in() -> None:
    with pytest.raises(Problem, match="“/bin/evil” is not among"):
        read_command(engine(apply="{images}"), "apply", {"{images}": ["/bin/evil"]})
    with pytest.raises(Problem, match="is not among the programs"):
        read_command(engine({"X": "/usr/bin/true/../../bin/sh"}, start="${X} -c id"), "start")


def test_a_refusal_does_not_show_a_secret_that_stands_in_the_place_of_a_program() -> None:
    with pytest.raises(Problem) as refused:
        read_command(engine({"SECRET_KEY": "very-secret-key"}, start="${SECRET_KEY}"), "start")
    assert "very-secret-key" not in str(refused.value)
    assert "start: of the system “engine”" in refused.value.what
    with pytest.raises(Problem, match="“/usr/bin/env” is not among"):
        read_command(engine({"PROGRAM": "/usr/bin/env"}, start="${PROGRAM} id"), "start")


def test_an_open_quote_is_named() -> None:
    with pytest.raises(Problem, match="A quote is not closed"):
        read_command(engine(start="/usr/bin/true 'x"), "start")


#: Where programs are started, and why a runbook cannot choose an unlisted one there.
CALLS = {
    "integrations/clients/pgtools.py": "a folder bin: of the runbook is checked before it is used",
    "integrations/backups/dump.py": "pg_dump of pgtools",
    "integrations/backups/restore.py": "pg_restore of pgtools",
    "integrations/clients/platform/platform.py": "read_command, or the driver's own words",
    "integrations/clients/proxies/nginx.py": "read_command, or the panel's own default",
    "integrations/clients/platform/engines.py": "docker compose version",
    "integrations/prisma/cli.py": "read_command",
    "integrations/clients/remote_program.py": "over ssh, what its callers allow; they are listed here, too",
    "integrations/preflight/checks/commands.py": "over ssh with the options of clients/ssh.py: REACHED, and "
    "what NamedCommand.allow lets look at the disks",
    "integrations/preflight/checks/platform.py": "the driver's own words (kubectl auth can-i)",
    "integrations/preflight/checks/prisma_project.py": "node --version",
    "integrations/background_program.py": "api_process.py gives it what read_command allows",
    "integrations/program_start.py": "programs.py and background_program.py give it a full path",
    "integrations/actions/command_run.py": "NamedCommand.allow; over ssh with the options of clients/ssh.py",
    "integrations/actions/prisma_sanity.py": "node with the panel's own script",
}


def test_no_other_module_starts_programs() -> None:
    found = set()
    for folder in ("integrations", "checklists"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            name = str(file.relative_to(ROOT))
            if name.startswith("integrations/sandbox/") or name == "integrations/programs.py":
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and _starts_a_program(ast.unparse(node.func)):
                    found.add(name)
    assert found == set(CALLS)


def _starts_a_program(called: str) -> bool:
    by_name = ("programs.run", "start_program", "run_remote")
    return called in by_name or called.startswith(("subprocess.", "os.exec", "os.spawn", "os.system"))
