"""Deploys images by digest, and follows the rollout until exactly these run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.actions.service_stop import facts_of, wait_until
from integrations.clients.platform import Driver, Standing, driver_of
from integrations.clients.platform.images import DIGEST, by_digest
from integrations.errors import Problem

PATIENCE = 300.0  # seconds for a rollout


@register
class DeployApply(Action):
    """A tag can be moved after it was checked; a digest is what was checked, so only digests are deployed."""

    key, title = "deploy.apply", "Deploy images by digest, and follow the rollout"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=20)
    risky = True

    class Params(ActionForm):
        """``platform``; ``images``: service → “name@sha256:…”. ``back_to``: instead, the images that ran
        before that item deployed."""

        platform = SystemField(kind="platform")
        images = JSONValueField(kind=dict, required=False)
        checked = EvidenceField(action="image.check", required=False)
        back_to = EvidenceField(action="deploy.apply", required=False)

        def clean(self) -> dict[str, Any]:
            """Either images, or what to go back to."""
            given = self.cleaned_data
            if bool(given.get("images")) == bool(given.get("back_to")):
                raise forms.ValidationError("Name images:, or back_to:.")
            return given

    def resource(self, params: Values) -> str:
        """The platform's services: deploying, starting and stopping exclude each other."""
        return f"services:{params.platform.name}"

    def preview(self, params: Values) -> Preview:
        """The commands, and what runs now."""
        driver, images = driver_of(params.platform), _images(params)
        lines = [" ".join(command) for command in driver.apply(images)]
        lines.append("Look until exactly these images are ready.")
        now = [f"Now: {one}, {one.image}" for name, one in driver.standing().items() if name in images]
        return Preview(lines, where=params.platform.name, warnings=now)

    def before(self, params: Values) -> dict[str, Any]:
        """What ran before: what an undo goes back to."""
        images = _images(params)
        return {"previous": facts_of(driver_of(params.platform).standing(), list(images)), "images": images}

    def run(self, params: Values, report: Report) -> Outcome:
        """Deploys and follows; what is not ready in time, or crashes, is a verdict."""
        driver, images = driver_of(params.platform), _images(params)
        _refuse_unchecked(params, images)
        previous = facts_of(driver.standing(params.context.attempt), list(images))
        driver.do(driver.apply(images), report, params.context.attempt)
        params.services = list(images)
        left = wait_until(params, report, lambda one: runs(one, images), PATIENCE)
        now = driver.standing(params.context.attempt)
        report.evidence(release={"images": images, "previous": previous, "now": facts_of(now, list(images))})
        if left:
            return Outcome(False, f"Not deployed: {_why(left, images)}. What ran before is in the evidence.")
        digests = ", ".join(f"{name} {image.rpartition(':')[2][:12]}" for name, image in images.items())
        return Outcome(True, f"Deployed and ready: {digests}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Which images run."""
        return images_found(driver_of(params.platform), before["images"])


def images_found(driver: Driver, images: Mapping[str, str]) -> Finding:
    """A probe's answer: all, none or some of these images are ready."""
    now = driver.standing()
    so = [name for name, image in images.items() if name in now and runs(now[name], images)]
    saw = "; ".join(f"{one}, {one.image}" for name, one in now.items() if name in images) or "none is known"
    seen = Seen.DONE if len(so) == len(images) else Seen.PARTIAL if so else Seen.NOT_DONE
    return Finding(seen, f"Now: {saw}.", facts_of(now, list(images)))


def runs(one: Standing, images: Mapping[str, str]) -> bool:
    """Whether this service is ready with the digest that was asked for."""
    return one.is_up and one.image.partition("@")[2] == images[one.name].partition("@")[2]


def _why(left: list[Standing], images: Mapping[str, str]) -> str:
    said = []
    for one in left:
        other = one.image.partition("@")[2] != images[one.name].partition("@")[2]
        said.append(f"{one}{', and it runs another image: ' + one.image if other else ''}")
    return "; ".join(said)


def _images(params: Values) -> dict[str, str]:
    """The images by service. Raises `Problem` for what is no digest."""
    return _previous(params) if params.back_to else by_digest(params.images)


def _previous(params: Values) -> dict[str, str]:
    release = params.context.traces.get(params.back_to, {})
    known = (release.get("release") or release).get("previous") or {}
    images = {name: one["image"] for name, one in known.items() if one and DIGEST.fullmatch(one["image"])}
    if not images:
        raise Problem(
            f"“{params.back_to}” has left no images to go back to.",
            means="Nothing ran before it, or it did not come that far.",
            next="Stop the services instead (service.stop).",
        )
    return images


def _refuse_unchecked(params: Values, images: Mapping[str, str]) -> None:
    if not params.checked:
        return
    facts = params.context.evidence.get(params.checked, {})
    known = {image.get("digest") for image in facts.get("images", [])}
    missing = [name for name, image in images.items() if image.partition("@")[2] not in known]
    if missing:
        raise Problem(
            f"“{params.checked}” has not checked the image of {', '.join(missing)}.",
            means="It may migrate the database when it starts. Nothing was deployed.",
            next=f"Carry out “{params.checked}” on exactly these images.",
        )
