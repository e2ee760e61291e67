"""Looks at what each image would start with: one that migrates the database by itself is red."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients.platform import driver_of, engines
from integrations.clients.platform.images import DIGEST, digest
from integrations.clients.platform.start_command import Reader
from integrations.clients.platform.starts import Start, commands, starts

REMEDY = (
    "Set the command to what only starts it, such as “node dist/src/main.js” (Helm, Compose: command:), "
    "or build the image without the migration; then check again."
)
UNSEEN = (
    "Pull the image, name folder: with its source, set the command outright, or name in trusted: what a "
    "person has read."
)
BEYOND = "Only start commands are looked at: what a program does later, in its own code, is not."


@register
class ImageCheck(Action):
    """What cannot be seen through is red, too: it is not known to be harmless."""

    key, title = "image.check", "Check that no image migrates the database when it starts"
    effect = Effect.PURE
    deadline = timedelta(minutes=5)

    class Params(ActionForm):
        """``platform``; ``images``: as deploy.apply has them, service → “name@sha256:…”;
        ``folder``: the source, where package.json and scripts are; ``trusted``: scripts and programs of a
        start command that a person has read; ``ignore``: containers that run no code of ours (redis)."""

        platform = SystemField(kind="platform")
        images = JSONValueField(kind=dict)
        folder = SystemField(kind="folder", required=False)
        trusted = JSONValueField(kind=list, required=False)
        ignore = JSONValueField(kind=list, required=False)

    def preview(self, params: Values) -> Preview:
        """The commands that are asked; none changes anything."""
        images = _named(params)
        lines = [shlex.join(command) for command in commands(driver_of(params.platform), images)]
        lines.append(
            "Look through each start command for migrate deploy, db push and scripts that call them."
        )
        return Preview(lines, where=params.platform.name, warnings=_undigested(images))

    def run(self, params: Values, report: Report) -> Outcome:
        """Every container is a line. Green: all were seen through, by digest, and none migrates."""
        images = _named(params)
        wrong = _undigested(images)
        found = [] if wrong else _starts(params, images)
        rows = []
        for number, start in enumerate(found):
            report.raise_if_cancelled()
            report.progress(number, len(found), start.name)
            rows.append(_row(params, start))
            report.log(f"{'✓' if rows[-1]['ok'] else '✗'} {start.name}: {rows[-1]['said']}")
        wrong += [row["said"] for row in rows if not row["ok"]]
        wrong += [_absent(name, image, found) for name, image in images.items() if not wrong]
        wrong = [sentence for sentence in wrong if sentence]
        passed = [row for row in rows if row["ok"] and row["digest"] in {digest(i) for i in images.values()}]
        report.evidence(images=passed, containers=rows, beyond=BEYOND)
        if wrong:
            return Outcome(False, " ".join(dict.fromkeys(wrong)))
        return Outcome(True, f"{_said(images)}: no start command migrates. {BEYOND}")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing."""
        return Finding(Seen.NOT_DONE, "This only looks.")


def _starts(params: Values, images: Mapping[str, str]) -> list[Start]:
    """What the release would start. Raises `Problem` for an engine that is not there."""
    driver, attempt = driver_of(params.platform), params.context.attempt
    engines.refuse_missing(driver, commands(driver, images)[:1], attempt)
    return starts(driver, images, attempt)


def _named(params: Values) -> dict[str, str]:
    return {str(name): str(image) for name, image in params.images.items()}


def _undigested(images: Mapping[str, str]) -> list[str]:
    return [
        f"The image of {name} is not named by its digest (“{image}”): a tag can be moved after the check. "
        "Write name@sha256:…"
        for name, image in images.items()
        if not DIGEST.fullmatch(image)
    ]


def _absent(name: str, image: str, found: list[Start]) -> str:
    """An image that was asked for, and that no container would run."""
    if any(digest(start.image) == digest(image) for start in found):
        return ""
    run = ", ".join(sorted({start.image for start in found if start.name == name})) or "no container of it"
    return (
        f"{name} would not run {image}: the platform's files lead to {run}. "
        "Name the image by this digest there."
    )


def _row(params: Values, start: Start) -> dict[str, Any]:
    """One container: what it starts with, and what that means."""
    row: dict[str, Any] = {
        "service": start.name,
        "image": start.image,
        "digest": digest(start.image),
        "start": start.words,
        "source": start.source,
        "ignored": start.name in params.ignore,
    }
    if row["ignored"]:
        return {**row, "ok": True, "said": "no code of ours, as the runbook says: not looked at."}
    if start.words is None:
        said = f"What {start.name} starts with cannot be seen ({start.source}: {start.why}). {UNSEEN}"
        return {**row, "ok": False, "said": said}
    folder = Path(params.folder["path"]) if params.folder else None
    found = Reader(folder, [str(word) for word in params.trusted]).judge(start.words)
    row |= {"migrates": found.migrates, "unseen": found.unseen, "read": found.read, "ok": found.ok}
    return {**row, "said": _verdict(start, found.migrates, found.unseen)}


def _verdict(start: Start, migrates: list[str], unseen: list[str]) -> str:
    command = shlex.join(start.words or [])
    if migrates:
        what = "; ".join(migrates)
        return f"{start.name} migrates the database when it starts ({start.source}): {what}. {REMEDY}"
    if unseen:
        what = "; ".join(unseen)
        return f"{start.name} starts with {what}, which cannot be seen through ({start.source}). {UNSEEN}"
    return f"{command} ({start.source})"


def _said(images: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {digest(image).removeprefix('sha256:')[:12]}" for name, image in images.items())
