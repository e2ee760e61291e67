"""Actions for tests only: they change a folder (“the world”) as their parameters say.

They are put into the registry by ``tests.checklists.executor.panel``, never by the panel itself.
The folder's journal is written without any fence: it is the independent witness of what happened.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django import forms

from integrations import programs
from integrations.actions import (
    Action,
    ActionForm,
    ActionParams,
    Effect,
    Finding,
    Outcome,
    Preview,
    ProbeStatus,
    RunReport,
)
from integrations.errors import Cancelled, Problem

#: Double fork and setsid; then the system's monotonic time goes into the journal 20 times a second.
ESCAPE = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
until = time.monotonic() + 120
with open(sys.argv[1], "a", buffering=1) as journal:
    while time.monotonic() < until:
        journal.write(f"{time.monotonic()}\\n")
        time.sleep(0.05)
"""


HOSTILE_TEXT = "a\0b\ud800c\x1b[31m\u202ed\udfff"


def nested(depth: int) -> list[Any]:
    """Lists in lists."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


#: What may be read from a provider's or a program's answer, and not every store or page can hold.
HOSTILE: list[Any] = [
    *(float("nan"), float("inf"), -float("inf"), 1e308, 2**63, 10**400, 10**5000, -(10**5000)),
    *(HOSTILE_TEXT, "\0" * 1000, "x" * 3_000_000, {HOSTILE_TEXT: {"\0": HOSTILE_TEXT}}, nested(900)),
    *({1: {2: None}}, {"": ""}, ("a", {"b"}), b"\xff\0"),
]  # fmt: skip


@dataclass(frozen=True)
class PlayParams(ActionParams):
    """What to do, and how much of it."""

    world: str
    do: str
    seconds: float | None
    lines: int | None
    rows: int | None
    resource: str
    text: str
    sees: str


class Play(Action[PlayParams, dict[str, Any]]):
    """Begins in the journal, does what ``do`` says, and writes there that it is done."""

    title = "Play a part in a test"

    class Params(ActionForm):
        world = forms.CharField()
        do = forms.CharField(initial="succeed", required=False)
        seconds = forms.FloatField(required=False, initial=0)
        lines = forms.IntegerField(required=False, initial=3)
        rows = forms.IntegerField(required=False, initial=0)
        resource = forms.CharField(required=False)
        text = forms.CharField(required=False)
        sees = forms.CharField(required=False)

    def resource(self, params: PlayParams) -> str | None:
        return params.resource or None

    def preview(self, params: PlayParams) -> Preview:
        return Preview(lines=[f"Play {params.do} in {params.world}"])

    def before(self, params: PlayParams) -> dict[str, Any]:
        if params.do == "never_ready":
            raise Problem("The world is not ready.", means="Nothing was done.", next="Wait.")
        if params.do == "slow_before":
            time.sleep(params.seconds)
        return {"journal": journal(params.world), "token": params.text}

    def run(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> Outcome:
        write(params.world, f"begin {params.context.attempt}")
        for number in range(params.lines or 0):
            report.log(f"line {number + 1}")
        outcome = getattr(self, f"do_{params.do or 'succeed'}")(params, report)
        write(params.world, f"done {params.context.attempt}")
        report.evidence({"world": params.world, "journal": len(journal(params.world))})
        return outcome or Outcome(ok=True, summary="It was played.")

    def probe(self, params: PlayParams, before: Mapping[str, Any]) -> Finding:
        if params.sees:
            return Finding(ProbeStatus(params.sees), f"It was told to see {params.sees}.", {"seen": True})
        own = [line for line in journal(params.world) if line.endswith(params.context.attempt)]
        seen = {0: ProbeStatus.NOT_DONE, 1: ProbeStatus.PARTIAL}.get(len(own), ProbeStatus.DONE)
        return Finding(seen, f"The journal has {len(own)} lines of it.", {"lines": len(own)})

    def do_succeed(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        for step in range(5):
            report.progress(step + 1, 5, f"step {step + 1}")
            time.sleep((params.seconds or 0) / 5)

    do_slow_before = do_succeed

    def do_verdict(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> Outcome:
        return Outcome(ok=False, summary="The answer is no. Ask again tomorrow.")

    def do_problem(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        raise Problem("The world is flat.", means="It ends somewhere.", next="Turn back.")

    def do_crash(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        raise KeyError(f"no {params.text}")

    def do_die(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_exit(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        sys.exit(3)

    def do_sleep(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        write(params.world, f"pid {os.getpid()}")
        time.sleep(params.seconds)

    def do_stubborn(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        """Hears nothing, and has two processes that hear nothing either, one of them in another session."""
        deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", deaf])
        subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
        until = time.monotonic() + params.seconds
        while time.monotonic() < until:
            try:
                time.sleep(0.1)
            except Cancelled:
                continue

    def do_escape(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        """Leaves a process without our mark, session or parent, that keeps a journal and ignores SIGTERM."""
        journal = str(Path(params.world) / f"escaped-{params.context.attempt}")
        subprocess.run([sys.executable, "-c", ESCAPE, journal], env={}, check=True)
        time.sleep(params.seconds)

    def do_swallow(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        """Catches what it should not, but asks between its steps."""
        while True:
            report.raise_if_cancelled()
            try:
                time.sleep(0.1)
            except Exception:
                report.log("swallowed")

    def do_program(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        programs.run(
            [sys.executable, "-c", f"print('here'); import time; time.sleep({params.seconds})"], report=report
        )

    def do_program_later(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        """Starts a program once the world has a file “go”; the program keeps a journal of its own."""
        while not (Path(params.world) / "go").exists():
            time.sleep(0.01)
        self.do_journal(params, report)

    def do_journal(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        journal = str(Path(params.world) / f"program-{params.context.attempt}")
        code = "import sys, time; open(sys.argv[1], 'w').write(str(time.monotonic())); time.sleep(60)"
        programs.run([sys.executable, "-S", "-c", code, journal], report=report)

    def do_count(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        """Writes ten lines a second into the log; a file of its own says which."""
        for number in range(600):
            report.log(f"count {number}")
            with (Path(params.world) / "counted").open("a") as own:
                own.write(f"count {number}\n")
            time.sleep(0.1)

    def do_tell(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> Outcome:
        """Lets a secret slip everywhere it can."""
        report.secret(params.text)
        report.log(f"the word is {params.text}, again {params.text}")
        report.log(f"hex {params.text.encode().hex()}")
        report.progress(1, 2, f"with {params.text}")
        report.evidence({"leak": {"word": [params.text]}})
        return Outcome(ok=True, summary=f"done with {params.text}")

    def do_tell_crash(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        report.secret(params.text)
        raise RuntimeError(f"no entry with {params.text}")

    def do_bytes(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        report.log("two\nlines\x00 and \x1b[31mred\x1b[0m")
        report.log("x" * 40_000)

    def do_hostile(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> Outcome:
        """Reports everywhere what a provider may have said, and ends well."""
        report.evidence({HOSTILE_TEXT: HOSTILE_TEXT, "all": HOSTILE})
        numbers = (float("nan"), float("inf"), float("1e308"))
        for number in (*numbers, 10**400):
            report.progress(number, number, HOSTILE_TEXT)
            report.measure(share_percent=number)
            report.table_progress("t" + HOSTILE_TEXT, "reading", seconds=number, seconds_left=number)
        for text in (HOSTILE_TEXT, "y" * 100_000):
            report.log(text)
            report.row_difference("t", "changed", {"id": text}, {"name": [text, None]})
        return Outcome(ok=True, summary="done " + HOSTILE_TEXT + "z" * 10_000)

    def do_backup(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        backup = {"path": f"{params.world}/b", "bytes": 12, "sha256": params.text, "format": "custom"}
        counts = {"taken_at": "2026-01-02T03:04:05+00:00", "tables": 3, "rows": 9}
        report.evidence({"backup": {**backup, **counts}})

    def do_verified(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        report.evidence({"verified": {"sha256": params.text, "seconds": 4.5, "equal": True}})

    def do_parity(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        table = {"table": "public.gift", "source_rows": 5, "target_rows": 5, "equal": False, "differing": 1}
        more = {"declared": 0, "unsound": ["x"], "examples": [{"key": 1}], "digest": "d" * 64, "seconds": 0.5}
        report.evidence({"parity": {"mode": "live", "tables": [{**table, **more}], "digest": "e" * 64}})

    def do_compare(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        """Tells of two tables and so many rows while it runs, as a comparison does; ``text`` slips in."""
        report.secret(params.text or "nothing to hide")
        report.table_progress(
            "members", "reading", pages=100, pages_done=40, rows_done=400, seconds=2, seconds_left=3
        )
        report.table_progress("gifts", "waiting", pages=7)
        for number in range(params.rows or 0):
            columns = {"name": [f"old {number}", f"new {number} {params.text}"], "bio": [None, "a\rb"]}
            report.row_difference("members", "changed", {"id": str(number)}, columns, personal=["name"])
        time.sleep(params.seconds or 0)
        found = {"equal": False, "differing": params.rows}
        report.table_progress(
            "members", "done", pages=100, pages_done=100, rows_done=1000, seconds=5, found=found
        )

    def do_compare_nonsense(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        report.table_progress(
            "m" * 900, "a state that is far too long", pages=1 << 70, seconds_left=float("inf")
        )
        report.row_difference("members", "moved", {"id": 1}, {})

    def do_misshapen(self, params: PlayParams, report: RunReport[dict[str, Any]]) -> None:
        report.evidence({"backup": {"path": "somewhere"}})


class Pure(Play):
    key, effect = "test.pure", Effect.PURE


class Idempotent(Play):
    key, effect = "test.idempotent", Effect.IDEMPOTENT


class Once(Play):
    key, effect = "test.once", Effect.AT_MOST_ONCE


def ready_to_stop_soon(*actions: type[Play]) -> None:
    """A second is grace enough in a test."""
    from datetime import timedelta

    for action in actions:
        action.grace = timedelta(seconds=1)


ready_to_stop_soon(Pure, Idempotent, Once)
ACTIONS = {cls.key: cls() for cls in (Pure, Idempotent, Once)}


def journal(world: str) -> list[str]:
    """What happened in the world, in order."""
    path = Path(world) / "journal"
    return path.read_text().splitlines() if path.exists() else []


def write(world: str, line: str) -> None:
    """One line of history, durable against the death of this process."""
    handle = os.open(Path(world) / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)
