"""`./panel demo` itself, started for a test on a small old database, and its people at their browsers."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from cutover.data_folder import PROJECT
from integrations.sandbox.outside_people import find_sandbox_people
from integrations.sandbox.people import People
from tests.belongings import Belongings
from tests.browser.contexts import new_context
from tests.cutover.demo.running_demo import PACE
from tests.ports import free_port
from tests.servers import FOLDER
from tests.waiting import wait_for

ROWS = 5_000
SLUG = "first-rehearsal"


@dataclass
class Demo:
    """A running demo in a folder of its own."""

    folder: Path = field(default_factory=lambda: FOLDER / f"demo-{secrets.token_hex(3)}")
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    text: Path | None = None  # of the runbook; without one, the shipped one

    @property
    def address(self) -> str:
        """Where its pages are."""
        return f"http://localhost:{self.port}"

    @property
    def output(self) -> str:
        """Everything it printed so far."""
        return (self.folder.parent / f"{self.folder.name}.out").read_text()

    def start(self) -> None:
        """Starts it and returns when it says that everything is there."""
        environment = {**os.environ, **PACE, "CUTOVER_DATA": str(self.folder)}
        with (self.folder.parent / f"{self.folder.name}.out").open("w") as out:
            options = ["--rows", str(ROWS), "--port", str(self.port)]
            options += ["--text", str(self.text)] if self.text else []
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cutover.demo", *options],
                stdout=out, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True,
            )  # fmt: skip
        process = self.process
        wait_for(
            lambda: "Everything is running" in self.output or process.poll() is not None,
            timeout=180,
            message=lambda: self.output,
        )
        assert process.poll() is None, self.output

    def stop(self) -> int:
        """Presses Ctrl-C, and gives the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            Belongings([str(self.folder)]).end(grace=0)
            raise

    def leftovers(self) -> list[str]:
        """Command lines of processes that still work in its folder."""
        return Belongings([str(self.folder)]).lines()

    def clean(self) -> None:
        """Removes its folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder.parent / f"{self.folder.name}.out").unlink(missing_ok=True)

    def password_of(self, name: str) -> str:
        """As it was printed."""
        people = json.loads((self.folder / "keys" / "people.json").read_text())
        return str(next(one["password"] for one in people if one["username"] == name))

    @cached_property
    def environment(self) -> dict[str, str]:
        """The settings of its processes, as its worker has them."""
        worker = re.search(r"The worker is process (\d+)", self.output)
        assert worker, self.output
        entries = Path(f"/proc/{worker[1]}/environ").read_text().split("\0")
        return dict(entry.split("=", 1) for entry in entries if entry)

    def autopilot(self, until: str = "") -> str:
        """Lets the autopilot play what is left, up to an item; what it said."""
        options = ["--people", str(self.folder / "keys" / "people.json"), "--address", self.address]
        done = subprocess.run(
            [sys.executable, "manage.py", "autopilot", SLUG, *options, "--patience", "600", "--until", until],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def do_outside(self, key: str) -> None:
        """Does what a manual item asks of its owner outside of the panel."""
        self.people.do(key)

    @property
    def people(self) -> People:
        """Those who work outside of the panel, and write what manual items require."""
        people = find_sandbox_people(self.environment)
        assert people is not None
        return people

    def sign_in(self, browser: Browser, name: str) -> Page:
        """A person at a browser of their own, signed in by the form."""
        page = new_context(browser, base_url=self.address).new_page()
        page.goto("/")
        page.get_by_label("Username or email").or_(page.locator("#id_login")).first.fill(name)
        page.locator("#id_password").fill(self.password_of(name))
        page.locator("form button[type=submit], form button").first.click()
        expect(page.locator("#waiting-link")).to_be_visible()
        return page
