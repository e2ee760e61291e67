"""Releases are deployed by digest on a real platform of processes; tags and unknown digests are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, deploy_apply, registry
from integrations.clients import http
from integrations.errors import Cancelled, Problem
from integrations.sandbox import services_control
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.platforms import answering, free_port, platform
from tests.waiting import wait_for

Make = Callable[..., Context]
APPLY, WAIT = registry()["deploy.apply"], registry()["deploy.wait"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], list[str], str]]:
    """A platform, two releases of one service, and the address that it answers at."""
    folder, port = tmp_path_factory.mktemp("platform") / "services", free_port()
    with platform(folder) as settings:
        images = [f"api@{answering('api', version, port).keep(folder)}" for version in ("one", "two")]
        services_control.know(folder, "api", images[0].partition("@")[2], running=True)
        services_control.wait(folder)
        yield settings, images, f"http://127.0.0.1:{port}"


def version(url: str) -> str:
    return str(http.request(url, "/").json()["version"])


def wait_for_version(url: str, wanted: str) -> None:
    from tests.integrations.sandbox.environments import answers

    wait_for(lambda: answers(url) and version(url) == wanted)


def test_a_deployment_is_followed_and_can_be_undone(engine: Any, new_context: Make) -> None:
    settings, (one, two), url = engine
    systems = {"engine": settings}
    params, report = (
        APPLY.bind({"platform": "engine", "images": {"api": two}}, new_context(systems)),
        Recorder(),
    )
    before = APPLY.before(params)
    assert APPLY.probe(params, before).status == ProbeStatus.NOT_DONE
    outcome = APPLY.run(params, report)
    assert outcome.ok, outcome.summary
    wait_for_version(url, "two")
    assert report.facts["release"]["previous"]["api"]["image"] == one
    assert APPLY.probe(params, before).status == ProbeStatus.DONE

    waiting = WAIT.bind(
        {"platform": "engine", "deployed": "deploy"}, new_context(systems, deploy=report.facts)
    )
    assert WAIT.run(waiting, Recorder()).ok
    assert WAIT.probe(waiting, {}).status == ProbeStatus.DONE

    context = new_context(systems)
    context = Context(**{**vars(context), "traces": {"deploy": {**before, **report.facts}}})
    back = APPLY.bind({"platform": "engine", "back_to": "deploy"}, context)
    assert APPLY.run(back, Recorder()).ok
    wait_for_version(url, "one")


def test_a_digest_that_no_release_has_is_refused_by_the_platform(engine: Any, new_context: Make) -> None:
    settings, *_ = engine
    wrong = f"api@sha256:{'0' * 64}"
    params = APPLY.bind({"platform": "engine", "images": {"api": wrong}}, new_context({"engine": settings}))
    with pytest.raises(Problem, match="ended with code 1") as refused:
        APPLY.run(params, Recorder())
    assert "there is no release" in refused.value.means


def test_a_tag_is_refused_before_the_platform_is_asked(engine: Any, new_context: Make) -> None:
    context = new_context({"engine": engine[0]})
    for image in ("api:latest", "api", "", "api@sha256:short"):
        with pytest.raises(Problem, match="not named by its digest"):
            APPLY.run(
                APPLY.bind({"platform": "engine", "images": {"api": image or " "}}, context), Recorder()
            )


def test_an_image_that_was_not_checked_is_not_deployed(engine: Any, new_context: Make) -> None:
    settings, (one, two), _ = engine
    checked = {"images": [{"digest": one.partition("@")[2]}]}
    raw = {"platform": "engine", "images": {"api": two}, "checked": "check"}
    with pytest.raises(Problem, match="has not checked the image of api"):
        APPLY.run(APPLY.bind(raw, new_context({"engine": settings}, check=checked)), Recorder())


@pytest.fixture
def stuck(tmp_path: Path, new_context: Make) -> Callable[[dict[str, Any]], Any]:
    """A platform that takes every order, and on which nothing moves: it stands as it is told to here."""

    def bind_params(standing: dict[str, Any]) -> Any:
        file = tmp_path / "status.json"
        file.write_text(json.dumps({"services": standing}))
        system = {"kind": "platform", "driver": "command", "apply": "true", "status": f"cat {file}"}
        images = {"api": f"api@sha256:{'1' * 64}"}
        return APPLY.bind({"platform": "engine", "images": images}, new_context({"engine": system}))

    return bind_params


def test_a_rollout_that_fails_is_red_with_what_runs_instead(
    stuck: Callable[[dict[str, Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_apply, "PATIENCE", 0.5)
    old = f"api@sha256:{'0' * 64}"
    report = Recorder()
    outcome = APPLY.run(stuck({"api": {"state": "running", "replicas": 1, "ready": 1, "image": old}}), report)
    assert not outcome.ok
    assert f"it runs another image: {old}" in outcome.summary
    assert report.facts["release"]["previous"]["api"]["image"] == old, "what an undo needs is kept"
    unknown = APPLY.run(stuck({}), Recorder())
    assert "api: not known to the platform" in unknown.summary


def test_a_cancel_ends_the_wait_for_a_rollout(stuck: Callable[[dict[str, Any]], Any]) -> None:
    report = Recorder(cancel_when=lambda report: bool(report.steps))
    with pytest.raises(Cancelled):
        APPLY.run(stuck({"api": {"state": "starting", "replicas": 1, "ready": 0}}), report)
    assert "$ /usr/bin/true" in report.text


def test_the_preview_shows_the_command_and_the_running_images(engine: Any, new_context: Make) -> None:
    settings, (one, two), _ = engine
    params = APPLY.bind({"platform": "engine", "images": {"api": two}}, new_context({"engine": settings}))
    preview = APPLY.preview(params)
    assert preview.lines[0].endswith(f"apply {two}")
    assert one in preview.warnings[0]


def test_neither_images_nor_an_item_to_undo_is_a_mistake_in_the_runbook(
    tmp_path: Path, new_context: Make
) -> None:
    with pytest.raises(Exception, match="Name images"):
        APPLY.bind({"platform": "engine"}, new_context({"engine": {"kind": "platform", "driver": "command"}}))
