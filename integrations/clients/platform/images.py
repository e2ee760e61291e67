"""Images of a runbook: named by digest, because a tag can be moved to another image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from integrations.errors import Problem

DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


def require_digests(images: Mapping[str, Any]) -> dict[str, str]:
    """The images (service → image) as texts. Raises `Problem` for the first one without a digest."""
    for name, image in images.items():
        if not DIGEST.fullmatch(str(image)):
            raise Problem(
                f"The image of {name} is not named by its digest: “{image}”.",
                means="A tag can be moved: what was checked and what is deployed could be two things.",
                next="Write it as name@sha256:… (docker buildx imagetools inspect NAME:TAG shows it).",
            )
    return {str(name): str(image) for name, image in images.items()}


def without_tag(image: str) -> str:
    """The image without the tag that stands before its digest; one without a digest stays as it is."""
    named, at, digest = image.partition("@")
    repository, colon, tag = named.rpartition(":")
    return f"{repository}@{digest}" if at and colon and "/" not in tag else image


def digest_of(image: str) -> str:
    """The digest of an image, “sha256:…”; "" for an image that is named otherwise."""
    return image.partition("@")[2]
