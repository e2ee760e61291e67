"""Checks that the registry has the images that are going to be deployed, and that a tag leads to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.clients.platform.images import digest_of, require_digests
from integrations.clients.published_images import PublishedFacts, look_up_image, repository_of
from integrations.clients.registry import Registry
from integrations.systems import System


@dataclass(frozen=True)
class ImagePublishedParams(actions.ActionParams):
    """The registry, the images as they are deployed, and the tag of this release."""

    registry: System
    images: dict[str, Any]
    repositories: dict[str, Any]
    tag: str


class ImagePublishedEvidence(TypedDict, total=False):
    """What the registry has of each image."""

    published: list[PublishedFacts]


@actions.register
class ImagePublished(actions.ReadOnlyAction[ImagePublishedParams, ImagePublishedEvidence]):
    """Reads each manifest by its digest and hashes it here: what the registry says of it is not believed."""

    key, title = "image.published", "Check that the registry has the images by their digests"
    texts_shown = True
    public_params = frozenset({"images", "repositories", "tag"})
    deadline = timedelta(minutes=2)

    class Params(actions.ActionForm):
        """``registry``: where the images were pushed to; ``images``: as in deploy.apply, service →
        “name@sha256:…”; ``repositories``: service → repository, where it is not the image's name; ``tag``:
        the tag that this release was pushed with, which must lead to the same digests."""

        registry = actions.SystemField(kind="registry")
        images = actions.JSONValueField(kind=dict)
        repositories = actions.JSONValueField(kind=dict, required=False)
        tag = forms.RegexField(r"^[\w][\w.-]{0,127}$", required=False)

    def preview(self, params: ImagePublishedParams) -> actions.Preview:
        """The requests; none changes anything."""
        images = require_digests(params.images)
        lines = [
            f"GET /v2/{_repository(params, name)}/manifests/{digest_of(images[name])}" for name in images
        ]
        if params.tag:
            lines += [f"HEAD /v2/{_repository(params, name)}/manifests/{params.tag}" for name in images]
        return actions.Preview(lines, where=params.registry["url"])

    def run(
        self, params: ImagePublishedParams, report: actions.RunReport[ImagePublishedEvidence]
    ) -> actions.Outcome:
        """Green when every digest is there and, with a tag, the tag leads to it."""
        images = require_digests(params.images)
        registry = Registry(params.registry, params.context.systems)
        published: list[PublishedFacts] = []
        for number, name in enumerate(images):
            report.raise_if_cancelled()
            report.progress(number, len(images), name)
            facts = look_up_image(
                registry, name, images[name], repository=_repository(params, name), tag=params.tag
            )
            published.append(facts)
            report.log(f"{'✓' if facts['ok'] else '✗'} {name}: {facts['said']}")
        report.evidence({"published": published})
        wrong = [f"{facts['service']}: {facts['said']}" for facts in published if not facts["ok"]]
        if wrong:
            return actions.Outcome(False, " ".join(wrong))
        tag = f", under the tag {params.tag}" if params.tag else ""
        names = ", ".join(f"{facts['repository']} {facts['wanted'][7:19]}" for facts in published)
        return actions.Outcome(True, f"{params.registry.name} has {names}{tag}.")


def _repository(params: ImagePublishedParams, service: str) -> str:
    """The repository: as the runbook names it, or the image's name without its host."""
    return str(params.repositories.get(service) or repository_of(str(params.images[service])))
