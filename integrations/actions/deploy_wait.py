"""Follows a rollout that somebody else began, until what was asked for is ready."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    Outcome,
    Preview,
    Report,
    SystemField,
    Values,
)
from integrations.actions.deploy_apply import PATIENCE, images_found, runs
from integrations.actions.service_stop import facts_of, wait_until
from integrations.clients.platform import Standing, driver_of
from integrations.errors import Problem


@register
class DeployWait(Action):
    """Only looks: by digest, by replicas, and for restarts that tell of a crash loop."""

    key, title = "deploy.wait", "See that exactly the deployed images are ready, and stay so"
    effect = Effect.PURE
    deadline = timedelta(minutes=20)

    class Params(ActionForm):
        """``platform``; ``deployed``: the item that deployed."""

        platform = SystemField(kind="platform")
        deployed = EvidenceField(action="deploy.apply")

    def preview(self, params: Values) -> Preview:
        """What is looked for."""
        lines = [f"Look until {name} runs {image}." for name, image in _images(params).items()]
        return Preview([" ".join(driver_of(params.platform).look()), *lines], where=params.platform.name)

    def run(self, params: Values, report: Report) -> Outcome:
        """Red when one is not ready in time, runs another image, or restarted since it was deployed."""
        images = _images(params)
        params.services = list(images)
        known = params.context.evidence[params.deployed]["release"]["now"]
        left = wait_until(params, report, lambda one: runs(one, images), PATIENCE)
        now = driver_of(params.platform).standing(params.context.attempt)
        report.evidence(services=facts_of(now, list(images)))
        if left:
            return Outcome(False, f"Not ready: {'; '.join(map(str, left))}. Look into its log.")
        again, untold = _restarted({name: now[name] for name in images}, known)
        if again:
            return Outcome(False, f"{', '.join(again)} restarted since the deployment: its log says why.")
        calm = "no restart since the deployment"
        if untold:
            calm = f"whether {', '.join(untold)} restarted, this platform does not tell"
        return Outcome(True, f"{', '.join(images)}: ready by digest; {calm}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Which images run."""
        return images_found(driver_of(params.platform), _images(params))


def _restarted(now: Mapping[str, Standing], known: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Which restarted since the facts ``known``, and of which the platform does not tell."""
    before = {name: (known.get(name) or {}).get("restarts") for name in now}
    untold = [name for name, one in now.items() if one.restarts is None]
    more = [name for name, one in now.items() if one.restarts is not None]
    return [name for name in more if (now[name].restarts or 0) > (before[name] or 0)], untold


def _images(params: Values) -> dict[str, str]:
    release = params.context.evidence.get(params.deployed, {}).get("release")
    if not release:
        raise Problem(
            f"“{params.deployed}” has deployed nothing yet.",
            means="There is nothing to wait for.",
            next=f"Carry out “{params.deployed}” first.",
        )
    return dict(release["images"])
