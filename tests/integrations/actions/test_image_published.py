"""An image is published when the registry has its digest, and the release's tag leads to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, Outcome, registry
from integrations.errors import Problem
from integrations.sandbox import images
from integrations.sandbox.people import People
from integrations.sandbox.providers.registry import LOGIN
from integrations.sandbox.repairs import AppliedRepairs, Profile, load_repairs
from integrations.sandbox.services import Release
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.providers import World, providers

ACTION = registry()["image.published"]
RELEASES = {name: Release(name, ["true"], start=start) for name, start in images.STARTS.items()}
IMAGES = {name: f"registry.invalid/{name}@{release.digest}" for name, release in RELEASES.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    with providers(REGISTRY_FOLDER=str(folder / "platform"), REGISTRY_PASSWORD="right") as found:
        yield found


@pytest.fixture
def check(world: World, folder: Path, new_context: Callable[..., Context]) -> Callable[..., Outcome]:
    """Runs the check on a registry to which nothing was pushed yet."""
    (folder / "platform" / images.PUSHED).unlink(missing_ok=True)
    (folder / "repairs.json").unlink(missing_ok=True)
    AppliedRepairs(folder / "repairs.json").begin(Profile.REPAIRED)
    for release in RELEASES.values():
        release.keep(folder / "platform")
    login = {"username": LOGIN, "password": "right"}
    systems = {"images": {"kind": "registry", "url": f"{world.url}/registry", **login}}

    def run(**raw: Any) -> Outcome:
        params = ACTION.bind({"registry": "images", "images": IMAGES, **raw}, new_context(systems))
        return ACTION.run(params, Recorder())

    return run


def test_images_that_nobody_pushed_are_red(check: Callable[..., Outcome], folder: Path) -> None:
    outcome = check()
    assert not outcome.ok
    assert f"no image {RELEASES['new-api'].digest} in new-api" in outcome.summary
    People(folder).do("build-images")
    assert check().ok
    assert check(tag=images.COMMIT).ok


def test_an_image_that_cannot_be_built_is_not_pushed(check: Callable[..., Outcome], folder: Path) -> None:
    (folder / "repairs.json").unlink()
    AppliedRepairs(folder / "repairs.json").begin(Profile.RECORDED)
    People(folder).do("build-images")
    summary = check().summary
    assert "new-api: the registry has no image" in summary
    assert load_repairs()["frontend-image"].is_reported_by("images-published", summary)
    AppliedRepairs(folder / "repairs.json").apply("frontend-image")
    assert "new-frontend: the registry has no image" not in check().summary


def test_a_tag_that_was_moved_or_not_pushed_is_red(check: Callable[..., Outcome], folder: Path) -> None:
    People(folder).do("build-images")
    assert "no tag latest in new-api" in check(tag="latest").summary
    pushed = {
        name: {"6e66d81": RELEASES["new-worker"].digest, "old": RELEASES[name].digest} for name in RELEASES
    }
    (folder / "platform" / images.PUSHED).write_text(json.dumps(pushed))
    assert f"leads to {RELEASES['new-worker'].digest}" in check(tag="6e66d81").summary


def test_a_registry_that_answers_with_another_manifest_is_red(
    check: Callable[..., Outcome], folder: Path
) -> None:
    People(folder).do("build-images")
    file = folder / "platform" / "releases" / f"{RELEASES['new-api'].digest.removeprefix('sha256:')}.json"
    file.write_text("another one")
    other = hashlib.sha256(b"another one").hexdigest()
    assert f"with another manifest (sha256:{other})" in check().summary


def test_an_image_without_a_digest_is_refused(check: Callable[..., Outcome]) -> None:
    with pytest.raises(Problem, match="not named by its digest"):
        check(images={"new-api": "new-api:latest"})


def test_the_preview_names_what_is_requested(new_context: Callable[..., Context]) -> None:
    systems = {"images": {"kind": "registry", "url": "https://registry.invalid"}}
    raw = {
        "registry": "images",
        "images": {"api": f"ghcr.invalid/church/backend:1@sha256:{'a' * 64}"},
        "tag": "1.0",
    }
    preview = ACTION.preview(ACTION.bind(raw, new_context(systems)))
    assert preview.lines == [
        f"GET /v2/church/backend/manifests/sha256:{'a' * 64}",
        "HEAD /v2/church/backend/manifests/1.0",
    ]
