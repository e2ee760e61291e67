"""Docker Compose (docs.docker.com/reference/cli/docker/compose)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations.clients.platform.compose_containers import group_rows, read_containers, read_details
from integrations.clients.platform.container_starts import (
    ContainerStart,
    parse_release,
    to_words,
    unreadable_release,
)
from integrations.clients.platform.kubernetes_objects import as_list
from integrations.clients.platform.platform import Platform
from integrations.clients.platform.service_status import BETWEEN, ServiceStatus, parse_json
from integrations.drivers import driver
from integrations.errors import Problem


@driver(
    "platform",
    "compose",
    summary="docker compose",
    settings={"file": "", "release": "its project's name"},
    public=("file", "release"),
)
class ComposePlatform(Platform):
    """A project of Docker Compose on the worker's host."""

    def apply_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """Compose takes the images from its own file; what runs is compared by digest afterwards."""
        up = ["up", "--detach", "--no-build", "--remove-orphans", *images]
        return [[*self._compose(), *up]]

    def start_commands(
        self, names: Sequence[str], replicas: Mapping[str, int] | None = None
    ) -> list[list[str]]:
        """``up`` and not ``start``, which fails for a container that was removed."""
        scaled = {name: count for name, count in (replicas or {}).items() if name in names and count > 1}
        scale = [word for name, count in scaled.items() for word in ("--scale", f"{name}={count}")]
        return [[*self._compose(), "up", "--detach", "--no-build", *scale, *names]]

    def stop_commands(self, names: Sequence[str]) -> list[list[str]]:
        """``stop``: the restart policy does not apply to a stopped container, and volumes stay."""
        return [[*self._compose(), "stop", *names]]

    def status_command(self) -> list[str]:
        """``ps`` with all containers, also those that ended."""
        return [*self._compose(), "ps", "--all", "--format", "json"]

    def logs_command(self, name: str, lines: int) -> list[str]:
        """``logs`` of the containers that there are, also of those that ended."""
        return [*self._compose(), "logs", "--no-color", "--no-log-prefix", "--tail", str(lines), name]

    def describe_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The resolved configuration, then each image."""
        return [self._config_command(), *(self.inspect_command(image) for image in images.values())]

    def configuration_commands(self, names: Sequence[str], images: Mapping[str, str]) -> dict[str, list[str]]:
        """The resolved configuration, the containers, and each image with its digests."""
        found = super().configuration_commands(names, images)
        found["compose.json"] = self._config_command()
        for name, image in images.items():
            several = image.split(BETWEEN)
            for number, each in enumerate(several, 1):
                file = f"image-{name}-{number}.json" if len(several) > 1 else f"image-{name}.json"
                found[file] = self.inspect_command(each)
        return found

    def image_digests(self, services: Sequence[ServiceStatus], attempt: str) -> dict[str, list[str]]:
        """As the registry knows them; one that was only built here has its own id."""
        return {
            one.name: [digest for image in one.images for digest in self._digests(image, attempt)]
            for one in services
        }

    def _digests(self, image: str, attempt: str) -> list[str]:
        found = parse_json(self.read_output(self.inspect_command(image), attempt))
        facts = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
        digests = facts.get("RepoDigests") or [facts.get("Id")]
        return [digest for digest in digests if isinstance(digest, str)] if isinstance(digests, list) else []

    def parse_status(self, text: str) -> dict[str, ServiceStatus]:
        """From one JSON object a line or, in older versions, one array."""
        return {name: read_containers(name, rows) for name, rows in group_rows(text).items()}

    def read_status(self, attempt: str = "") -> dict[str, ServiceStatus]:
        """Also what ``ps`` does not print: restarts, the kernel's kills, and what a health check said."""
        services = group_rows(self.read_output(self.status_command(), attempt))
        ids = [str(row["ID"]) for rows in services.values() for row in rows if row.get("ID")]
        try:
            inspected = self.read_output(["docker", "container", "inspect", *ids], attempt) if ids else "[]"
        except Problem:  # a container was removed between the two commands: restarts are not known then
            inspected = "[]"
        details = read_details(inspected)
        return {name: read_containers(name, rows, details) for name, rows in services.items()}

    def container_starts(self, images: Mapping[str, str], attempt: str) -> Iterator[ContainerStart]:
        """Every service of the resolved configuration, and its post_start hooks."""
        reader = self.image_reader(attempt)
        found = parse_release(self.read_output(self._config_command(), attempt))
        services = found.get("services")
        for name, service in (services if isinstance(services, dict) else {}).items():
            if not isinstance(service, dict):
                raise unreadable_release("docker compose config", f"{name} is no object")
            image = str(service.get("image") or "")
            entry, args = _unescape(service.get("entrypoint")), _unescape(service.get("command"))
            yield reader.container_start(str(name), image, entry, args, f"docker compose config: {name}")
            for hook in as_list(service.get("post_start")):
                words = to_words(_unescape(hook.get("command")))
                yield ContainerStart(str(name), image, words, f"{name}, post_start")

    def _config_command(self) -> list[str]:
        return [*self._compose(), "config", "--format", "json"]

    def _compose(self) -> list[str]:
        return ["docker", "compose", *self._flag("file", "--file"), *self._flag("release", "--project-name")]


def _unescape(value: Any) -> Any:
    """``docker compose config`` prints a dollar sign twice, so that its output is a valid file again."""
    return [str(word).replace("$$", "$") for word in value] if isinstance(value, list) else value
