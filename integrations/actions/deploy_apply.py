"""Deploys images by digest, and follows the rollout until exactly these images run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.image_check import ImageCheckEvidence
from integrations.actions.platform_services import (
    ServiceFacts,
    describe_warnings,
    service_facts,
    wait_for_services,
)
from integrations.clients.platform import Platform, ServiceStatus, get_platform
from integrations.clients.platform.images import DIGEST, require_digests
from integrations.errors import Problem
from integrations.runbook_commands import format_command
from integrations.systems import System

PATIENCE = 300.0  # seconds for a rollout


@dataclass(frozen=True)
class DeployApplyParams(actions.ActionParams):
    """The platform, and the images by service or the item to undo."""

    platform: System
    images: dict[str, Any]
    checked: actions.EarlierItem[ImageCheckEvidence] | None
    back_to: actions.EarlierItem[DeployApplyEvidence] | None


class ReleaseFacts(TypedDict):
    """The deployed images by service, and the status of these services before and after."""

    images: dict[str, str]
    previous: ServiceFacts
    now: ServiceFacts


class DeployApplyEvidence(TypedDict, total=False):
    """What a run records."""

    release: ReleaseFacts


@actions.register
class DeployApply(actions.Action[DeployApplyParams, DeployApplyEvidence]):
    """Deploys digests only: a tag can be moved after its image was checked, a digest cannot."""

    key, title = "deploy.apply", "Deploy images by digest"
    texts_shown = True
    public_params = frozenset({"images"})
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(minutes=20)
    risky = True

    class Params(actions.ActionForm):
        """``platform``; ``images``: service → “name@sha256:…”; ``checked``: the item that checked them;
        ``back_to``: the item to undo, instead of ``images``."""

        platform = actions.SystemField(kind="platform")
        images = actions.JSONValueField(kind=dict, required=False)
        checked = actions.EvidenceField(action="image.check", required=False)
        back_to = actions.EvidenceField(action="deploy.apply", required=False)

        def clean(self) -> dict[str, Any]:
            """Either images or an item to undo."""
            given = self.cleaned_data
            if bool(given.get("images")) == bool(given.get("back_to")):
                raise forms.ValidationError("Name images:, or back_to:.")
            return given

    def resource(self, params: DeployApplyParams) -> str:
        """The platform's services: deploying, starting and stopping exclude each other."""
        return f"services:{params.platform.name}"

    def preview(self, params: DeployApplyParams) -> actions.Preview:
        """The commands, and the images that run now."""
        driver, images = get_platform(params.platform, params.context.deadline), _images(params)
        lines = [format_command(command) for command in driver.apply_commands(images)]
        lines.append("Wait until exactly these images are ready.")
        now = [f"Now: {one}, {one.image}" for name, one in driver.read_status().items() if name in images]
        return actions.Preview(lines, where=params.platform.name, warnings=now)

    def before(self, params: DeployApplyParams) -> dict[str, Any]:
        """The images that run before, which an undo goes back to."""
        images = _images(params)
        return {
            "previous": service_facts(
                get_platform(params.platform, params.context.deadline).read_status(), list(images)
            ),
            "images": images,
        }

    def run(
        self, params: DeployApplyParams, report: actions.RunReport[DeployApplyEvidence]
    ) -> actions.Outcome:
        """Deploys and waits. A service that is not ready in time, or crashes, is a verdict."""
        driver, images = get_platform(params.platform, params.context.deadline), _images(params)
        _refuse_unchecked(params, images)
        driver.refuse_ignored_images(images, params.context.attempt)
        driver.refuse_unfinished_change(params.context.attempt)
        # Read before the deployment: the undo deploys exactly these images again.
        previous = service_facts(driver.read_status(params.context.attempt), list(images))
        driver.run(driver.apply_commands(images), report, params.context.attempt)
        left = wait_for_services(
            driver,
            list(images),
            lambda service: runs_image(service, images),
            report,
            attempt=params.context.attempt,
            seconds=PATIENCE,
        )
        now = driver.read_status(params.context.attempt)
        report.evidence(
            {"release": {"images": images, "previous": previous, "now": service_facts(now, list(images))}}
        )
        if left:
            reasons = describe_warnings(driver, left, report, params.context.attempt)
            return actions.Outcome(
                False,
                f"Not deployed: {_describe(left, images)}. {reasons}The images before are in the evidence.",
            )
        digests = ", ".join(f"{name} {image.rpartition(':')[2][:12]}" for name, image in images.items())
        return actions.Outcome(True, f"Deployed and ready: {digests}.")

    def probe(self, params: DeployApplyParams, before: Mapping[str, Any]) -> actions.Finding:
        """Whether the images run."""
        return probe_images(get_platform(params.platform, params.context.deadline), before["images"])


def probe_images(driver: Platform, images: Mapping[str, str]) -> actions.Finding:
    """Whether all, some or none of these images are ready."""
    status = driver.read_status()
    ready = [name for name in images if name in status and runs_image(status[name], images)]
    if len(ready) == len(images):
        found = actions.ProbeStatus.DONE
    else:
        found = actions.ProbeStatus.PARTIAL if ready else actions.ProbeStatus.NOT_DONE
    services = [f"{service}, {service.image}" for name, service in status.items() if name in images]
    observed = "; ".join(services) or "none is known"
    return actions.Finding(found, f"Now: {observed}.", service_facts(status, list(images)))


def runs_image(service: ServiceStatus, images: Mapping[str, str]) -> bool:
    """Whether this service is ready with the digest that was deployed."""
    return service.is_up and not _runs_other_image(service, images)


def _runs_other_image(service: ServiceStatus, images: Mapping[str, str]) -> bool:
    return service.image.partition("@")[2] != images[service.name].partition("@")[2]


def _describe(left: list[ServiceStatus], images: Mapping[str, str]) -> str:
    return "; ".join(
        f"{service}, and it runs another image: {service.image}"
        if _runs_other_image(service, images)
        else str(service)
        for service in left
    )


def _images(params: DeployApplyParams) -> dict[str, str]:
    """The images by service. Raises `Problem` for an image without a digest."""
    return _previous_images(params.back_to) if params.back_to else require_digests(params.images)


def _previous_images(item: actions.EarlierItem[DeployApplyEvidence]) -> dict[str, str]:
    """The images that ran before that item. Raises `Problem` when none are known."""
    release = item.latest_evidence.get("release")
    # An attempt that was lost early has recorded no evidence, but what ran before it is known.
    previous: ServiceFacts = (release["previous"] if release else item.before.get("previous")) or {}
    images = {name: one["image"] for name, one in previous.items() if one and DIGEST.fullmatch(one["image"])}
    if not images:
        raise Problem(
            f"“{item.key}” has recorded no images to go back to.",
            means="Nothing ran before it, or it stopped before it had read what ran.",
            next="Stop the services instead (service.stop).",
        )
    return images


def _refuse_unchecked(params: DeployApplyParams, images: Mapping[str, str]) -> None:
    if not params.checked:
        return
    checked = {container["digest"] for container in params.checked.evidence.get("images", [])}
    missing = [name for name, image in images.items() if image.partition("@")[2] not in checked]
    if missing:
        raise Problem(
            f"“{params.checked.key}” has not checked the image of {', '.join(missing)}.",
            means="It may migrate the database when it starts. Nothing was deployed.",
            next=f"Run “{params.checked.key}” on exactly these images.",
        )
