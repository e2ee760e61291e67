"""The commands of each platform: a command template, Docker Compose, kubectl, Helm."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from integrations import programs
from integrations.clients.platform import standing
from integrations.clients.platform.standing import Standing
from integrations.errors import Problem
from integrations.programs import Finished, Listener
from integrations.systems import System

TIMEOUT = 600.0  # seconds for a command that changes something
LOOK = 30.0  # seconds for one that only looks


@dataclass(frozen=True)
class Driver:
    """One platform, as the runbook's system names it. Commands are lists of words: no shell reads them."""

    system: System

    def apply(self, images: Mapping[str, str]) -> list[list[str]]:
        """The commands that run these images: service → ``name@sha256:…``."""
        raise NotImplementedError

    def provision(self, images: Mapping[str, str]) -> list[list[str]]:
        """The commands that set a whole stack up where there may be none yet."""
        return self.apply(images)

    def start(self, names: Sequence[str]) -> list[list[str]]:
        """The commands that start services again as they were."""
        raise NotImplementedError

    def stop(self, names: Sequence[str]) -> list[list[str]]:
        """The commands that stop services so that nothing starts them again by itself."""
        raise NotImplementedError

    def archive(self, names: Sequence[str]) -> list[list[str]]:
        """The template ``archive:``: keeps services where they can be had back, and takes them away."""
        return [self.filled("archive", "{services}", names)]

    def look(self) -> list[str]:
        """The command that says how the services stand."""
        raise NotImplementedError

    def read(self, text: str) -> dict[str, Standing]:
        """What that command printed."""
        raise NotImplementedError

    def do(self, commands: Sequence[Sequence[str]], report: Listener, attempt: str) -> None:
        """Runs them one after the other, each logged. Raises `Problem` at the first that fails."""
        for command in commands:
            report.log(f"$ {shlex.join(command)}")
            done = programs.run(command, cwd=self._folder(), report=report, attempt=attempt, timeout=TIMEOUT)
            if not done.ok:
                raise _failed(done)

    def standing(self, attempt: str = "") -> dict[str, Standing]:
        """How every service stands now. Raises `Problem`."""
        return self.read(self.ask(self.look(), attempt))

    def ask(self, command: Sequence[str], attempt: str = "") -> str:
        """What a command prints that only looks. Raises `Problem` when it fails."""
        done = programs.run(command, cwd=self._folder(), capture=True, attempt=attempt, timeout=LOOK)
        if not done.ok:
            raise _failed(done)
        return done.stdout

    def _folder(self) -> str | None:
        folder = self.system.get("folder")
        if folder and not Path(folder).is_dir():
            raise Problem(
                f"The folder {folder} of the system “{self.system.name}” is not there.",
                next="Check the deployment files out on the worker's host, or correct folder:.",
            )
        return folder or None

    def filled(self, setting: str, place: str, values: Sequence[str]) -> list[str]:
        """The command template of a setting, with words in place of ``place``. Raises `Problem` for none."""
        words = shlex.split(self.system[setting])
        if not words:
            raise Problem(
                f"The system “{self.system.name}” has no command {setting}:.",
                means="Nothing was started.",
                next=f"Write it as {setting}: under systems: {self.system.name}:, or set its variable.",
            )
        return [word for one in words for word in (values if one == place else [one])]

    def _flag(self, setting: str, flag: str) -> list[str]:
        value = self.system.get(setting)
        return [flag, value] if value else []


def _failed(done: Finished) -> Problem:
    said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return Problem(
        f"{Path(done.argv[0]).name} ended with code {done.code}.",
        means=" ".join(said[-2:])[:400] or "It gave no reason.",
        next="Its output is in the log. Mend the cause, look how the services stand, then start it again.",
    )


class Command(Driver):
    """Templates of the runbook: ``{services}`` and ``{images}`` become words of their own."""

    def apply(self, images: Mapping[str, str]) -> list[list[str]]:
        """The template ``apply:`` with the images in place of ``{images}``."""
        return [self.filled("apply", "{images}", list(images.values()))]

    def start(self, names: Sequence[str]) -> list[list[str]]:
        """The template ``start:`` with the names in place of ``{services}``."""
        return [self.filled("start", "{services}", names)]

    def stop(self, names: Sequence[str]) -> list[list[str]]:
        """The template ``stop:`` with the names in place of ``{services}``."""
        return [self.filled("stop", "{services}", names)]

    def look(self) -> list[str]:
        """The template ``status:``."""
        return self.filled("status", "{services}", [])

    def read(self, text: str) -> dict[str, Standing]:
        """The JSON that `standing.of_command` describes."""
        return standing.of_command(text)


class Compose(Driver):
    """Docker Compose: ``file``, ``folder``, ``release`` (its project's name)."""

    def apply(self, images: Mapping[str, str]) -> list[list[str]]:
        """Compose takes images from its file; what it will run is compared by digest afterwards."""
        up = ["up", "--detach", "--no-build", "--remove-orphans", *images]
        return [[*self.compose(), *up]]

    def start(self, names: Sequence[str]) -> list[list[str]]:
        """``up`` and not ``start``: a container that was removed comes back."""
        return [[*self.compose(), "up", "--detach", "--no-build", *names]]

    def stop(self, names: Sequence[str]) -> list[list[str]]:
        """A stopped container is not restarted by its policy, and volumes stay."""
        return [[*self.compose(), "stop", *names]]

    def look(self) -> list[str]:
        """All containers, those that ended among them."""
        return [*self.compose(), "ps", "--all", "--format", "json"]

    def read(self, text: str) -> dict[str, Standing]:
        """By service."""
        return standing.of_compose(text)

    def compose(self) -> list[str]:
        """How every command of this project begins."""
        return ["docker", "compose", *self._flag("file", "--file"), *self._flag("release", "--project-name")]


class Kubectl(Driver):
    """Deployments of one namespace, by kubectl."""

    def apply(self, images: Mapping[str, str]) -> list[list[str]]:
        """One command a deployment; its container has the deployment's name."""
        return [
            [*self._kubectl(), "set", "image", f"deployment/{name}", f"{name}={image}"]
            for name, image in images.items()
        ]

    def provision(self, images: Mapping[str, str]) -> list[list[str]]:
        """The manifests of ``file:``, then the images by digest."""
        return [[*self._kubectl(), "apply", "--filename", self.system["file"]], *self.apply(images)]

    def start(self, names: Sequence[str]) -> list[list[str]]:
        """One replica each; an autoscaler takes it from there."""
        return self._scaled(names, 1)

    def stop(self, names: Sequence[str]) -> list[list[str]]:
        """No replica: nothing restarts what is not wanted."""
        return self._scaled(names, 0)

    def look(self) -> list[str]:
        """The deployments of the namespace, and their pods: restarts, and what is still ending."""
        return [*self._kubectl(), "get", "deployments,pods", "--output", "json"]

    def read(self, text: str) -> dict[str, Standing]:
        """By deployment."""
        return standing.of_kubectl(text)

    def _scaled(self, names: Sequence[str], replicas: int) -> list[list[str]]:
        named = [f"deployment/{name}" for name in names]
        return [[*self._kubectl(), "scale", f"--replicas={replicas}", *named]]

    def _kubectl(self) -> list[str]:
        return ["kubectl", *self._flag("context", "--context"), *self._flag("namespace", "--namespace")]


class Helm(Kubectl):
    """A chart of the repository: Helm applies it, kubectl looks, starts and stops."""

    def apply(self, images: Mapping[str, str]) -> list[list[str]]:
        """One release, taken back by Helm itself when it does not become ready."""
        command = ["helm", "upgrade", "--install", self.system["release"], self.system["chart"], "--atomic"]
        command += [*self._flag("context", "--kube-context"), *self._flag("namespace", "--namespace")]
        command += self._flag("values", "--values")
        for name, image in images.items():
            repository, _, digest = image.partition("@")
            command += ["--set-string", f"{name}.image.repository={repository},{name}.image.digest={digest}"]
        return [command]

    def provision(self, images: Mapping[str, str]) -> list[list[str]]:
        """The same release, in a namespace that is made where there is none."""
        return [[*command, "--create-namespace"] for command in self.apply(images)]


DRIVERS: dict[str, type[Driver]] = {
    "command": Command,
    "compose": Compose,
    "kubectl": Kubectl,
    "helm": Helm,
}


def driver_of(system: System) -> Driver:
    """The driver of a system of kind ``platform``. Raises `Problem` for a word that is none."""
    return DRIVERS[system.driver()](system)
