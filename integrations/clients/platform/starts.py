"""With which command each container of a release would start, as the platform's own files and images say."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from integrations.clients.platform.driver import Compose, Driver, Helm, Kubectl
from integrations.errors import Problem

INSPECT = "docker image inspect {image}"


@dataclass(frozen=True)
class Start:
    """One container: its name, its image, the words it starts with (None: they cannot be seen, for the
    reason in ``why``), and where that stands."""

    name: str
    image: str
    words: list[str] | None
    source: str
    why: str = ""


@dataclass(frozen=True)
class Own:
    """What an image starts with by itself; None where it cannot be seen, for the reason in ``why``."""

    entrypoint: list[str] | None = None
    command: list[str] | None = None
    why: str = ""


def commands(driver: Driver, images: Mapping[str, str]) -> list[list[str]]:
    """The commands that are asked: they only read."""
    if isinstance(driver, Compose):
        return [
            [*driver.compose(), "config", "--format", "json"],
            *(_inspect(driver, i) for i in images.values()),
        ]
    if isinstance(driver, Helm):
        return [_template(driver, images), *(_inspect(driver, i) for i in images.values())]
    if isinstance(driver, Kubectl):
        return [driver.look(), *(_inspect(driver, i) for i in images.values())]
    return [_describe(driver, images)]


def starts(driver: Driver, images: Mapping[str, str], attempt: str = "") -> list[Start]:
    """Every container that the release would start. Raises `Problem` when the platform does not tell."""
    asking = Asking(driver, attempt)
    if isinstance(driver, Compose):
        return list(_of_compose(asking, images))
    if isinstance(driver, Helm):
        return list(_of_manifests(asking, asking.text(_template(driver, images)), "helm template"))
    if isinstance(driver, Kubectl):
        return list(_of_kubectl(asking, images))
    return list(_of_command(asking.text(_describe(driver, images)), images))


class Asking:
    """Runs the reading commands in the platform's folder; each image is inspected once."""

    def __init__(self, driver: Driver, attempt: str) -> None:
        self.driver, self.attempt, self.known = driver, attempt, dict[str, Own]()

    def text(self, command: Sequence[str]) -> str:
        """What it printed. Raises `Problem`."""
        return self.driver.ask(command, self.attempt)

    def image(self, image: str) -> Own:
        """What the image itself starts with."""
        if image not in self.known:
            try:
                self.known[image] = _own(self.text(_inspect(self.driver, image)))
            except Problem as problem:
                self.known[image] = Own(why=f"{problem.what} {problem.means}".strip())
        return self.known[image]

    def start(self, name: str, image: str, entry: Any, args: Any, source: str) -> Start:
        """The words from what the platform sets and, where it does not, what the image has. Setting the
        entry point takes the image's own arguments away: Compose and Kubernetes alike."""
        if entry:
            return Start(name, image, [*_words(entry), *_words(args)], source)
        own = self.image(image)
        if own.entrypoint is None or own.command is None:
            return Start(name, image, None, source, own.why or "its image does not tell")
        words = [*own.entrypoint, *(_words(args) or own.command)]
        return Start(name, image, words, f"{source}, and the image")


def _of_compose(asking: Asking, images: Mapping[str, str]) -> Iterator[Start]:
    assert isinstance(asking.driver, Compose)
    found = _json(asking.text([*asking.driver.compose(), "config", "--format", "json"]))
    for name, service in (found.get("services") or {}).items():
        image = str(service.get("image", ""))
        entry, args = _unescaped(service.get("entrypoint")), _unescaped(service.get("command"))
        yield asking.start(str(name), image, entry, args, f"docker compose config: {name}")
        for hook in service.get("post_start") or []:
            yield Start(str(name), image, _words(_unescaped(hook.get("command"))), f"{name}, post_start")


def _of_kubectl(asking: Asking, images: Mapping[str, str]) -> Iterator[Start]:
    """What stands in the cluster keeps its command when the image is set; files are read where they are."""
    for one in _json(asking.text(asking.driver.look())).get("items", []):
        if one["metadata"]["name"] in images:
            yield from _of_workload(asking, one, "kubectl get deployments", images)
    file = asking.driver.system.get("file")
    if file:
        path = Path(asking.driver.system.get("folder") or ".", file)
        files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
        for each in files:
            yield from _of_manifests(asking, _text(each), each.name)


def _of_manifests(asking: Asking, text: str, source: str) -> Iterator[Start]:
    try:
        documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    except yaml.YAMLError as error:
        raise _unreadable(source, str(error).splitlines()[0]) from None
    for one in [item for each in documents for item in (each.get("items") or [each])]:
        yield from _of_workload(asking, one, source, {})


def _of_workload(
    asking: Asking, one: Mapping[str, Any], source: str, images: Mapping[str, str]
) -> Iterator[Start]:
    """Every container of a deployment, a job, a hook; ``images`` replace those of its containers by name."""
    spec = _pod(one.get("spec") or {}) if one.get("kind") != "Pod" else one.get("spec")
    hook = (one.get("metadata", {}).get("annotations") or {}).get("helm.sh/hook", "")
    for part, word in (("initContainers", "init container"), ("containers", "container")):
        for container in (spec or {}).get(part) or []:
            name = str(container.get("name", ""))
            where = f"{source}: {one.get('kind')} {one.get('metadata', {}).get('name')}, {word} {name}"
            image = images.get(name) or str(container.get("image", ""))
            entry, args = container.get("command"), container.get("args")
            yield asking.start(name, image, entry, args, f"{where}{f', hook {hook}' if hook else ''}")
            after = ((container.get("lifecycle") or {}).get("postStart") or {}).get("exec")
            if after:
                yield Start(name, image, _words(after.get("command")), f"{where}, postStart")


def _pod(spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The pod in a workload's spec, in a cron job's a level deeper."""
    spec = (spec.get("jobTemplate") or {}).get("spec") or spec
    template = spec.get("template")
    return template.get("spec") if isinstance(template, dict) else None


def _of_command(text: str, images: Mapping[str, str]) -> Iterator[Start]:
    """``{"services": {name: {"image": "name@sha256:…", "start": [words]}}}``."""
    services = _json(text).get("services")
    if not isinstance(services, dict):
        raise _unreadable("the command describe:", "it has no “services”")
    for name, one in services.items():
        words = one.get("start") if isinstance(one, dict) else None
        ok = isinstance(words, list) and bool(words)
        why = "" if ok else "the command describe: does not tell its start"
        yield Start(str(name), str(one.get("image", "")), _words(words) if ok else None, "describe:", why)


def _template(driver: Driver, images: Mapping[str, str]) -> list[str]:
    """As the release would be applied, only printed."""
    assert isinstance(driver, Helm)
    (apply,) = driver.apply(images)
    rest = [word for word in apply[3:] if word != "--atomic"]
    return ["helm", "template", *rest]


def _describe(driver: Driver, images: Mapping[str, str]) -> list[str]:
    return driver.filled("describe", "{images}", list(images.values()))


def _inspect(driver: Driver, image: str) -> list[str]:
    words = shlex.split(driver.system.get("inspect") or INSPECT)
    return [image if word == "{image}" else word.replace("{image}", image) for word in words]


def _own(text: str) -> Own:
    """From ``docker image inspect`` (Config), or an image's configuration as registries have it (config)."""
    found = _parsed(text)
    one = found[0] if isinstance(found, list) and found else found
    config = (one.get("Config") or one.get("config")) if isinstance(one, dict) else None
    if not isinstance(config, dict):
        return Own(why="its configuration cannot be read")
    return Own(_words(config.get("Entrypoint")), _words(config.get("Cmd")))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _json(text: str) -> Mapping[str, Any]:
    found = _parsed(text)
    if not isinstance(found, dict):
        raise _unreadable("The platform", "it printed no JSON object")
    return found


def _words(value: Any) -> list[str]:
    if value is None:
        return []
    return shlex.split(value) if isinstance(value, str) else [str(word) for word in value]


def _unescaped(value: Any) -> Any:
    """Compose prints a dollar sign twice."""
    return [str(word).replace("$$", "$") for word in value] if isinstance(value, list) else value


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise _unreadable(str(file), error.strerror or "unreadable") from None


def _unreadable(where: str, why: str) -> Problem:
    return Problem(
        f"{where} cannot be read: {why}.",
        means="With which command the images start is not known.",
        next="Run the command of the preview by hand; correct the platform's files or settings.",
    )
