"""Looks images up at a registry by their digests, and what a tag leads to."""

from __future__ import annotations

from typing import TypedDict

from integrations.clients.platform.images import digest_of, without_tag
from integrations.clients.registry import Registry


class PublishedFacts(TypedDict):
    """One image: its repository, the wanted digest, what the registry has, and a sentence.

    ``found``: the SHA-256 of the manifest's bytes; None when there is no such manifest. ``tagged``: the
    digest that the tag leads to; None without a tag, or when the registry has no such tag.
    """

    service: str
    repository: str
    wanted: str
    found: str | None
    tagged: str | None
    ok: bool
    said: str


def repository_of(image: str) -> str:
    """The repository of an image by its name, without the host of its registry."""
    named = without_tag(image).partition("@")[0]
    first, slash, rest = named.partition("/")
    is_host = bool(slash) and (first == "localhost" or bool({".", ":"} & set(first)))
    return rest if is_host else named


def look_up_image(
    registry: Registry, service: str, image: str, *, repository: str = "", tag: str = ""
) -> PublishedFacts:
    """What the registry has of an image that is named by its digest. Raises `Problem`.

    ``repository``: where it is not the image's name; ``tag``: one that has to lead to the same digest.
    """
    place, wanted = repository or repository_of(image), digest_of(image)
    found = registry.read_digest(place, wanted)
    tagged = registry.find_digest(place, tag) if tag else None
    said = _find_fault(tag, place, wanted, found, tagged)
    return {
        "service": service,
        "repository": place,
        "wanted": wanted,
        "found": found,
        "tagged": tagged,
        "ok": not said,
        "said": said or f"{place} has {wanted}.",
    }


def _find_fault(tag: str, repository: str, wanted: str, found: str | None, tagged: str | None) -> str:
    """What is wrong, with the next step; "" when nothing is."""
    if found is None:
        return (
            f"the registry has no image {wanted} in {repository}: it was not pushed, or to another registry. "
            "Build and push it, then take the digest that the push printed."
        )
    if found != wanted:
        return (
            f"the registry answers {wanted} with another manifest ({found}): do not deploy from it. "
            "Ask who runs it, or pull from another registry."
        )
    if tag and tagged is None:
        return f"the registry has no tag {tag} in {repository}. Push the image under this tag, too."
    if tag and tagged != wanted:
        return (
            f"the tag {tag} leads to {tagged}, and not to the image that is going to be deployed. "
            "Another build was pushed under it since: decide which of the two it shall be."
        )
    return ""
