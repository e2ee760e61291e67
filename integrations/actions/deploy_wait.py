"""Waits until the images that an earlier item deployed are ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from integrations import actions
from integrations.actions.deploy_apply import (
    PATIENCE,
    DeployApplyEvidence,
    ReleaseFacts,
    probe_images,
    runs_image,
)
from integrations.actions.platform_services import (
    ServiceFacts,
    describe_warnings,
    service_facts,
    wait_for_services,
)
from integrations.clients.platform import ServiceStatus, get_platform
from integrations.errors import Problem
from integrations.systems import System


@dataclass(frozen=True)
class DeployWaitParams(actions.ActionParams):
    """The platform, and the item that deployed."""

    platform: System
    deployed: actions.EarlierItem[DeployApplyEvidence]


class DeployWaitEvidence(TypedDict, total=False):
    """What a run records."""

    services: ServiceFacts


@actions.register
class DeployWait(actions.ReadOnlyAction[DeployWaitParams, DeployWaitEvidence]):
    """Checks digests, replicas, and restarts that show a crash loop. Changes nothing."""

    key, title = "deploy.wait", "Check that exactly the deployed images are ready"
    texts_shown = True
    deadline = timedelta(minutes=20)

    class Params(actions.ActionForm):
        """``platform``; ``deployed``: the item that deployed."""

        platform = actions.SystemField(kind="platform")
        deployed = actions.EvidenceField(action="deploy.apply")

    def preview(self, params: DeployWaitParams) -> actions.Preview:
        """The images that are waited for."""
        images = _read_release(params)["images"]
        lines = [f"Wait until {name} runs {image}." for name, image in images.items()]
        return actions.Preview(
            [" ".join(get_platform(params.platform).status_command()), *lines], where=params.platform.name
        )

    def run(self, params: DeployWaitParams, report: actions.RunReport[DeployWaitEvidence]) -> actions.Outcome:
        """Red when a service is not ready in time, runs another image, or restarted since the deployment."""
        release = _read_release(params)
        images = release["images"]
        platform = get_platform(params.platform)
        left = wait_for_services(
            platform,
            list(images),
            lambda service: runs_image(service, images),
            report,
            attempt=params.context.attempt,
            seconds=PATIENCE,
        )
        now = platform.read_status(params.context.attempt)
        report.evidence({"services": service_facts(now, list(images))})
        if left:
            reasons = describe_warnings(platform, left, report, params.context.attempt)
            return actions.Outcome(False, f"Not ready: {'; '.join(map(str, left))}. {reasons}Check its log.")
        restarted, unknown = _find_restarts({name: now[name] for name in images}, release["now"])
        if restarted:
            return actions.Outcome(
                False, f"{', '.join(restarted)} restarted since the deployment: its log says why."
            )
        restarts = "no restart since the deployment"
        if unknown:
            restarts = f"this platform does not say whether {', '.join(unknown)} restarted"
        return actions.Outcome(True, f"{', '.join(images)}: ready by digest; {restarts}.")

    def probe(self, params: DeployWaitParams, before: Mapping[str, Any]) -> actions.Finding:
        """Whether the images run: that is more useful than that nothing was changed."""
        return probe_images(get_platform(params.platform), _read_release(params)["images"])


def _find_restarts(now: Mapping[str, ServiceStatus], deployed: ServiceFacts) -> tuple[list[str], list[str]]:
    """The services that restarted since, and those of which the platform does not count restarts."""
    before = {name: (deployed.get(name) or {}).get("restarts") or 0 for name in now}
    unknown = [name for name, service in now.items() if service.restarts is None]
    restarted = [name for name, service in now.items() if (service.restarts or 0) > before[name]]
    return restarted, unknown


def _read_release(params: DeployWaitParams) -> ReleaseFacts:
    release = params.deployed.evidence.get("release")
    if not release:
        raise Problem(
            f"“{params.deployed.key}” has deployed nothing yet.",
            means="There is nothing to wait for.",
            next=f"Run “{params.deployed.key}” first.",
        )
    return release
