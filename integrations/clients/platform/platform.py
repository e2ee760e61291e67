"""What the panel needs of every platform: its commands, how to run them, and how to read their output.

A platform is spoken to by command lines only. They are lists of words: no shell reads them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from integrations import programs
from integrations.clients import load_drivers
from integrations.clients.platform.container_starts import ContainerStart, ImageReader, unreadable_release
from integrations.clients.platform.service_status import ServiceStatus
from integrations.errors import Problem
from integrations.json_answer import UNREADABLE
from integrations.program_output import ProgramReport
from integrations.programs import CompletedProgram
from integrations.runbook_commands import RunbookCommand, format_command, read_command
from integrations.systems import System

CHANGE_TIMEOUT = 600.0  # seconds for a command that changes something, where no deadline is known
#: of an attempt's deadline that such a command may take: the rest is for what is read before and after it
CHANGE_SHARE = 0.8
READ_TIMEOUT = 30.0  # seconds for one that only reads
INSPECT = ["docker", "image", "inspect"]


@dataclass(frozen=True)
class Platform(ABC):
    """The platform of one system of kind ``platform``; the drivers are its subclasses."""

    system: System
    change_seconds: float = CHANGE_TIMEOUT  # that one command which changes something may take

    # ── the commands, without running them ───────────────────────────────────

    @abstractmethod
    def apply_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The commands that run these images: service → ``name@sha256:…``."""

    def provision_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The commands that set a whole stack up where there may be none yet."""
        return self.apply_commands(images)

    @abstractmethod
    def start_commands(
        self, names: Sequence[str], replicas: Mapping[str, int] | None = None
    ) -> list[list[str]]:
        """The commands that start services again as they were; ``replicas``: how many ran, where known."""

    @abstractmethod
    def stop_commands(self, names: Sequence[str]) -> list[list[str]]:
        """The commands that stop services so that the platform does not start them again by itself."""

    def archive_commands(self, names: Sequence[str]) -> list[list[str]]:
        """The template ``archive:``, where the runbook gives one; else those that stop the services.

        What `configuration_commands` and `logs_command` print is kept before (`backups.service_archive`).
        """
        if not self.system.get("archive"):
            return self.stop_commands(names)
        return [self.fill_template("archive", "{services}", names)]

    def configuration_commands(self, names: Sequence[str], images: Mapping[str, str]) -> dict[str, list[str]]:
        """Read-only commands that print what is needed to run these services again, images by digest.

        By the name of the file that is kept; ``images`` are those that run, as the status has them.
        """
        return {"status.json": self.status_command()}

    @abstractmethod
    def status_command(self) -> list[str]:
        """The command that prints the status of all services."""

    @abstractmethod
    def logs_command(self, name: str, lines: int) -> list[str]:
        """The command that prints the last lines of a service's log; empty where the platform has none."""

    def kept_logs(self, name: str, lines: int, attempt: str) -> dict[str, list[str]]:
        """The commands that print the logs of all that runs of a service, by the name of the kept file.

        Empty where the platform has no logs. Raises `Problem`.
        """
        command = self.logs_command(name, lines)
        return {f"{name}.log": command} if command else {}

    def image_digests(self, services: Sequence[ServiceStatus], attempt: str) -> dict[str, list[str]]:
        """Service → the digests of what runs; an empty list where the platform does not tell."""
        return {one.name: [image for image in one.images if "@sha256:" in image] for one in services}

    def read_warnings(self, name: str, attempt: str) -> list[str]:
        """What the platform itself reports about a service that does not become ready. Raises `Problem`."""
        return []

    def rights_commands(self, names: Sequence[str]) -> list[list[str]]:
        """Read-only commands that tell whether this login may deploy and scale services: each prints yes or
        no. Empty where the platform has none."""
        return []

    @abstractmethod
    def describe_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The read-only commands that `read_container_starts` runs."""

    def inspect_command(self, image: str) -> list[str]:
        """The command that prints an image's configuration."""
        if not self.system.get("inspect"):
            return [*INSPECT, image]
        return self._read_command("inspect", {"{image}": [image]})

    # ── what they print ──────────────────────────────────────────────────────

    @abstractmethod
    def parse_status(self, text: str) -> dict[str, ServiceStatus]:
        """Service → status, from the output of `status_command`. Raises `Problem`."""

    @abstractmethod
    def container_starts(self, images: Mapping[str, str], attempt: str) -> Iterable[ContainerStart]:
        """Every container that a release with these images would start. Raises `Problem`."""

    def read_status(self, attempt: str = "") -> dict[str, ServiceStatus]:
        """Runs `status_command`; service → status. Raises `Problem`."""
        return self.parse_status(self.read_output(self.status_command(), attempt))

    def read_log(self, name: str, lines: int, attempt: str = "") -> list[str]:
        """The last lines of a service's log that are not blank. Raises `Problem`."""
        command = self.logs_command(name, lines)
        text = self.read_output(command, attempt) if command else ""
        return [line for line in text.splitlines() if line.strip()][-lines:]

    def read_container_starts(self, images: Mapping[str, str], attempt: str = "") -> list[ContainerStart]:
        """Every container that a release with these images would start. Raises `Problem`."""
        with _reading_release():
            return list(self.container_starts(images, attempt))

    def refuse_ignored_images(self, images: Mapping[str, str], attempt: str = "") -> None:  # noqa: B027  # a default: most drivers need nothing else
        """Raises `Problem` where the platform's own files would not run these images. Changes nothing.

        Most platforms have no such files: a driver that has some overrides this.
        """

    def refuse_unfinished_change(self, attempt: str = "") -> None:  # noqa: B027  # a default: most drivers need nothing else
        """Raises `Problem` where an earlier change was cut off, so that the platform takes no other.

        Most platforms have no such state: a driver that has one overrides this. Changes nothing.
        """

    # ── running them ─────────────────────────────────────────────────────────

    def run(self, commands: Sequence[Sequence[str]], report: ProgramReport, attempt: str) -> None:
        """Runs commands one after the other and logs each. Raises `Problem` at the first that fails."""
        for command in commands:
            report.log(f"$ {format_command(command)}")
            done = programs.run(
                command, cwd=self._folder(), report=report, attempt=attempt, timeout=self.change_seconds
            )
            if not done.ok:
                raise _failed(done)

    def read_output(self, command: Sequence[str], attempt: str = "") -> str:
        """The standard output of a command that only reads. Raises `Problem` when it fails."""
        done = programs.run(command, cwd=self._folder(), capture=True, attempt=attempt, timeout=READ_TIMEOUT)
        if not done.ok:
            raise _failed(done)
        return done.stdout

    def image_reader(self, attempt: str) -> ImageReader:
        """A reader of images by this platform's inspect command."""
        return ImageReader(lambda image: self.read_output(self.inspect_command(image), attempt))

    def _folder(self) -> str | None:
        folder = self.system.get("folder")
        if folder and not Path(folder).is_dir():
            raise Problem(
                f"The folder {folder} of the system “{self.system.name}” is not there.",
                next="Check the deployment files out on the worker's host, or correct folder:.",
            )
        return folder or None

    def fill_template(self, setting: str, placeholder: str, values: Sequence[str]) -> RunbookCommand:
        """The command template of a setting; the word ``placeholder`` becomes one word for each value.

        Raises `Problem` when the setting is empty, or the installation does not allow its program.
        """
        return self._read_command(setting, {placeholder: list(values)})

    def _read_command(self, setting: str, fills: Mapping[str, Sequence[str]]) -> RunbookCommand:
        return read_command(self.system, setting, fills, folder=self.system.get("folder") or None)

    def mapping(self, setting: str) -> dict[str, str]:
        """A setting “service=value service=value”; empty where it is not given. Raises `Problem`."""
        words = re.split(r"[,\s]+", self.system.get(setting).strip())
        pairs = [word.partition("=") for word in words if word]
        if wrong := [
            word for word, (name, _, value) in zip(words, pairs, strict=False) if not (name and value)
        ]:
            raise Problem(
                f"{setting}: of the system “{self.system.name}” cannot be read: “{wrong[0]}”.",
                means="Nothing was started.",
                next="Write it as “service=value”, several with blanks between them.",
            )
        return {name: value for name, _, value in pairs}

    def _flag(self, setting: str, flag: str) -> list[str]:
        value = self.system.get(setting)
        return [flag, value] if value else []


@contextmanager
def _reading_release() -> Iterator[None]:
    """Turns a description of another form into a `Problem`."""
    try:
        yield
    except UNREADABLE as error:
        raise unreadable_release("The platform's description", type(error).__name__) from error


def _failed(done: CompletedProgram) -> Problem:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return Problem(
        f"{Path(done.argv[0]).name} ended with code {done.code}.",
        means=" ".join(lines[-2:])[:400] or "It gave no reason.",
        next="Its output is in the log. Mend the cause, look how the services stand, then start it again.",
    )


def get_platform(system: System, deadline: timedelta | None = None) -> Platform:
    """The platform of a system of kind ``platform``; ``deadline``: of the attempt, which its commands keep.

    Raises `Problem` for an unknown driver.
    """
    load_drivers()
    platform = system.registered_driver().implementation_of(Platform)
    if deadline is None:
        return platform(system)
    return platform(system, deadline.total_seconds() * CHANGE_SHARE)
