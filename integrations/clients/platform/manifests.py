"""Kubernetes manifests: the command that each of their containers starts with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from integrations.clients.platform.container_starts import (
    ContainerStart,
    ImageReader,
    to_words,
    unreadable_release,
)
from integrations.clients.platform.kubernetes_objects import as_dict, as_list


def starts_in_files(path: Path, reader: ImageReader) -> Iterator[ContainerStart]:
    """Every container in a manifest file, or in the .yaml and .yml files of a folder. Raises `Problem`."""
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    for each in files:
        yield from starts_in_manifests(_read(each), each.name, reader)


def starts_in_manifests(text: str, source: str, reader: ImageReader) -> Iterator[ContainerStart]:
    """Every container in manifests as YAML, lists of them included. Raises `Problem`."""
    try:
        documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # also 2026-13-45, which is no date
        raise unreadable_release(source, str(error).splitlines()[0]) from None
    for one in [item for each in documents for item in (as_list(each.get("items")) or [each])]:
        yield from starts_of_workload(one, source, reader, {})


def starts_of_workload(
    workload: Mapping[str, Any], source: str, reader: ImageReader, images: Mapping[str, str]
) -> Iterator[ContainerStart]:
    """Every container of a deployment, job or pod; ``images`` replace those of its containers, by name."""
    given = as_dict(workload.get("spec"))
    spec = given if workload.get("kind") == "Pod" else _pod_spec(given)
    metadata = as_dict(workload.get("metadata"))
    hook = as_dict(metadata.get("annotations")).get("helm.sh/hook", "")
    for part, word in (("initContainers", "init container"), ("containers", "container")):
        for container in as_list(spec.get(part)):
            name = str(container.get("name", ""))
            where = f"{source}: {workload.get('kind')} {metadata.get('name')}, {word} {name}"
            image = images.get(name) or str(container.get("image", ""))
            entry, args = container.get("command"), container.get("args")
            described = f"{where}{f', hook {hook}' if hook else ''}"
            yield reader.container_start(name, image, entry, args, described)
            after = as_dict(as_dict(as_dict(container.get("lifecycle")).get("postStart")).get("exec"))
            if after:
                yield ContainerStart(name, image, to_words(after.get("command")), f"{where}, postStart")


def _pod_spec(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec of the pod in a workload's spec; in a cron job it is one level deeper."""
    if "jobTemplate" in spec:
        spec = as_dict(as_dict(spec.get("jobTemplate")).get("spec"))
    template = spec.get("template")
    # In objects of other kinds a template may be anything: only a pod's has a spec.
    return as_dict(template.get("spec")) if isinstance(template, dict) else {}


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable_release(str(file), getattr(error, "strerror", "") or "it is no UTF-8") from None
