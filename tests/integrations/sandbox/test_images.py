"""Images that cannot be built or started are reported with their cause, and pass once they are repaired."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, Outcome, registry
from integrations.sandbox import images, new_worker, services_archive, services_control
from integrations.sandbox.manual_work import WORK
from integrations.sandbox.repairs import AppliedRepairs, Profile, load_repairs
from integrations.sandbox.services import Release
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.platforms import free_port, platform
from tests.integrations.sandbox.queues import valkey

CHECK, START = registry()["image.check"], registry()["service.start"]
MODULE = [sys.executable, "-m"]
FACTS = json.loads((Path(images.__file__).parent / "customer" / "deploy.json").read_text())


class NewStack:
    """API and worker on a platform of their own, with the defects as they were recorded."""

    def __init__(
        self, folder: Path, settings: dict[str, str], queue: str, make: Callable[..., Context]
    ) -> None:
        self.folder, self.port = folder, free_port()
        self.repairs = AppliedRepairs(folder / "repairs.json")
        self.repairs.begin(Profile.RECORDED)
        at, repairs = folder / "platform", {"REPAIRS_FILE": str(self.repairs.path)}
        env = {"DATABASE_URL": "", "SKIP_TASKS_QUEUE": "true", "PORT": str(self.port), **repairs}
        worker = [*MODULE, "integrations.sandbox.new_worker", str(folder / "worker")]
        self.images = {}
        for release in (
            Release("new-api", [*MODULE, "integrations.sandbox.new_api"], env, images.STARTS["new-api"]),
            Release(
                "new-frontend", [*MODULE, "integrations.sandbox.front_end"], {}, images.STARTS["new-frontend"]
            ),
            Release("new-worker", worker, {"REDIS_URL": queue, **repairs}, images.STARTS["new-worker"]),
        ):
            self.images[release.service] = f"{release.service}@{release.keep(at)}"
            services_control.know(at, release.service, release.digest, running=False)
        services_control.wait(at)
        more, control = services_archive.lay_out(at), settings["status"].rpartition(" ")[0]
        engine = {
            **settings,
            "describe": f"{more} describe {{images}}",
            "logs": f"{control} logs {{services}}",
        }
        api = {"kind": "http", "url": f"http://127.0.0.1:{self.port}"}
        self.context = make({"engine": engine, "api": api})

    def check(self) -> Outcome:
        params = CHECK.bind({"platform": "engine", "images": self.images}, self.context)
        return CHECK.run(params, Recorder())

    def start(self, name: str, **params: Any) -> Outcome:
        raw = {"platform": "engine", "services": [name], "stays_seconds": 4, **params}
        outcome = START.run(START.bind(raw, self.context), Recorder())
        services_control.set_state(self.folder / "platform", [name], "stopped")
        services_control.wait(self.folder / "platform")
        return outcome


@pytest.fixture
def stack(tmp_path: Path, new_context: Callable[..., Context]) -> Iterator[NewStack]:
    with platform(tmp_path / "platform") as settings, valkey(tmp_path / "queue") as queue:
        yield NewStack(tmp_path, settings, queue, new_context)


def test_the_start_commands_are_the_recorded_ones() -> None:
    image, works = FACTS["images"]["backend"], FACTS["start_commands"]["api"]["works"]
    assert images.STARTS["new-api"][2] == image["cmd"].removeprefix("sh -c: ").replace(", then ", " && ")
    assert image["workdir"] == images.ROOT
    command, program = FACTS["images"]["frontend"]["cmd"].split(" by ")
    assert images.STARTS["new-frontend"][2].startswith(f"node {program}/")
    assert images.STARTS["new-frontend"][2].endswith(command.removeprefix("next"))
    assert images.BUILT[0].endswith(works.split(" ")[1])
    queue = json.loads((Path(images.__file__).parent / "customer" / "queues.json").read_text())
    commands = queue["workers"]["start_command"]
    assert commands["Helm"] == " ".join(images.STARTS["new-worker"])
    assert commands["ECS"] == " ".join(images.REPAIRED_WORKER)


def test_an_image_that_cannot_be_built_is_not_found_and_one_that_migrates_is_red(stack: NewStack) -> None:
    assert "not found: the registry has no such image" in stack.check().summary
    assert "new-frontend" in stack.check().summary
    stack.repairs.apply("image-does-not-build")
    defect, summary = load_repairs()["frontend-image"], stack.check().summary
    assert defect.is_reported_by("check-images", summary), summary
    stack.repairs.apply("frontend-image")
    assert not defect.is_reported_by("check-images", stack.check().summary)
    assert "new-api migrates the database when it starts" in stack.check().summary
    WORK["disarm-image"](stack.folder)
    outcome = stack.check()
    assert outcome.ok, outcome.summary


def test_an_api_that_does_not_start_is_red_with_the_last_line_of_its_log(stack: NewStack) -> None:
    assert "Could not find Prisma Schema" in stack.start("new-api", answers="api").summary
    WORK["disarm-image"](stack.folder)
    outcome = stack.start("new-api", answers="api")
    assert not outcome.ok
    assert "ended with exit code 1" in outcome.summary
    assert "Nest could not find Logger element" in outcome.summary
    stack.repairs.apply("api-ends-at-start")
    outcome = stack.start("new-api", answers="api")
    assert outcome.ok, outcome.summary


def test_a_worker_that_ends_without_a_line_is_red_although_it_was_ready_for_a_moment(stack: NewStack) -> None:
    new_worker.lay_out_worker(stack.folder / "worker")
    assert (
        "Cannot find module '/usr/src/app/dist/src/task-worker.main.js'" in stack.start("new-worker").summary
    )
    stack.repairs.apply("worker-start-path")
    outcome = stack.start("new-worker")
    assert not outcome.ok
    assert "The log of new-worker has no line" in outcome.summary
    stack.repairs.apply("worker-ends-at-start")
    outcome = stack.start("new-worker")
    assert outcome.ok, outcome.summary


def test_the_runbook_deploys_every_part_of_the_recorded_chart_by_its_key() -> None:
    found = customer_runbook()
    default = found["systems"]["engine"]["chart_keys"].removeprefix("${PLATFORM_CHART_KEYS:-").rstrip("}")
    keys = dict(pair.split("=") for pair in default.split())
    chart = FACTS["helm"]["value_keys"]
    assert set(keys.values()) == {name for name in chart if any("image.tag" in one for one in chart[name])}
    items = {item["key"]: item for phase in found["phases"] for item in phase["items"]}
    for key in ("check-images", "deploy-services"):
        assert set(items[key]["params"]["images"]) == set(keys)
    assert set(items["stop-new-stack"]["params"]["services"]) == set(keys)
    containers = [line.rpartition("/")[2] for line in found["systems"]["engine"]["deployments"].split()]
    assert containers == list(keys.values())
    assert set(containers) <= set(FACTS["helm"]["names"]["container"])
