"""Any platform by command templates of the runbook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations.clients.platform.container_starts import (
    ContainerStart,
    parse_release,
    to_words,
    unreadable_release,
)
from integrations.clients.platform.platform import Platform
from integrations.clients.platform.service_status import ServiceStatus, parse_object, unreadable_status
from integrations.drivers import driver
from integrations.json_answer import JsonAnswer

#: What is read of a service; the first three are required.
STATUS_FIELDS = ("state", "replicas", "ready", "image", "restarts", "message")


@driver(
    "platform",
    "command",
    summary="commands of your own; `{images}` and `{services}` are filled in",
    settings={
        **{"apply": "", "status": "prints JSON", "start": "", "stop": "", "describe": "prints JSON"},
        **{"logs": "prints the last lines of {services}", "config": "prints the configuration of {services}"},
    },
    commands=("apply", "status", "start", "stop", "describe", "logs", "config"),
)
class CommandPlatform(Platform):
    """Command templates; ``{services}`` and ``{images}`` become one word for each service or image."""

    def apply_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The template ``apply:`` with the images."""
        return [self.fill_template("apply", "{images}", list(images.values()))]

    def start_commands(
        self, names: Sequence[str], replicas: Mapping[str, int] | None = None
    ) -> list[list[str]]:
        """The template ``start:`` with the names; how many of each are started is its own matter."""
        return [self.fill_template("start", "{services}", names)]

    def stop_commands(self, names: Sequence[str]) -> list[list[str]]:
        """The template ``stop:`` with the names."""
        return [self.fill_template("stop", "{services}", names)]

    def status_command(self) -> list[str]:
        """The template ``status:``."""
        return self.fill_template("status", "{services}", [])

    def describe_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The template ``describe:`` with the images."""
        return [self.fill_template("describe", "{images}", list(images.values()))]

    def logs_command(self, name: str, lines: int) -> list[str]:
        """The template ``logs:`` with the name; an empty list where the runbook gives none."""
        return self.fill_template("logs", "{services}", [name]) if self.system.get("logs") else []

    def configuration_commands(self, names: Sequence[str], images: Mapping[str, str]) -> dict[str, list[str]]:
        """The status, and the template ``config:`` where the runbook gives one."""
        found = super().configuration_commands(names, images)
        if self.system.get("config"):
            found["config"] = self.fill_template("config", "{services}", names)
        return found

    def parse_status(self, text: str) -> dict[str, ServiceStatus]:
        """``{"services": {name: {"state", "replicas", "ready", "image", "restarts", "message"}}}``."""
        found = parse_object(text).get("services")
        if not isinstance(found, dict):
            raise unreadable_status("it has no “services”")
        try:
            return {
                name: _read_service(name, JsonAnswer(one, f"services.{name}")) for name, one in found.items()
            }
        except ValueError as error:
            raise unreadable_status(str(error)) from None

    def container_starts(self, images: Mapping[str, str], attempt: str) -> Iterator[ContainerStart]:
        """``{"services": {name: {"image": "name@sha256:…", "start": [words]}}}``; ``why`` without a start."""
        (command,) = self.describe_commands(images)
        services = parse_release(self.read_output(command, attempt)).get("services")
        if not isinstance(services, dict):
            raise unreadable_release("the command describe:", "it has no “services”")
        for name, one in services.items():
            if not isinstance(one, dict):
                raise unreadable_release("the command describe:", f"{name} is no object")
            words = one.get("start")
            ok = isinstance(words, list) and bool(words)
            yield ContainerStart(
                str(name),
                str(one.get("image") or ""),
                to_words(words) if ok else None,
                "describe",
                "" if ok else _why(one),
            )


def _why(service: Any) -> str:
    said = service.get("why") if isinstance(service, dict) else None
    return str(said or "the command describe: does not tell its start")


def _read_service(name: str, service: JsonAnswer) -> ServiceStatus:
    """Raises ValueError for a service that lacks what decides whether it runs, or has it in another type."""
    image, restarts, message = (service.find(each) for each in STATUS_FIELDS[3:])
    return ServiceStatus(
        name,
        state=service.at("state").text(),
        replicas=service.at("replicas").whole(0),
        ready=service.at("ready").whole(0),
        image=image.text() if image and image.value != "" else "",
        restarts=restarts.whole(0) if restarts else None,
        message=str(message.value) if message else "",
    )
