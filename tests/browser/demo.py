"""`./panel demo` itself, started for a test on a small old database, and its people at their browsers."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from cutover.embedded import free_port

ROWS = 5_000
SLUG = "first-rehearsal"


@dataclass
class Demo:
    """A running demo in a folder of its own."""

    folder: Path = field(default_factory=lambda: Path(f"/var/tmp/cutover-demo-{secrets.token_hex(3)}"))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

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
        environment = {**os.environ, "CUTOVER_DATA": str(self.folder)}
        with (self.folder.parent / f"{self.folder.name}.out").open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cutover.demo", "--rows", str(ROWS), "--port", str(self.port)],
                stdout=out, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 180
        while "Everything is there" not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < until, self.output
            time.sleep(0.2)

    def stop(self) -> int:
        """Presses Ctrl-C, and gives the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)

    def leftovers(self) -> list[str]:
        """Command lines of processes that still work in its folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if int(entry.name) != os.getpid() and str(self.folder) in line + environment:
                found.append(line)
        return found

    def clean(self) -> None:
        """Removes its folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder.parent / f"{self.folder.name}.out").unlink(missing_ok=True)

    def password_of(self, name: str) -> str:
        """As it was printed."""
        people = json.loads((self.folder / "keys" / "people.json").read_text())
        return str(next(one["password"] for one in people if one["username"] == name))

    def sign_in(self, browser: Browser, name: str) -> Page:
        """A person at a browser of their own, signed in by the form."""
        page = browser.new_context(base_url=self.address).new_page()
        page.goto("/")
        page.get_by_label("Username or email").or_(page.locator("#id_login")).first.fill(name)
        page.locator("#id_password").fill(self.password_of(name))
        page.locator("form button[type=submit], form button").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("cutover")
        return page
