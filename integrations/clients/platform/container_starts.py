"""The command that each container of a release would start with, as far as platform and image tell it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations import json_values
from integrations.clients.platform.images import without_tag
from integrations.errors import Problem


@dataclass(frozen=True)
class ContainerStart:
    """One container and the words that it starts with.

    ``words`` is None where they cannot be found out; ``why`` then says the reason. ``source`` says where
    the words stand.
    """

    name: str
    image: str
    words: list[str] | None
    source: str
    why: str = ""


@dataclass(frozen=True)
class ImageDefaults:
    """The entrypoint and command of an image; None where they cannot be read, for the reason in ``why``."""

    entrypoint: list[str] | None = None
    command: list[str] | None = None
    why: str = ""


class ImageReader:
    """Reads what images start with; each image is inspected once.

    ``inspect`` runs the platform's inspect command for an image and gives its output, or raises `Problem`.
    """

    def __init__(self, inspect: Callable[[str], str]) -> None:
        self.inspect, self.known = inspect, dict[str, ImageDefaults]()

    def read_defaults(self, image: str) -> ImageDefaults:
        """The image's own entrypoint and command. Beside a digest a tag means nothing: it is left away."""
        image = without_tag(image)
        if image not in self.known:
            try:
                self.known[image] = _parse_image(self.inspect(image))
            except Problem as problem:
                self.known[image] = ImageDefaults(why=f"{problem.what} {problem.means}".strip())
        return self.known[image]

    def container_start(self, name: str, image: str, entry: Any, args: Any, source: str) -> ContainerStart:
        """The words of a container: those that the platform sets, else those of the image.

        Setting the entrypoint discards the image's own arguments, in Compose as in Kubernetes.
        """
        if entry:
            return ContainerStart(name, image, [*to_words(entry), *to_words(args)], source)
        own = self.read_defaults(image)
        if own.entrypoint is None or own.command is None:
            return ContainerStart(name, image, None, source, own.why or "its image does not tell")
        words = [*own.entrypoint, *(to_words(args) or own.command)]
        return ContainerStart(name, image, words, f"{source}, and the image")


def _parse_image(text: str) -> ImageDefaults:
    """From ``docker image inspect`` (Config), or an image's configuration as registries have it (config)."""
    found = _parse(text)
    one = found[0] if isinstance(found, list) and found else found
    config = (one.get("Config") or one.get("config")) if isinstance(one, dict) else None
    if not isinstance(config, dict):
        return ImageDefaults(why="its configuration cannot be read")
    try:
        return ImageDefaults(to_words(config.get("Entrypoint")), to_words(config.get("Cmd")))
    except Problem as problem:
        return ImageDefaults(why=problem.what)


def _parse(text: str) -> Any:
    try:
        return json_values.parse_json(text)
    except ValueError:
        return None


def parse_release(text: str) -> Mapping[str, Any]:
    """The output of a command that describes a release, as a JSON object. Raises `Problem`."""
    found = _parse(text)
    if not isinstance(found, dict):
        raise unreadable_release("The platform", "it printed no JSON object")
    return found


def to_words(value: Any) -> list[str]:
    """A command as a list of words, from a list, a shell-like text or nothing. Raises `Problem`."""
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(word, str | int | float) for word in value):
        return [str(word) for word in value]
    try:
        if isinstance(value, str):
            return shlex.split(value)
    except ValueError:  # a quotation mark that is not closed
        pass
    raise unreadable_release("A start command", "it is neither a list of words nor a line of a shell")


def unreadable_release(where: str, why: str) -> Problem:
    """The error for a description of a release that has another format."""
    return Problem(
        f"{where} cannot be read: {why}.",
        means="With which command the images start is not known.",
        next="Run the command of the preview by hand; correct the platform's files or settings.",
    )
