"""Actions that only tests know: they do to a folder (“the world”) what their parameters say.

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
from pathlib import Path
from typing import Any

from django import forms

from integrations import programs
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    Values,
)
from integrations.errors import Cancelled, Problem


class Play(Action):
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

    def resource(self, params: Values) -> str | None:
        return params.resource or None

    def preview(self, params: Values) -> Preview:
        return Preview(lines=[f"Play {params.do} in {params.world}"])

    def before(self, params: Values) -> dict[str, Any]:
        if params.do == "never_ready":
            raise Problem("The world is not ready.", means="Nothing was done.", next="Wait.")
        if params.do == "slow_before":
            time.sleep(params.seconds)
        return {"journal": journal(params.world), "token": params.text}

    def run(self, params: Values, report: Report) -> Outcome:
        write(params.world, f"begin {params.context.attempt}")
        for number in range(params.lines or 0):
            report.log(f"line {number + 1}")
        outcome = getattr(self, f"do_{params.do or 'succeed'}")(params, report)
        write(params.world, f"done {params.context.attempt}")
        report.evidence(world=params.world, journal=len(journal(params.world)))
        return outcome or Outcome(ok=True, summary="It was played.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        if params.sees:
            return Finding(Seen(params.sees), f"It was told to see {params.sees}.", {"seen": True})
        own = [line for line in journal(params.world) if line.endswith(params.context.attempt)]
        seen = {0: Seen.NOT_DONE, 1: Seen.PARTIAL}.get(len(own), Seen.DONE)
        return Finding(seen, f"The journal has {len(own)} lines of it.", {"lines": len(own)})

    def do_succeed(self, params: Values, report: Report) -> None:
        for step in range(5):
            report.progress(step + 1, 5, f"step {step + 1}")
            time.sleep((params.seconds or 0) / 5)

    do_slow_before = do_succeed

    def do_verdict(self, params: Values, report: Report) -> Outcome:
        return Outcome(ok=False, summary="The answer is no. Ask again tomorrow.")

    def do_problem(self, params: Values, report: Report) -> None:
        raise Problem("The world is flat.", means="It ends somewhere.", next="Turn back.")

    def do_crash(self, params: Values, report: Report) -> None:
        raise KeyError(f"no {params.text}")

    def do_die(self, params: Values, report: Report) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_exit(self, params: Values, report: Report) -> None:
        sys.exit(3)

    def do_sleep(self, params: Values, report: Report) -> None:
        write(params.world, f"pid {os.getpid()}")
        time.sleep(params.seconds)

    def do_stubborn(self, params: Values, report: Report) -> None:
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

    def do_swallow(self, params: Values, report: Report) -> None:
        """Catches what it should not, but asks between its steps."""
        while True:
            report.raise_if_cancelled()
            try:
                time.sleep(0.1)
            except Exception:
                report.log("swallowed")

    def do_program(self, params: Values, report: Report) -> None:
        programs.run(
            [sys.executable, "-c", f"print('here'); import time; time.sleep({params.seconds})"], report=report
        )

    def do_tell(self, params: Values, report: Report) -> Outcome:
        """Lets a secret slip everywhere it can."""
        report.secret(params.text)
        report.log(f"the word is {params.text}, again {params.text}")
        report.log(f"hex {params.text.encode().hex()}")
        report.progress(1, 2, f"with {params.text}")
        report.evidence(leak={"word": [params.text]})
        return Outcome(ok=True, summary=f"done with {params.text}")

    def do_tell_crash(self, params: Values, report: Report) -> None:
        report.secret(params.text)
        raise RuntimeError(f"no entry with {params.text}")

    def do_bytes(self, params: Values, report: Report) -> None:
        report.log("two\nlines\x00 and \x1b[31mred\x1b[0m")
        report.log("x" * 40_000)

    def do_nan(self, params: Values, report: Report) -> None:
        report.evidence(share=float("nan"))

    def do_backup(self, params: Values, report: Report) -> None:
        report.evidence(
            backup={
                "path": f"{params.world}/b", "bytes": 12, "sha256": params.text, "format": "custom",
                "taken_at": "2026-01-02T03:04:05+00:00", "tables": 3, "rows": 9,
            }
        )  # fmt: skip

    def do_verified(self, params: Values, report: Report) -> None:
        report.evidence(verified={"sha256": params.text, "seconds": 4.5, "equal": True})

    def do_parity(self, params: Values, report: Report) -> None:
        table = {"table": "public.gift", "source_rows": 5, "target_rows": 5, "equal": False, "differing": 1}
        more = {"declared": 0, "unsound": ["x"], "examples": [{"key": 1}], "digest": "d" * 64, "seconds": 0.5}
        report.evidence(parity={"mode": "live", "tables": [{**table, **more}], "digest": "e" * 64})

    def do_compare(self, params: Values, report: Report) -> None:
        """Tells of two tables and so many rows while it runs, as a comparison does; ``text`` slips in."""
        report.secret(params.text or "nothing to hide")
        report.part("members", "reading", pages=100, pages_done=40, rows_done=400, seconds=2, seconds_left=3)
        report.part("gifts", "waiting", pages=7)
        for number in range(params.rows or 0):
            columns = {"name": [f"old {number}", f"new {number} {params.text}"], "bio": [None, "a\rb"]}
            report.difference("members", "changed", {"id": str(number)}, columns, personal=["name"])
        time.sleep(params.seconds or 0)
        found = {"equal": False, "differing": params.rows}
        report.part("members", "done", pages=100, pages_done=100, rows_done=1000, seconds=5, found=found)

    def do_compare_nonsense(self, params: Values, report: Report) -> None:
        report.part("m" * 900, "a state that is far too long", pages=1 << 70, seconds_left=float("inf"))
        report.difference("members", "moved", {"id": 1}, {})

    def do_misshapen(self, params: Values, report: Report) -> None:
        report.evidence(backup={"path": "somewhere"})


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
