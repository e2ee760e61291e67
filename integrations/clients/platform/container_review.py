"""Judges the start commands of a release: one that migrates the database by itself is wrong."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from integrations.clients.platform.container_starts import ContainerStart
from integrations.clients.platform.images import DIGEST, digest_of
from integrations.clients.platform.start_command_review import StartCommandReader

REMEDY = (
    "Set a command that only starts the program, such as “node dist/src/main.js” (Helm, Compose: command:), "
    "or build the image without the migration. Then check again."
)
UNSEEN = (
    "Pull the image, name its source in folder:, set the command explicitly, or name in trusted: what a "
    "person has read."
)


class ContainerFacts(TypedDict):
    """One container of the release, and what its start command (``start``; None: unknown) means."""

    service: str
    image: str
    digest: str
    start: list[str] | None
    source: str
    ignored: bool
    ok: bool
    said: str
    migrates: NotRequired[list[str]]
    unseen: NotRequired[list[str]]
    read: NotRequired[list[str]]


def find_without_digest(images: Mapping[str, str]) -> list[str]:
    """A sentence about each image that is not named by its digest."""
    return [
        f"The image of {name} is not named by its digest (“{image}”): a tag can be moved after the check. "
        "Write name@sha256:…"
        for name, image in images.items()
        if not DIGEST.fullmatch(image)
    ]


def find_absent(name: str, image: str, starts: Sequence[ContainerStart]) -> str:
    """A sentence about an image that no container would run; "" when one would."""
    if any(digest_of(start.image) == digest_of(image) for start in starts):
        return ""
    run = ", ".join(sorted({start.image for start in starts if start.name == name})) or "no container of it"
    return (
        f"{name} would not run {image}: the platform's files lead to {run}. "
        "Name the image by this digest there."
    )


def review_container(
    start: ContainerStart, *, folder: Path | None, trusted: Collection[str], ignore: Collection[str]
) -> ContainerFacts:
    """What the start command of one container means.

    ``folder``: the source to read scripts in; ``trusted``: scripts and programs that a person has read;
    ``ignore``: containers that run no code of ours.
    """
    facts: ContainerFacts = {
        "service": start.name,
        "image": start.image,
        "digest": digest_of(start.image),
        "start": start.words,
        "source": start.source,
        "ignored": start.name in ignore,
        "ok": True,
        "said": "not checked: the runbook says that it runs no code of ours.",
    }
    if facts["ignored"]:
        return facts
    if start.words is None:
        said = f"The start command of {start.name} is not known ({start.source}: {start.why}). {UNSEEN}"
        return {**facts, "ok": False, "said": said}
    found = StartCommandReader(folder, list(trusted)).review(start.words)
    return {
        **facts,
        "migrates": found.migrates,
        "unseen": found.unseen,
        "read": found.read,
        "ok": found.ok,
        "said": _describe(start, found.migrates, found.unseen),
    }


def _describe(start: ContainerStart, migrates: list[str], unseen: list[str]) -> str:
    if migrates:
        what = "; ".join(migrates)
        return f"{start.name} migrates the database when it starts ({start.source}): {what}. {REMEDY}"
    if unseen:
        what = "; ".join(unseen)
        return f"{start.name} starts with {what}, which cannot be analysed ({start.source}). {UNSEEN}"
    return f"{shlex.join(start.words or [])} ({start.source})"
