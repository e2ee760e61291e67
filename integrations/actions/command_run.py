"""Runs a program that the installation allows, on the worker's host or on another one over ssh."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from django import forms

from integrations import actions, programs
from integrations.actions.command_facts import check_names, check_pattern, read_facts
from integrations.clients.remote_program import run_remote
from integrations.clients.ssh import FAILED, SshHost
from integrations.errors import Problem
from integrations.program_output import ProgramReport
from integrations.programs import CompletedProgram
from integrations.runbook_commands import NamedCommand, RunbookCommand, WordList, format_command
from integrations.systems import System

PROBE_TIMEOUT = 25.0  # seconds
RESOURCE = re.compile(r"\A[\w.:/@-]{1,200}\Z")
#: word of the runbook → effect
EFFECTS = {
    "pure": actions.Effect.PURE,
    "idempotent": actions.Effect.IDEMPOTENT,
    "at_most_once": actions.Effect.AT_MOST_ONCE,
}


@dataclass(frozen=True)
class CommandRunParams(actions.ActionParams):
    """The command, where it runs, its effect, and how its end is judged."""

    argv: WordList
    host: System | None
    folder: System | None
    effect: str
    probe: WordList
    not_done_codes: list[int]
    success_codes: list[int]
    json_facts: dict[str, str]
    pattern_facts: dict[str, str]
    timeout_seconds: float | None
    resource: str


class CommandFacts(TypedDict):
    """The program (its path), the host ("": the worker's), and its exit code."""

    program: str
    host: str
    exit_code: int


class CommandRunEvidence(TypedDict, total=False):
    """What a run records; ``facts`` are those that the runbook names."""

    command: CommandFacts
    facts: dict[str, Any]


@actions.register
class CommandRun(actions.Action[CommandRunParams, CommandRunEvidence]):
    """No shell reads the words. The runbook declares the effect, which decides what may follow when a
    worker is lost. An item that is not pure needs its undo."""

    key, title = "command.run", "Run an allowed program"
    public_params = frozenset({"not_done_codes", "success_codes", "json_facts", "pattern_facts", "resource"})
    effect = actions.Effect.AT_MOST_ONCE  # for words that are not understood; see `effect_of`
    command_params = frozenset({"argv", "probe"})

    class Params(actions.ActionForm):
        """``argv``: the program and its arguments, one word each; the installation has to allow the program.
        ``host``: a system of kind host, reached over ssh (default: the worker's host). ``folder``: where it
        runs, not over ssh. ``effect``: pure (only reads), idempotent (twice has the effect of once) or
        at_most_once. ``probe``: a command that only reads and tells what a lost attempt did: exit code 0
        means done, one of ``not_done_codes`` not done, any other that it cannot tell. ``success_codes``:
        exit codes that mean success (0). ``json_facts``: name → dotted path in the JSON that it prints;
        ``pattern_facts``: name → pattern with one group, searched in its standard output. All of them have
        to be found, and are evidence. ``timeout_seconds``: end it after this time. ``resource``: what two
        attempts must not use at once (default: the program on its host)."""

        argv = actions.JSONValueField(kind=list)
        host = actions.SystemField(kind="host", required=False)
        folder = actions.SystemField(kind="folder", required=False)
        effect = forms.ChoiceField(choices=[(word, word) for word in EFFECTS])
        probe = actions.JSONValueField(kind=list, required=False)
        not_done_codes = actions.JSONValueField(kind=list, required=False)
        success_codes = actions.JSONValueField(kind=list, required=False, initial=[0])
        json_facts = actions.JSONValueField(kind=dict, required=False)
        pattern_facts = actions.JSONValueField(kind=dict, required=False)
        timeout_seconds = forms.FloatField(min_value=0.1, required=False)
        resource = forms.RegexField(RESOURCE, required=False)

        def clean_argv(self) -> WordList:
            """The words, and the same without values of variables."""
            return self._words("argv")

        def clean_probe(self) -> WordList:
            """The words of the probe."""
            return self._words("probe")

        def _words(self, name: str) -> WordList:
            environ = self.context.systems.environ
            try:
                return WordList.of(self.templates.get(name) or [], self.cleaned_data[name], environ)
            except ValueError as error:
                raise forms.ValidationError(str(error)) from None

        def clean_not_done_codes(self) -> list[int]:
            """Exit codes; 0 means done."""
            codes = _exit_codes(self.cleaned_data["not_done_codes"])
            if 0 in codes:
                raise forms.ValidationError("0 means that the effect is there.")
            return codes

        def clean_success_codes(self) -> list[int]:
            """Exit codes, at least one."""
            return _exit_codes(self.cleaned_data["success_codes"])

        def clean_json_facts(self) -> dict[str, str]:
            """Names and paths."""
            return check_names("json_facts", self.cleaned_data["json_facts"])

        def clean_pattern_facts(self) -> dict[str, str]:
            """Names and patterns with exactly one group."""
            return {
                name: check_pattern(name, pattern)
                for name, pattern in check_names("pattern_facts", self.cleaned_data["pattern_facts"]).items()
            }

        def clean(self) -> dict[str, Any]:
            """What goes together."""
            given = self.cleaned_data
            if given.get("not_done_codes") and not given["probe"].words:
                raise forms.ValidationError("not_done_codes: belong to a probe:.")
            if given.get("host") and given.get("folder"):
                raise forms.ValidationError(
                    "folder: is a folder of the worker's host; leave host: or it out."
                )
            if given.get("host") and FAILED in given.get("success_codes", []):
                raise forms.ValidationError(f"{FAILED} is the code of ssh itself, when it fails.")
            return given

    def effect_of(self, raw: Mapping[str, Any]) -> actions.Effect:
        """The effect that the runbook declares."""
        declared = raw.get("effect")
        known = EFFECTS.get(declared) if isinstance(declared, str) else None
        return known or actions.Effect.AT_MOST_ONCE

    def is_risky_with(self, raw: Mapping[str, Any]) -> bool:
        """A program that only reads needs no undo."""
        return self.effect_of(raw) is not actions.Effect.PURE

    def list_commands(self, params: CommandRunParams) -> Iterator[NamedCommand]:
        """The command and its probe."""
        for named, words in (("argv", params.argv), ("probe", params.probe)):
            if words.words:
                yield _named(params, words, named)

    def resource(self, params: CommandRunParams) -> str:
        """As the runbook says, else the program on its host. Raises `Problem` when it is not allowed."""
        command = _allowed(params, params.argv, "argv")
        if params.probe.words:
            _allowed(params, params.probe, "probe")
        return params.resource or f"command:{_host_name(params) or 'worker'}:{command[0]}"

    def preview(self, params: CommandRunParams) -> actions.Preview:
        """The command, its probe, and how its end is judged."""
        lines = [format_command(_allowed(params, params.argv, "argv"))]
        codes = ", ".join(map(str, params.success_codes))
        lines.append(f"Success is exit code {codes}.{_describe_facts(params)}")
        warnings = []
        if params.probe.words:
            lines.append(f"Probe: {format_command(_allowed(params, params.probe, 'probe'))}")
        elif params.effect != "pure":
            warnings.append("There is no probe: after a lost worker a person has to find out what it did.")
        return actions.Preview(lines, where=_host_name(params) or "the worker's host", warnings=warnings)

    def run(self, params: CommandRunParams, report: actions.RunReport[CommandRunEvidence]) -> actions.Outcome:
        """Another exit code is a verdict, unless the program may run at most once: then the probe decides."""
        command = _allowed(params, params.argv, "argv")
        done = _start(params, command, report, timeout=params.timeout_seconds)
        name = command[0].rpartition("/")[2]
        host = _host_name(params)
        report.evidence({"command": {"program": command[0], "host": host, "exit_code": done.code}})
        if done.code not in params.success_codes:
            return _judge_failure(params, done, name)
        facts, missing = read_facts(done.stdout, params.json_facts, params.pattern_facts)
        report.evidence({"facts": facts})
        if missing:
            return _judge_missing(params, f"{name} ended with code {done.code}", missing)
        said = "; ".join(f"{key}: {value}" for key, value in facts.items())[:300]
        return actions.Outcome(True, f"{name} ended with code {done.code}.{f' {said}' if said else ''}")

    def probe(self, params: CommandRunParams, before: Mapping[str, Any]) -> actions.Finding:
        """Runs ``probe:``. Raises `Problem` when there is none, or when it cannot tell."""
        if params.effect == "pure":
            return actions.Finding(actions.ProbeStatus.NOT_DONE, "It only reads and can simply run again.")
        if not params.probe.words:
            raise Problem("The item has no probe: a person has to find out what the program did.")
        command = _allowed(params, params.probe, "probe")
        done = _start(params, command, None, timeout=PROBE_TIMEOUT)
        said = f"{format_command(command)} ended with code {done.code}{_last_line(done)}"
        if done.code == 0:
            return actions.Finding(actions.ProbeStatus.DONE, f"{said}: done.", {"probe": {"exit_code": 0}})
        if done.code in params.not_done_codes:
            return actions.Finding(actions.ProbeStatus.NOT_DONE, f"{said}: not done.")
        raise Problem(f"{said}, which tells neither that it is done nor that it is not.")


def _named(params: CommandRunParams, words: WordList, named: str) -> NamedCommand:
    folder = params.folder["path"] if params.folder else None
    return NamedCommand(words.words, words.masked, f"{named}: of the item", _host_name(params), folder)


def _allowed(params: CommandRunParams, words: WordList, named: str) -> RunbookCommand:
    return _named(params, words, named).allow()


def _host_name(params: CommandRunParams) -> str:
    return SshHost.of(params.host).name if params.host else ""


def _start(
    params: CommandRunParams, command: RunbookCommand, report: ProgramReport | None, timeout: float | None
) -> CompletedProgram:
    """Runs it to its end, here or there. Raises `Problem` when there is no connection, or it breaks."""
    host = SshHost.of(params.host) if params.host else None
    if report:
        report.log(f"{f'{host.name} ' if host else ''}$ {format_command(command)}")
    if host:
        return run_remote(host, command, report=report, timeout=timeout)
    folder = params.folder["path"] if params.folder else None
    return programs.run(command, cwd=folder, report=report, timeout=timeout)


def _judge_missing(params: CommandRunParams, ended: str, missing: list[str]) -> actions.Outcome:
    """A failure, unless it may run at most once: then its effect is there, and a person decides about it."""
    what = f"{ended}, but its output has no {', '.join(missing)}."
    compare = "Compare the output in the log with json_facts: and pattern_facts:."
    if params.effect == "at_most_once":
        raise Problem(what, means="The program says that it succeeded, so its effect is there.", next=compare)
    remains = "" if params.effect == "pure" else " Its effect is there: do not simply start it again."
    return actions.Outcome(False, f"{what}{remains} {compare}")


def _judge_failure(params: CommandRunParams, done: CompletedProgram, name: str) -> actions.Outcome:
    wanted = ", ".join(map(str, params.success_codes))
    ended = f"by signal {-done.code}" if done.code < 0 else f"with code {done.code}"
    what = f"{name} ended {ended}; success is {wanted}{_last_line(done)}."
    if params.effect == "at_most_once":
        raise Problem(
            what, means="Part of its effect may be there.", next="Read the log, then decide on the probe."
        )
    return actions.Outcome(False, f"{what} Read the log, remove the cause, then start it again.")


def _last_line(done: CompletedProgram) -> str:
    lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    return f". It said: {lines[-1][:200]}" if lines else ""


def _describe_facts(params: CommandRunParams) -> str:
    names = [*params.json_facts, *params.pattern_facts]
    return f" Its output has to have {', '.join(names)}." if names else ""


def _exit_codes(codes: list[Any]) -> list[int]:
    if any(isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= 255 for code in codes):
        raise forms.ValidationError("must be numbers from 0 to 255.")
    return codes
