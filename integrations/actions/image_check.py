"""Checks the start command of each image: one that migrates the database by itself is red."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

from integrations import actions
from integrations.clients.platform import engines, get_platform
from integrations.clients.platform.container_review import (
    ContainerFacts,
    find_absent,
    find_without_digest,
    review_container,
)
from integrations.clients.platform.container_starts import ContainerStart
from integrations.clients.platform.images import digest_of
from integrations.runbook_commands import format_command
from integrations.systems import System

BEYOND = "Only start commands are checked, not what a program does later in its own code."


@dataclass(frozen=True)
class ImageCheckParams(actions.ActionParams):
    """The images as deployed, the source to read scripts in, and what need not be read."""

    platform: System
    images: dict[str, Any]
    folder: System | None
    trusted: list[Any]
    ignore: list[Any]


class ImageCheckEvidence(TypedDict, total=False):
    """What a run records."""

    images: list[ContainerFacts]  # those that passed
    containers: list[ContainerFacts]
    beyond: str


@actions.register
class ImageCheck(actions.ReadOnlyAction[ImageCheckParams, ImageCheckEvidence]):
    """A start command that cannot be analysed is red as well: it is not known to be harmless."""

    key, title = "image.check", "Check that no image migrates the database when it starts"
    texts_shown = True
    public_params = frozenset({"images", "trusted", "ignore"})
    deadline = timedelta(minutes=5)

    class Params(actions.ActionForm):
        """``platform``; ``images``: as in deploy.apply, service → “name@sha256:…”; ``folder``: the source,
        with package.json and scripts; ``trusted``: scripts and programs of a start command that a person has
        read; ``ignore``: containers that run no code of ours (redis)."""

        platform = actions.SystemField(kind="platform")
        images = actions.JSONValueField(kind=dict)
        folder = actions.SystemField(kind="folder", required=False)
        trusted = actions.JSONValueField(kind=list, required=False)
        ignore = actions.JSONValueField(kind=list, required=False)

    def preview(self, params: ImageCheckParams) -> actions.Preview:
        """The commands that read the start commands; none changes anything."""
        images = _image_names(params)
        lines = [
            format_command(command) for command in get_platform(params.platform).describe_commands(images)
        ]
        lines.append("Search each start command for migrate deploy, db push and scripts that call them.")
        return actions.Preview(lines, where=params.platform.name, warnings=find_without_digest(images))

    def run(self, params: ImageCheckParams, report: actions.RunReport[ImageCheckEvidence]) -> actions.Outcome:
        """Green when every container was analysed, by digest, and none migrates."""
        images = _image_names(params)
        wrong = find_without_digest(images)
        starts = [] if wrong else _read_starts(params, images)
        containers: list[ContainerFacts] = []
        for number, start in enumerate(starts):
            report.raise_if_cancelled()
            report.progress(number, len(starts), start.name)
            facts = review_container(
                start,
                folder=Path(params.folder["path"]) if params.folder else None,
                trusted=[str(word) for word in params.trusted],
                ignore=[str(name) for name in params.ignore],
            )
            containers.append(facts)
            report.log(f"{'✓' if facts['ok'] else '✗'} {start.name}: {facts['said']}")
        wrong += [facts["said"] for facts in containers if not facts["ok"]]
        if not wrong:
            wrong = [said for name, image in images.items() if (said := find_absent(name, image, starts))]
        digests = {digest_of(image) for image in images.values()}
        passed = [facts for facts in containers if facts["ok"] and facts["digest"] in digests]
        report.evidence({"images": passed, "containers": containers, "beyond": BEYOND})
        if wrong:
            return actions.Outcome(False, " ".join(dict.fromkeys(wrong)))
        return actions.Outcome(True, f"{_name_images(images)}: no start command migrates. {BEYOND}")


def _read_starts(params: ImageCheckParams, images: Mapping[str, str]) -> list[ContainerStart]:
    """What the release would start. Raises `Problem` when the platform's program is not installed."""
    driver, attempt = get_platform(params.platform), params.context.attempt
    engines.refuse_missing_engines(driver, driver.describe_commands(images)[:1], attempt)
    return driver.read_container_starts(images, attempt)


def _image_names(params: ImageCheckParams) -> dict[str, str]:
    return {str(name): str(image) for name, image in params.images.items()}


def _name_images(images: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} {digest_of(image).removeprefix('sha256:')[:12]}" for name, image in images.items()
    )
