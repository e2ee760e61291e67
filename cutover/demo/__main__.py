"""`./panel demo`: a rehearsal on this machine, with an old and a new stack and five people."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checklists.durations import format_duration
from cutover.data_folder import PROJECT, ensure_folder
from cutover.demo import demo_folder
from cutover.demo.demo_plan import COVENANT_CONNECT, DemoPlan
from cutover.demo.demo_runbooks import RUNBOOKS, DemoRunbook
from cutover.demo.demo_systems import DemoSystems
from cutover.embedded import StartupError
from cutover.processes import MANAGE, Panel, first_free_port, lock_data_folder
from cutover.servers import OwnServers
from cutover.supervisor import Child, JobFailed, Stopped, Supervisor
from cutover.terminal import say
from integrations.errors import Problem
from integrations.sandbox.repairs import Profile

SLUG = "first-rehearsal"
#: Seconds that the autopilot waits for one item. Most take seconds; a busy machine may need much longer, and
#: must still reach the end, however long the whole rehearsal takes.
PATIENCE = 600.0


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the options of `./panel demo`."""
    parser = argparse.ArgumentParser("panel demo", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="start over: delete the demo's data first")
    parser.add_argument(
        "--autopilot",
        nargs="?",
        const="forward",
        choices=("forward", "rollback", "recorded"),
        help="play the rehearsal automatically, then exit; `rollback`: past the switch, then the rollback; "
        "`recorded`: with the defects of the customer's system, which are found and repaired one by one",
    )
    parser.add_argument(
        "--runbook",
        choices=tuple(RUNBOOKS),
        default=COVENANT_CONNECT,
        help="what is rehearsed (default: %(default)s)",
    )
    parser.add_argument("--text", type=Path, metavar="FILE", help="another text of that runbook")
    parser.add_argument("--rows", type=_rows, help="rows in the old database (default 200000; shop: 20000)")
    parser.add_argument("--port", type=int, help="port of the pages (default 8000 or the next free one)")
    options = parser.parse_args(argv)
    if options.autopilot == Profile.RECORDED and options.runbook != COVENANT_CONNECT:
        parser.error(f"the systems of {options.runbook} have no recorded defects")
    return options


def _rows(text: str) -> int:
    rows = int(text.replace("_", "").replace(",", ""))
    if not 1_000 <= rows <= 10_000_000:
        raise argparse.ArgumentTypeError("between 1000 and 10000000")
    return rows


@dataclass
class Demo:
    """The panel and the external systems that it works on, under one supervisor."""

    panel: Panel
    external: DemoSystems
    plan: DemoPlan
    runbook: DemoRunbook
    people: Path
    began: float
    is_resumed: bool  # the old database exists from an earlier start

    @property
    def supervisor(self) -> Supervisor:
        """The parent of all processes."""
        return self.panel.supervisor

    def start(self) -> None:
        """Starts the pages first, so that people can look round while the external systems are prepared.

        What starts work comes last: the first preflight would call everything red that is not there yet.
        """
        self.panel.start_servers()
        self.panel.prepare()
        self.panel.start_web()
        self._start_database_servers()
        self._stage_rehearsal()
        self._print_people()
        self._fill_sandbox()
        self.panel.start_services()
        with self.panel.step("Worker, prober, dispatcher and reaper are running"):
            if not self.watch_until(self.panel.ready, 60):
                raise StartupError(
                    f"A service of the panel does not run; {self.panel.address}/health/ready says which."
                )
        say(f"  The worker is process {self.supervisor.process_id('worker')}.")
        say(f"  Everything is running after {format_duration(time.monotonic() - self.began)}.\n")

    def _start_database_servers(self) -> None:
        with self.panel.step(self.external.servers_title):
            for server in self.external.servers:
                server.start()
            self.supervisor.spared |= self.external.pids()

    def _stage_rehearsal(self) -> None:
        with self.panel.step("Runbook, people and rehearsal"):
            staged = ["--runbook", str(self.runbook.file), "--title", self.runbook.title]
            argv = [*MANAGE, "stage", str(self.people), *staged]
            self.supervisor.finish(self.supervisor.job("stage", argv, self.panel.environment))

    def _print_people(self) -> None:
        say(f"\n  {self.panel.address}/cutovers/{SLUG}/\n")
        for person in json.loads(self.people.read_text()):
            name = f"{person['first_name']} {person['last_name']}"
            say(f"    {person['part'].lower():<12} {name:<16} {person['username']:<8} {person['password']}")
        say(f"\n  Logs: {self.supervisor.logs} · Django's commands on this demo:")
        say(f"  CUTOVER_DATA={self.panel.folder} ./panel manage record verify · Ctrl-C stops everything.\n")

    def _fill_sandbox(self) -> None:
        if not self.is_resumed:
            filled = f"{self.plan.rows:,} {self.runbook.rows_of}"
            say(f"… Filling the old database with {filled}; you can look at the pages already")
        with self.panel.step(self.external.sandbox_title):
            job = self.supervisor.job(
                "sandbox",
                [sys.executable, "-m", "cutover.demo.demo_runbooks", str(self.panel.folder)],
                self.panel.environment,
            )
            self.watch_until(lambda: job.process.poll() is not None)
            if job.process.returncode:
                raise JobFailed(f"The sandbox could not be created:\n{self.supervisor.tail('sandbox', 20)}")
            for process in self.external.sandbox.processes():
                self.supervisor.start(
                    Child(process.name, process.argv, {**self.panel.environment, **process.env})
                )
        if self.external.needs_prisma:
            self._fetch_prisma()

    def do_outside_work(self) -> None:
        """Does in the sandbox what a tick says; the autopilot does it itself, after a check has seen red."""
        argv = [*MANAGE, "outside_work", SLUG]
        self.supervisor.start(Child("outside-work", argv, self.panel.environment))

    def _fetch_prisma(self) -> None:
        began = time.monotonic()

        def on_end(code: int) -> None:
            took = format_duration(time.monotonic() - began)
            if code:
                say("✗ Prisma's npm packages could not be installed; the items that need them will say so:")
                say(self.supervisor.tail("npm", 4))
            else:
                say(f"✓ Prisma's npm packages · {took}")

        argv = [sys.executable, "-m", "integrations.sandbox.node", self.panel.environment["PRISMA_PROJECT"]]
        self.supervisor.job("npm", argv, self.panel.environment, on_end)

    def watch_until(self, until: Callable[[], bool] = lambda: False, timeout: float | None = None) -> bool:
        """Keeps everything running until ``until()`` is true (returns True) or the time is up (False)."""

        def check_external() -> bool:
            self.external.restart_crashed(say)
            self.supervisor.spared |= self.external.pids()
            return until()

        return self.panel.watch(check_external, timeout)

    def autopilot(self, mode: str) -> int:
        """Plays the rehearsal: ``forward`` to its end, or into a ``rollback``. Returns the exit code."""
        argv = [*MANAGE, "autopilot", SLUG, "--people", str(self.people), "--address", self.panel.address]
        argv += ["--patience", str(PATIENCE)]
        argv += {"rollback": ["--back-at", self.runbook.back_at], "recorded": ["--recorded"]}.get(mode, [])
        pilot = subprocess.Popen(argv, cwd=PROJECT, env=self.panel.environment, start_new_session=True)
        self.watch_until(lambda: pilot.poll() is not None)
        code: int = pilot.returncode
        result = "was played to its end" if code == 0 else "failed"
        say(f"\nThe rehearsal {result} · {format_duration(time.monotonic() - self.began)} in all.")
        return 1 if code else 0

    def stop(self) -> None:
        """Stops processes, their descendants and the servers, in this order."""
        self.panel.stop()
        self.external.stop()


def build(options: argparse.Namespace, folder: Path, began: float) -> Demo:
    """Prepares files and settings; starts nothing.

    Raises `StartupError`, and `Problem` for a sandbox of another version.
    """
    is_resumed = DemoPlan.load(folder) is not None
    profile = Profile.RECORDED if options.autopilot == Profile.RECORDED else Profile.REPAIRED
    plan = DemoPlan.load_or_create(folder, options.rows, profile, options.runbook)
    runbook = RUNBOOKS[plan.runbook]
    if options.text is not None:
        runbook = replace(runbook, file=options.text.absolute())
    external = runbook.systems(folder, plan)
    environment = demo_folder.environment(folder, external.variables)
    port = _port(folder, options.port)
    panel = Panel(
        supervisor=Supervisor(folder / "logs", say),
        folder=folder,
        environment=environment,
        servers=OwnServers(folder, postgres=True, valkey=True),
        host="127.0.0.1",
        port=port,
    )
    people = ensure_folder(folder / "keys") / "people.json"
    return Demo(panel, external, plan, runbook, people, began, is_resumed)


def _port(folder: Path, asked: int | None) -> int:
    """The requested port; else that of the last start, so that open pages keep working; else a free one."""
    kept = folder / "port"
    if asked is not None:
        if first_free_port("127.0.0.1", asked) != asked:
            raise StartupError(f"Port {asked} is in use. Name another one: --port N")
        port = asked
    else:
        port = first_free_port("127.0.0.1", int(kept.read_text()) if kept.exists() else 8000)
    kept.write_text(str(port))
    return port


def run_demo(options: argparse.Namespace, folder: Path, began: float) -> int:
    """Runs a demo on its own data folder until it ends; returns the exit code."""
    if options.fresh:
        demo_folder.clear(folder)
    demo = build(options, folder, began)
    try:
        demo.supervisor.adopt_orphans()
        demo.supervisor.catch_stop_signals()
        demo.start()
        if options.autopilot:
            return demo.autopilot(options.autopilot)
        demo.do_outside_work()
        demo.watch_until()
    finally:
        demo.stop()
    return 0


def main(argv: Sequence[str]) -> int:
    """Exit code 0: stopped, or played to the end. 1: something failed; the output names it."""
    began = time.monotonic()
    options = arguments(argv)
    folder = demo_folder.demo_folder(options.runbook)
    try:
        demo_folder.mark(folder)
        with lock_data_folder(folder, "another demo"):
            return run_demo(options, folder, began)
    except Stopped:
        say("Stopped. `./panel demo` continues where it stopped.")
        return 1 if options.autopilot else 0
    except (StartupError, JobFailed, Problem) as why:
        say(f"panel: {why}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
