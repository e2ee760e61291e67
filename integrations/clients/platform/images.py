"""Images as a runbook names them: by digest, since a tag can be moved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from integrations.errors import Problem

DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


def by_digest(images: Mapping[str, Any]) -> dict[str, str]:
    """Service → image. Raises `Problem` for the first that is no digest."""
    for name, image in images.items():
        if not DIGEST.fullmatch(str(image)):
            raise Problem(
                f"The image of {name} is not named by its digest: “{image}”.",
                means="A tag can be moved: what was checked and what is deployed could be two things.",
                next="Write it as name@sha256:… (docker buildx imagetools inspect NAME:TAG shows it).",
            )
    return {str(name): str(image) for name, image in images.items()}


def digest(image: str) -> str:
    """“sha256:…”, or “” for an image that is named otherwise."""
    return image.partition("@")[2]
