"""Services and images that items name are compared with the platform, its files, and the registry."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.preflight import CheckResult, Verdict
from integrations.sandbox import images, services_control
from integrations.sandbox.people import People
from integrations.sandbox.providers.registry import LOGIN
from integrations.sandbox.repairs import AppliedRepairs, Profile
from integrations.sandbox.services import Release
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.integrations.sandbox.engines import Engines
from tests.integrations.sandbox.platforms import platform
from tests.integrations.sandbox.providers import World, providers

API, OTHER = (f"registry.example.org/backend@sha256:{letter * 64}" for letter in "ab")
MIGRATES = ["sh", "-c", "npx prisma migrate deploy && node dist/src/main.js"]
STARTS = ["node", "dist/src/main.js"]
RELEASES = {name: Release(name, ["true"], start=start) for name, start in images.STARTS.items()}
PUBLISHED = {name: f"registry.invalid/{name}@{release.digest}" for name, release in RELEASES.items()}


def test_the_services_that_items_name_have_to_be_on_the_platform(tmp_path: Path) -> None:
    items = planned(
        start=("service.start", {"platform": "engine", "services": ["old-app", "absent"]}),
        deploy=("deploy.apply", {"platform": "engine", "images": {"new-api": API}}),
        watch=("bullmq.watch", {"platform": "engine", "services": ["new-api"]}),
    )
    folder = tmp_path / "services"
    with platform(folder) as settings:
        digest = Release("old-app", [sys.executable, "-c", "import time; time.sleep(60)"]).keep(folder)
        services_control.know(folder, "old-app", digest, running=True)
        services_control.wait(folder)
        found = run_check("platform.services", scope_of({"engine": settings}, items=items))
        assert found["engine: status"].verdict == Verdict.GREEN
        assert found["engine: service old-app"].verdict == Verdict.GREEN
        assert found["engine: service absent"].verdict == Verdict.RED
        assert "there are: old-app" in found["engine: service absent"].seen
        assert found["engine: service absent"].items == ("start",)
        assert found["engine: service new-api"].verdict == Verdict.AMBER
        deployed = scope_of({"engine": settings}, items=items, evidence={"deploy": {}})
        assert run_check("platform.services", deployed)["engine: service new-api"].verdict == Verdict.RED
        running = run_check("images.running", deployed)["engine: images of deploy"]
        assert running.verdict == Verdict.AMBER
        right = planned(deploy=("deploy.apply", {"platform": "engine", "images": {"old-app": f"x@{digest}"}}))
        wrong = planned(deploy=("deploy.apply", {"platform": "engine", "images": {"old-app": API}}))
        for given, verdict in ((right, Verdict.GREEN), (wrong, Verdict.RED)):
            scope = scope_of({"engine": settings}, items=given, evidence={"deploy": {}})
            assert run_check("images.running", scope)["engine: images of deploy"].verdict == verdict


def test_a_platform_that_cannot_be_asked_is_red_unless_an_item_sets_it_up(tmp_path: Path) -> None:
    system = {"kind": "platform", "driver": "compose", "folder": str(tmp_path / "none")}
    start = planned(start=("service.start", {"platform": "engine", "services": ["api"]}))
    found = run_check("platform.services", scope_of({"engine": system}, items=start))
    assert found["engine: status"].verdict == Verdict.RED


def test_a_stack_that_is_provisioned_later_may_not_answer_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Engines(tmp_path / "bin", monkeypatch)
    system = {"kind": "platform", "driver": "compose", "folder": str(tmp_path / "none")}
    items = planned(provision=("stack.provision", {"platform": "engine"}))
    found = run_check("platform.services", scope_of({"engine": system}, items=items))["engine: status"]
    assert found.verdict == Verdict.AMBER
    done = scope_of({"engine": system}, items=items, evidence={"provision": {}})
    assert run_check("platform.services", done)["engine: status"].verdict == Verdict.RED


def test_rights_are_the_platforms_own_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = Engines(tmp_path / "bin", monkeypatch)
    system = {"kind": "platform", "driver": "kubectl", "namespace": "shop"}
    items = planned(stop=("service.stop", {"platform": "engine", "services": ["api"]}))

    def asked() -> CheckResult:
        return run_check("platform.rights", scope_of({"engine": system}, items=items))["engine: rights"]

    assert asked().verdict == Verdict.GREEN
    engines.forbids("deployment/api/scale")
    red = asked()
    assert red.verdict == Verdict.RED
    assert "patch deployment/api --subresource=scale" in red.seen
    assert red.items == ("stop",)
    (tmp_path / "bin" / "kubectl").write_text("#!/bin/sh\necho 'error: no cluster' >&2; exit 1\n")
    assert asked().verdict == Verdict.UNKNOWN


def names(**images_of: Any) -> dict[str, CheckResult]:
    items = planned(**{key: ("deploy.apply", {"images": each}) for key, each in images_of.items()})
    return run_check("images.names", scope_of({}, items=items))


def test_images_are_named_by_one_digest_in_all_items() -> None:
    assert names(one={"api": API}, two={"api": API})["api: image"].verdict == Verdict.GREEN
    tagged = names(one={"api": "registry.example.org/backend:1.0"})["api: image"]
    assert tagged.verdict == Verdict.RED
    assert "tag can be moved" in tagged.seen
    two = names(one={"api": API}, two={"api": OTHER})["api: image"]
    assert two.verdict == Verdict.RED
    assert "different images" in two.seen


def test_a_start_command_that_migrates_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = Engines(tmp_path / "bin", monkeypatch)
    engines.knows({API: {"Entrypoint": None, "Cmd": MIGRATES}, OTHER: {"Entrypoint": None, "Cmd": STARTS}})
    items = planned(check=("image.check", {"platform": "engine", "images": {"api": API}}))

    def asked(**service: Any) -> CheckResult:
        (tmp_path / "compose.yaml").write_text(
            yaml.safe_dump({"services": {"api": {"image": API, **service}}})
        )
        system = {"kind": "platform", "driver": "compose", "file": "compose.yaml", "folder": str(tmp_path)}
        found = run_check("images.start", scope_of({"engine": system}, items=items))
        return found["engine: start of api"]

    red = asked()
    assert red.verdict == Verdict.RED
    assert "api migrates the database when it starts" in red.seen
    assert asked(command=STARTS).verdict == Verdict.GREEN
    absent = asked(image=OTHER, command=STARTS)
    assert absent.verdict == Verdict.RED
    assert "would not run" in absent.seen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    with providers(REGISTRY_FOLDER=str(folder / "platform"), REGISTRY_PASSWORD="right") as found:
        yield found


def test_digests_and_tags_are_looked_up_at_the_registry(world: World, folder: Path) -> None:
    AppliedRepairs(folder / "repairs.json").begin(Profile.REPAIRED)
    for release in RELEASES.values():
        release.keep(folder / "platform")

    def asked(password: str = "right", tag: str = "", before: Any = None) -> dict[str, CheckResult]:
        items = planned(pub=("image.published", {"registry": "images", "images": PUBLISHED, "tag": tag}))
        login = {"username": LOGIN, "password": password}
        system = {"kind": "registry", "url": f"{world.url}/registry", **login}
        scope = scope_of({"images": system}, items={**(before or {}), **items})
        return run_check("images.published", scope)

    absent = asked()["images: new-api"]
    assert absent.verdict == Verdict.RED
    assert f"no image {RELEASES['new-api'].digest}" in absent.seen
    later = planned(client=("prisma.generate", {}))
    assert asked(before=later)["images: new-api"].verdict == Verdict.AMBER, "it may not be built yet"
    People(folder).do("build-images")
    assert {each.verdict for each in asked(tag=images.COMMIT).values()} == {Verdict.GREEN}
    assert "no tag latest" in asked(tag="latest")["images: new-api"].seen
    refused = asked(password="wrong")["images: new-api"]
    assert refused.verdict == Verdict.RED
    assert "refuses this login" in refused.seen
