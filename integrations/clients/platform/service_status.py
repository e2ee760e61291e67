"""The status of a service on its platform, in the same terms for every platform."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from integrations import json_values
from integrations.errors import Problem

BETWEEN = " and "  # between the images of a service that runs several at once


@dataclass(frozen=True)
class ServiceStatus:
    """One service.

    ``state`` is the platform's own word. ``replicas`` are wanted, ``ready`` of them are. ``image`` is
    ``name@sha256:…`` where the platform tells it; several stand with `BETWEEN`, which equals none that was
    deployed. ``restarts`` is None where it does not count them.
    """

    name: str
    state: str
    replicas: int
    ready: int
    image: str = ""
    restarts: int | None = None
    message: str = ""

    @property
    def is_up(self) -> bool:
        """Whether at least one replica is wanted and all wanted ones are ready."""
        return self.replicas > 0 and self.ready >= self.replicas

    @property
    def is_down(self) -> bool:
        """Whether no replica is wanted and none runs."""
        return self.replicas == 0 and self.ready == 0 and self.state not in ("running", "stopping")

    @property
    def images(self) -> list[str]:
        """The images that it runs; more than one in the middle of a rollout."""
        return self.image.split(BETWEEN) if self.image else []

    def as_facts(self) -> dict[str, Any]:
        """The status as JSON values for evidence, without the name."""
        return {name: value for name, value in asdict(self).items() if name != "name"}

    def __str__(self) -> str:
        return f"{self.name}: {self.state}, {self.ready} of {self.replicas} ready {self.message}".strip()


def parse_object(text: str) -> dict[str, Any]:
    """A status command's output as a JSON object. Raises `Problem`."""
    found = parse_json(text)
    if not isinstance(found, dict):
        raise unreadable_status("it is no JSON object")
    return found


def parse_json(text: str) -> Any:
    """A status command's output as JSON. Raises `Problem`."""
    try:
        return json_values.parse_json(text)
    except ValueError:
        raise unreadable_status("it is no JSON") from None


def unreadable_status(why: str) -> Problem:
    """The error for the output of a status command that has another format."""
    return Problem(
        f"What the platform says of its services cannot be read: {why}.",
        means="It is not known how they stand.",
        next="Run the status command of the preview by hand; it has to print JSON.",
    )
