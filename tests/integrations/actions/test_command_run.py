"""Allowed programs run here and over ssh; their end, output and probe are judged as the runbook says."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms

from integrations.actions import Context, Effect, ProbeStatus, registry
from integrations.clients import ssh
from integrations.errors import Cancelled, Problem
from integrations.redact import MASK
from integrations.systems import Systems
from tests.allowed import allow
from tests.integrations.clients.ssh_server import SshServer, account, ssh_server
from tests.integrations.recorder import Recorder
from tests.waiting import wait_for

ACTION = registry()["command.run"]
Bind = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh")) as running:
        yield running


@pytest.fixture
def bind(tmp_path: Path) -> Bind:
    def make(*argv: Any, systems: Any = None, environ: Any = None, **raw: Any) -> Any:
        known = Systems({"here": {"kind": "folder", "path": str(tmp_path)}, **(systems or {})}, environ or {})
        context = Context(known, evidence={}, folder=tmp_path, attempt="a-1")
        return ACTION.bind({"argv": list(argv), "effect": "pure", **raw}, context)

    return make


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Makes an allowed program of a few lines of shell."""

    def make(text: str, name: str = "tool") -> str:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        allow(program)
        return str(program)

    return make


def test_the_words_reach_the_program_as_they_are(bind: Bind, tmp_path: Path) -> None:
    program = tmp_path / "words"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:])\n")
    program.chmod(0o755)
    allow(program)
    report = Recorder()
    outcome = ACTION.run(bind(str(program), "a b", "$(id)", 7, "*"), report)
    assert outcome.ok, outcome.summary
    assert report.lines == [f"$ {program} 'a b' '$(id)' 7 '*'", "['a b', '$(id)', '7', '*']"]
    facts = report.facts["command"]
    assert facts == {"program": str(program), "host": "", "exit_code": 0}


def test_a_program_that_is_not_allowed_starts_nowhere(bind: Bind, tmp_path: Path) -> None:
    program, mark = tmp_path / "evil", tmp_path / "mark"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    params = bind(str(program))
    for asked in (
        lambda: ACTION.run(params, Recorder()),
        lambda: ACTION.preview(params),
        lambda: ACTION.resource(params),
    ):
        with pytest.raises(Problem, match="is not among the programs that a runbook may start") as refused:
            asked()
        assert "CUTOVER_PROGRAMS" in refused.value.next
    with pytest.raises(Problem, match=r"probe: of the item"):
        ACTION.resource(bind("/usr/bin/true", probe=[str(program)], effect="idempotent"))
    assert not mark.exists()


def test_another_exit_code_is_a_verdict_with_the_last_words(bind: Bind, script: Any) -> None:
    outcome = ACTION.run(bind(script("echo working; echo no room left >&2; exit 3")), Recorder())
    assert not outcome.ok
    assert "ended with code 3; success is 0. It said: no room left" in outcome.summary
    assert ACTION.run(bind(script("exit 3"), success_codes=[0, 3]), Recorder()).ok
    assert "by signal 9" in ACTION.run(bind(script("kill -9 $$")), Recorder()).summary


def test_of_a_program_that_may_run_once_a_failure_is_left_to_the_probe(bind: Bind, script: Any) -> None:
    with pytest.raises(Problem, match="ended with code 3"):
        ACTION.run(bind(script("exit 3"), effect="at_most_once"), Recorder())


def test_facts_of_json_and_of_patterns_are_evidence(bind: Bind, script: Any) -> None:
    report = Recorder()
    tool = script("""echo '{"rows": 12, "jobs": [{"state": "done"}], "none": null}'""")
    facts = {"rows": "rows", "state": "jobs.0.state", "nothing": "none"}
    assert ACTION.run(bind(tool, json_facts=facts), report).ok
    assert report.facts["facts"] == {"rows": 12, "state": "done", "nothing": None}
    tool = script("echo loading; echo 'copied 31 tables in 2 s'")
    outcome = ACTION.run(bind(tool, pattern_facts={"tables": r"^copied (\d+) tables"}), report)
    assert report.facts["facts"] == {"tables": "31"}
    assert "tables: 31" in outcome.summary


@pytest.mark.parametrize(
    "facts",
    [{"json_facts": {"rows": "total"}}, {"pattern_facts": {"rows": r"total (\d+)"}}],
)
def test_a_fact_that_is_missing_is_red(bind: Bind, script: Any, facts: Any) -> None:
    outcome = ACTION.run(bind(script("""echo '{"rows": 1}'"""), **facts), Recorder())
    assert not outcome.ok
    assert "its output has no rows" in outcome.summary
    outcome = ACTION.run(bind(script("echo no JSON at all"), **facts, effect="idempotent"), Recorder())
    assert "Its effect is there" in outcome.summary
    with pytest.raises(Problem, match="its output has no rows") as raised:
        ACTION.run(bind(script("echo no JSON at all"), **facts, effect="at_most_once"), Recorder())
    assert "its effect is there" in raised.value.means  # the probe and a person decide: not simply FAILED


@pytest.mark.parametrize(
    ("code", "found"), [(0, ProbeStatus.DONE), (4, ProbeStatus.NOT_DONE), (1, None), (127, None)]
)
def test_the_probe_tells_by_its_exit_code_and_guesses_nothing(
    bind: Bind, script: Any, code: int, found: Any
) -> None:
    probe = script(f"echo looked; exit {code}", "probe")
    params = bind(script("true"), effect="at_most_once", probe=[probe, "x"], not_done_codes=[4])
    if found is None:
        with pytest.raises(Problem, match="tells neither"):
            ACTION.probe(params, {})
    else:
        finding = ACTION.probe(params, {})
        assert finding.status == found
        assert "looked" in finding.observed


def test_without_a_probe_nobody_knows_unless_it_only_reads(bind: Bind, script: Any) -> None:
    tool = script("true")
    assert ACTION.probe(bind(tool), {}).status == ProbeStatus.NOT_DONE
    with pytest.raises(Problem, match="has no probe"):
        ACTION.probe(bind(tool, effect="at_most_once"), {})
    assert "There is no probe" in ACTION.preview(bind(tool, effect="idempotent")).warnings[0]


def test_a_cancel_ends_the_program_and_its_children(bind: Bind, script: Any, tmp_path: Path) -> None:
    tool = script(f"sleep 300 & echo $! > {tmp_path}/pid; wait")
    report = Recorder(cancel_when=lambda report: (tmp_path / "pid").exists())
    with pytest.raises(Cancelled):
        ACTION.run(bind(tool), report)
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_a_timeout_ends_it_with_a_reason(bind: Bind, script: Any) -> None:
    with pytest.raises(Problem, match=r"did not finish within 0\.3 s"):
        ACTION.run(bind(script("sleep 300"), timeout_seconds=0.3), Recorder())


def test_it_runs_in_the_folder_that_is_named(bind: Bind, script: Any, tmp_path: Path) -> None:
    report = Recorder()
    assert ACTION.run(bind(script("pwd"), folder="here"), report).ok
    assert report.lines[-1] == os.path.realpath(tmp_path)
    assert ACTION.run(bind("./tool", folder="here"), Recorder()).ok


def test_values_of_variables_are_shown_nowhere(bind: Bind, script: Any) -> None:
    params = bind(
        script("true"), "--key", "${KEY}", "-p${PIN}", "${MODE:-fast}", environ={"KEY": "a b", "PIN": "7"}
    )
    report = Recorder()
    ACTION.run(params, report)
    assert report.lines[0].endswith(f"--key {MASK} '-p{MASK}' fast")
    assert params.argv.words[2:] == ("a b", "-p7", "fast")
    assert "a b" not in str(ACTION.preview(params))


def test_the_effect_is_the_runbooks_and_the_strictest_where_it_is_not_understood() -> None:
    for word, effect in (
        ("pure", Effect.PURE),
        ("idempotent", Effect.IDEMPOTENT),
        ("at_most_once", Effect.AT_MOST_ONCE),
        ("${EFFECT}", Effect.AT_MOST_ONCE),
        (None, Effect.AT_MOST_ONCE),
    ):
        assert ACTION.effect_of({"effect": word}) is effect
        assert ACTION.is_risky_with({"effect": word}) is (effect is not Effect.PURE)


@pytest.mark.parametrize(
    "raw",
    [
        {"argv": []},
        {"argv": "true"},
        {"argv": [["a"]]},
        {"argv": ["a\0b"]},
        {"argv": [True]},
        {"effect": "twice"},
        {"effect": None},
        {"success_codes": ["0"]},
        {"success_codes": [256]},
        {"not_done_codes": [1]},
        {"not_done_codes": [0], "probe": ["x"]},
        {"pattern_facts": {"rows": "("}},
        {"pattern_facts": {"rows": "no group"}},
        {"json_facts": {"Rows!": "a"}},
        {"host": "db2", "folder": "here"},
        {"host": "db2", "success_codes": [255]},
        {"timeout_seconds": 0},
        {"resource": "a b"},
        {"shell": True},
    ],
)
def test_mistakes_are_found_before_anything_runs(bind: Bind, raw: Any) -> None:
    systems = {"db2": {"kind": "host", "address": "db2.example.org"}}
    with pytest.raises(forms.ValidationError):
        bind("/usr/bin/true", systems=systems, **raw)


def test_two_attempts_of_one_program_exclude_each_other(
    bind: Bind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list").write_text("/usr/bin/true\n[db2.example.org]\n/srv/ctl\n")
    monkeypatch.setenv("CUTOVER_PROGRAMS", str(tmp_path / "list"))
    systems = {"db2": {"kind": "host", "address": "db2.example.org"}}
    assert ACTION.resource(bind("true")) == "command:worker:/usr/bin/true"
    assert ACTION.resource(bind("ctl", systems=systems, host="db2")) == "command:db2.example.org:/srv/ctl"
    assert ACTION.resource(bind("true", resource="db:shop")) == "db:shop"


# ── over ssh ─────────────────────────────────────────────────────────────────


@pytest.fixture
def remote(bind: Bind, server: SshServer, monkeypatch: pytest.MonkeyPatch) -> Bind:
    monkeypatch.setenv(ssh.CONFIG, str(server.config))

    def make(*argv: Any, **raw: Any) -> Any:
        return bind(*argv, systems={"db2": server.settings}, host="db2", **raw)

    return make


@pytest.fixture
def remote_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a program that is allowed on the other host and not here."""

    def make(text: str, name: str = "remote") -> str:
        program, listed = tmp_path / name, tmp_path / "list"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        with listed.open("a") as file:
            file.write(f"[{account()}@127.0.0.1]\n{program}\n")
        monkeypatch.setenv("CUTOVER_PROGRAMS", str(listed))
        return str(program)

    return make


def test_a_program_runs_on_the_other_host(remote: Bind, remote_script: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(remote(remote_script('printf "%s|" "$@"'), "it's", "$(id)", "a\nb"), report)
    assert outcome.ok, outcome.summary
    assert "it's|$(id)|a" in report.text
    assert report.lines[0].startswith(f"{account()}@127.0.0.1 $ ")
    assert report.facts["command"]["host"] == f"{account()}@127.0.0.1"


def test_programs_of_this_host_are_not_allowed_on_the_other(
    remote: Bind, bind: Bind, remote_script: Any, script: Any
) -> None:
    here = script("true", "here-only")
    there = remote_script("true")
    with pytest.raises(Problem, match=f"may start on {account()}@127.0.0.1"):
        ACTION.run(remote(here), Recorder())
    with pytest.raises(Problem, match="may start here"):
        ACTION.run(bind(there), Recorder())


def test_a_verdict_and_a_probe_come_from_the_other_host(remote: Bind, remote_script: Any) -> None:
    tool, probe = remote_script("exit 5"), remote_script("exit 9", "probe")
    params = remote(tool, effect="idempotent", probe=[probe], not_done_codes=[9])
    assert "ended with code 5" in ACTION.run(params, Recorder()).summary
    assert ACTION.probe(params, {}).status == ProbeStatus.NOT_DONE


def test_no_connection_is_an_error_with_its_cause(
    remote: Bind, remote_script: Any, server: SshServer
) -> None:
    tool = remote_script("true")
    kept = server.known_hosts.read_text()
    server.known_hosts.write_text("")
    try:
        with pytest.raises(Problem, match="No ssh connection") as refused:
            ACTION.run(remote(tool), Recorder())
    finally:
        server.known_hosts.write_text(kept)
    assert "Host key verification failed" in refused.value.means


def test_the_preview_names_host_command_and_probe(remote: Bind, remote_script: Any) -> None:
    tool = remote_script("true")
    preview = ACTION.preview(remote(tool, "now", effect="idempotent", probe=[tool, "--check"]))
    assert preview.where == f"{account()}@127.0.0.1"
    assert preview.lines[0] == f"{tool} now"
    assert preview.lines[-1] == f"Probe: {tool} --check"
