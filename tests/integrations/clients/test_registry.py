"""The digests of a registry, for a token, as its API is documented."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.clients.registry import Registry
from integrations.errors import Problem
from integrations.sandbox.images import PUSHED
from integrations.sandbox.providers.registry import LOGIN
from integrations.systems import Systems
from tests.integrations.sandbox.providers import World, providers

CONTENT = b'{"service": "new-api"}'
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("platform")
    (folder / "releases").mkdir()
    (folder / "releases" / f"{DIGEST.removeprefix('sha256:')}.json").write_bytes(CONTENT)
    (folder / PUSHED).write_text(json.dumps({"church/new-api": {"6e66d81": DIGEST}}))
    return folder


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    with providers(REGISTRY_FOLDER=str(folder), REGISTRY_PASSWORD="right") as found:
        yield found


def registry(world: World, **changed: str) -> Registry:
    settings = {"kind": "registry", "url": f"{world.url}/registry", "username": LOGIN, "password": "right"}
    systems = Systems({"images": settings | changed}, environ={})
    return Registry(systems["images"], systems)


def test_a_tag_leads_to_the_digest_of_its_manifest(world: World) -> None:
    assert registry(world).find_digest("church/new-api", "6e66d81") == DIGEST
    assert registry(world).read_digest("church/new-api", DIGEST) == DIGEST


@pytest.mark.parametrize("reference", ["latest", f"sha256:{'0' * 64}"])
def test_what_was_not_pushed_is_not_there(world: World, reference: str) -> None:
    assert registry(world).find_digest("church/new-api", reference) is None
    assert registry(world).read_digest("church/old-app", reference) is None


@pytest.mark.parametrize("login", [{"password": "wrong"}, {"username": "", "password": ""}])
def test_a_login_that_the_registry_refuses_says_nothing_about_the_image(
    world: World, login: dict[str, str]
) -> None:
    with pytest.raises(Problem, match="refuses") as refused:
        registry(world, **login).find_digest("church/new-api", "6e66d81")
    assert "is not known" in refused.value.means


def test_the_login_goes_to_no_host_that_the_runbook_does_not_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = registry(world)
    with pytest.raises(Problem, match="wants a token from auth"):
        asked._fetch_token({"realm": "http://auth.elsewhere.invalid/token"}, "church/new-api")


def test_a_registry_that_is_down_is_no_verdict(world: World) -> None:
    with world.mood("registry", "down"), pytest.raises(Problem, match="answers 503"):
        registry(world).find_digest("church/new-api", "6e66d81")
