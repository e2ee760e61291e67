"""`./panel demo`: the panel, an old and a new stack, four people: a rehearsal on this machine."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cutover import demo_folder
from cutover.data_folder import PROJECT, made
from cutover.embedded import WillNotStart
from cutover.estate import Estate, Plan
from cutover.processes import MANAGE, Panel, first_free_port, only_one
from cutover.servers import OwnServers
from cutover.supervisor import Child, JobFailed, Stopped, Supervisor, seconds

SLUG = "first-rehearsal"
BACK_AT = "smoke-public"  # the item that `--autopilot rollback` makes fail: the smoke test after the switch
#: Seconds after which a rehearsal without hands is given up. Four minutes are meant for it; a machine
#: that is busy with something else may need longer, and an honest end is worth more than a cut-off one.
AUTOPILOT_LIMIT = 900.0


def say(line: str) -> None:
    """To the terminal, at once."""
    print(line, flush=True)  # noqa: T201


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """What may stand behind `./panel demo`."""
    parser = argparse.ArgumentParser("panel demo", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="begin anew: deletes the demo's data first")
    parser.add_argument(
        "--autopilot",
        nargs="?",
        const="forward",
        choices=("forward", "rollback"),
        help="play the rehearsal without hands, and end; `rollback`: past the switch, and all the way back",
    )
    parser.add_argument("--rows", type=_rows, help="rows in the old database (default 200000)")
    parser.add_argument("--port", type=int, help="port of the pages (default 8000 or the next free one)")
    return parser.parse_args(argv)


def _rows(text: str) -> int:
    rows = int(text.replace("_", "").replace(",", ""))
    if not 1_000 <= rows <= 10_000_000:
        raise argparse.ArgumentTypeError("between 1000 and 10000000")
    return rows


@dataclass
class Demo:
    """The panel and its outside world under one supervisor."""

    panel: Panel
    estate: Estate
    plan: Plan
    people: Path
    began: float
    goes_on: bool  # the old database is there from an earlier start

    @property
    def supervisor(self) -> Supervisor:
        """The parent of everything."""
        return self.panel.supervisor

    def start(self) -> None:
        """Pages first; the outside world is filled while they are there already."""
        self.panel.start_servers()
        self.panel.prepare()
        self.panel.start_web()
        self._start_estate()
        self._set_stage()
        self.panel.start_parts()
        self._introduce()
        self._fill_estate()
        with self.panel.step("Worker, prober, dispatcher and reaper at work"):
            if not self.watch_until(self.panel.ready, 60):
                raise WillNotStart(
                    f"A part of the panel is not there; {self.panel.address}/health/ready says which."
                )
        say(f"  Everything is there after {seconds(time.monotonic() - self.began)}.\n")

    def _start_estate(self) -> None:
        with self.panel.step("PostgreSQL of the estate, and one to try backups in"):
            for server in self.estate.servers:
                server.start()
            self.supervisor.spared |= self.estate.pids()

    def _set_stage(self) -> None:
        with self.panel.step("Runbook, people and rehearsal"):
            argv = [*MANAGE, "stage", str(self.people)]
            self.supervisor.finish(self.supervisor.job("stage", argv, self.panel.environment))

    def _introduce(self) -> None:
        say(f"\n  {self.panel.address}/cutovers/{SLUG}/\n")
        for person in json.loads(self.people.read_text()):
            name = f"{person['first_name']} {person['last_name']}"
            say(f"    {person['part'].lower():<12} {name:<16} {person['username']:<8} {person['password']}")
        say(f"\n  Logs: {self.supervisor.logs} · Django's commands on this demo:")
        say(f"  CUTOVER_DATA={self.panel.folder} ./panel manage record verify · Ctrl-C stops everything.\n")

    def _fill_estate(self) -> None:
        if not self.goes_on:
            say(f"… Filling the old database with {self.plan.rows:,} rows; the pages are there meanwhile")
        with self.panel.step("The old database, the old app, the new API"):
            job = self.supervisor.job(
                "sandbox",
                [sys.executable, "-m", "cutover.estate", str(self.panel.folder)],
                self.panel.environment,
            )
            self.watch_until(lambda: job.process.poll() is not None)
            if job.process.returncode:
                raise JobFailed(f"The sandbox could not be made:\n{self.supervisor.tail('sandbox', 20)}")
            for process in self.estate.sandbox.processes():
                self.supervisor.start(
                    Child(process.name, process.argv, {**self.panel.environment, **process.env})
                )
        self._fetch_prisma()

    def _fetch_prisma(self) -> None:
        began = time.monotonic()

        def told(code: int) -> None:
            took = seconds(time.monotonic() - began)
            if code:
                say("✗ Prisma's npm packages are not there; the items that need them will say so:")
                say(self.supervisor.tail("npm", 4))
            else:
                say(f"✓ Prisma's npm packages · {took}")

        argv = [sys.executable, "-m", "integrations.sandbox.node", self.panel.environment["PRISMA_PROJECT"]]
        self.supervisor.job("npm", argv, self.panel.environment, told)

    def watch_until(self, until: Callable[[], bool] = lambda: False, timeout: float | None = None) -> bool:
        """Keeps everything running until ``until`` says yes (True) or the time is up (False)."""

        def looked() -> bool:
            self.estate.restart_fallen(say)
            self.supervisor.spared |= self.estate.pids()
            return until()

        return self.panel.watch(looked, timeout)

    def autopilot(self, way: str) -> int:
        """Plays the rehearsal without hands, there or there and back; the exit code of that."""
        argv = [*MANAGE, "autopilot", SLUG, "--people", str(self.people), "--address", self.panel.address]
        argv += ["--limit", str(AUTOPILOT_LIMIT - (time.monotonic() - self.began))]
        argv += ["--back-at", BACK_AT] if way == "rollback" else []
        pilot = subprocess.Popen(argv, cwd=PROJECT, env=self.panel.environment, start_new_session=True)
        self.watch_until(lambda: pilot.poll() is not None)
        code: int = pilot.returncode
        came = "came to its end" if code == 0 else "did not come to its end"
        say(f"\nThe rehearsal {came} · {seconds(time.monotonic() - self.began)} in all.")
        return 1 if code else 0

    def stop(self) -> None:
        """Processes, what they left behind, the servers; nothing stays."""
        self.panel.stop()
        self.estate.stop()


def build(options: argparse.Namespace, folder: Path, began: float) -> Demo:
    """Everything laid out, nothing started. Raises `WillNotStart`."""
    goes_on = Plan.kept(folder) is not None
    plan = Plan.made(folder, options.rows)
    estate = Estate(folder, plan)
    environment = demo_folder.environment(folder, estate.sandbox.variables())
    port = _port(folder, options.port)
    panel = Panel(
        supervisor=Supervisor(folder / "logs", say),
        folder=folder,
        environment=environment,
        servers=OwnServers(folder, postgres=True, valkey=True),
        host="127.0.0.1",
        port=port,
    )
    return Demo(panel, estate, plan, made(folder / "keys") / "people.json", began, goes_on)


def _port(folder: Path, asked: int | None) -> int:
    """The port asked for; else that of last time, so that open pages go on; else the first free one."""
    kept = folder / "port"
    if asked is not None:
        if first_free_port("127.0.0.1", asked) != asked:
            raise WillNotStart(f"Port {asked} is in use. Name another one: --port N")
        port = asked
    else:
        port = first_free_port("127.0.0.1", int(kept.read_text()) if kept.exists() else 8000)
    kept.write_text(str(port))
    return port


def live(options: argparse.Namespace, folder: Path, began: float) -> int:
    """The whole life of a demo on a folder that is ours; its exit code."""
    if options.fresh:
        demo_folder.empty(folder)
    demo = build(options, folder, began)
    try:
        demo.supervisor.take_charge()
        demo.start()
        if options.autopilot:
            return demo.autopilot(options.autopilot)
        demo.watch_until()
    finally:
        demo.supervisor.stopping = True
        demo.stop()
    return 0


def main(argv: Sequence[str]) -> int:
    """Exit codes: 0 stopped or played to the end, 1 something failed and was named."""
    began = time.monotonic()
    options = arguments(argv)
    folder = demo_folder.demo_folder()
    try:
        demo_folder.claim(folder)
        with only_one(folder, "another demo"):
            return live(options, folder, began)
    except Stopped:
        say("Stopped. `./panel demo` goes on where it was.")
        return 1 if options.autopilot else 0
    except (WillNotStart, JobFailed) as why:
        say(f"panel: {why}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
