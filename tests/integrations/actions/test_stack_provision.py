"""The engine of the setting sets the stack up, and the action succeeds when all three parts answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cutover.embedded import Postgres, Valkey
from integrations.actions import Context, ProbeStatus, registry
from integrations.actions.stack_provision import _wrong_version
from integrations.errors import Cancelled, Problem
from tests.integrations.clients import proxies
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.engines import Engines
from tests.ports import free_port
from tests.waiting import wait_for

Make = Callable[..., Context]
ACTION = registry()["stack.provision"]
IMAGE = f"registry.example.org/backend@sha256:{'a' * 64}"

API = """
import pathlib, sys
from integrations.sandbox.serving import Answer, serve
status = pathlib.Path(sys.argv[2])
serve(int(sys.argv[1]), lambda asked: Answer(int(status.read_text()), {"message": "starting"}), name="api")
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An API that answers with the status in a file."""
    port, file = free_port(), tmp_path_factory.mktemp("api") / "status"
    file.write_text("200")
    child = subprocess.Popen([sys.executable, "-c", API, str(port), str(file)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: proxies.answers(url))
    yield url, file
    child.terminate()
    child.wait(90)


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    return Engines(tmp_path / "bin", monkeypatch)


@pytest.fixture
def bind(
    postgres_server: Postgres, valkey_server: Valkey, api: tuple[str, Path], new_context: Make
) -> Callable[..., Any]:
    """Binds the action over real servers, each of which can be another."""
    raw = {"platform": "engine", "database": "database", "redis": "redis", "api": "api", "wait_seconds": 1}

    def bound(platform: dict[str, str], *, redis: str = "", database: str = "", **more: Any) -> Any:
        systems = {
            "engine": {"kind": "platform", **platform},
            "database": {"kind": "postgres", "url": database or postgres_server.url()},
            "redis": {"kind": "redis", "url": redis or valkey_server.url},
            "api": {"kind": "http", "url": api[0]},
        }
        return ACTION.bind({**raw, **more}, new_context(systems))

    api[1].write_text("200")
    return bound


def compose(folder: Path) -> dict[str, str]:
    services = {name: {"image": name} for name in ("postgres", "redis", "backend")}
    (folder / "compose.yaml").write_text(yaml.safe_dump({"services": services}))
    return {"driver": "compose", "file": "compose.yaml", "folder": str(folder), "release": "staging"}


def helm(folder: Path) -> dict[str, str]:
    (folder / "chart").mkdir(exist_ok=True)
    (folder / "chart" / "Chart.yaml").write_text("name: covenant\n")
    (folder / "chart" / "values.yaml").write_text("backend: {image: {repository: x, tag: latest}}\n")
    image = "{{ .Values.backend.image.repository }}:{{ .Values.backend.image.tag }}"
    pod = f"{{containers: [{{name: b, image: '{image}'}}]}}"
    (folder / "chart" / "templates").mkdir(exist_ok=True)
    (folder / "chart" / "templates" / "b.yaml").write_text(f"kind: Pod\nmetadata: {{name: b}}\nspec: {pod}\n")
    chart = str(folder / "chart")
    return {"driver": "helm", "release": "staging", "chart": chart, "namespace": "staging"}


def test_compose_sets_the_stack_up_and_all_three_parts_answer(
    bind: Any, engines: Engines, tmp_path: Path
) -> None:
    values, report = bind(compose(tmp_path), like="database"), Recorder()
    commands = ACTION.preview(values).lines
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    (done,) = engines.done
    assert commands[0] == f"docker {done}"
    assert (
        done == "compose --file compose.yaml --project-name staging up --detach --no-build --remove-orphans"
    )
    assert report.facts["engine"]["installed"] == {"docker": True, "helm": True, "kubectl": True}
    assert set(report.facts["answers"]) == {"PostgreSQL", "Redis", "API"}


def test_helm_sets_the_stack_up_by_digest_in_its_own_namespace(
    bind: Any, engines: Engines, tmp_path: Path
) -> None:
    values = bind(helm(tmp_path), images={"backend": IMAGE})
    commands = ACTION.preview(values).lines
    assert ACTION.run(values, Recorder()).ok
    (done,) = engines.done
    assert commands[0] == f"helm {done}"
    assert done.startswith("upgrade --install staging ")
    assert f"@sha256:{'a' * 64}" in done
    assert done.endswith("--create-namespace")


def test_a_chart_that_would_run_another_image_is_refused_before_anything_starts(
    bind: Any, engines: Engines, tmp_path: Path
) -> None:
    values = bind(helm(tmp_path), images={"backend": IMAGE})
    (tmp_path / "chart" / "values.yaml").write_text("web: {image: {repository: x, tag: latest}}\n")
    with pytest.raises(Problem, match=r"has no value backend\.image\.repository"):
        ACTION.run(values, Recorder())
    assert engines.done == []


def test_an_api_that_does_not_answer_is_red_with_the_last_line_of_its_log(
    bind: Any, tmp_path: Path, api: tuple[str, Path]
) -> None:
    api[1].write_text("503")
    (tmp_path / "log").write_text("first\nNest could not find Logger element\n")
    engine = {"driver": "command", "apply": "true", "status": "true", "logs": f"cat {tmp_path / 'log'}"}
    outcome = ACTION.run(bind(engine, wait_seconds=1, service="api"), Recorder())
    assert not outcome.ok
    assert "The log of api ends with: Nest could not find Logger element" in outcome.summary


def test_kubectl_applies_its_manifests(bind: Any, engines: Engines, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("{}")
    settings = {"driver": "kubectl", "file": str(tmp_path / "all.yaml"), "namespace": "staging"}
    assert ACTION.run(bind(settings), Recorder()).ok
    assert engines.done == [f"--namespace staging apply --filename {tmp_path / 'all.yaml'}"]


@pytest.mark.parametrize(
    ("there", "platform", "missing", "said"),
    [
        (["kubectl"], compose, "docker is not installed", "there is: kubectl"),
        (["docker"], helm, "helm is not installed", "there is: docker"),
    ],
)
def test_a_missing_engine_is_named_with_the_installed_ones(
    bind: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: list[str],
    platform: Any,
    missing: str,
    said: str,
) -> None:
    Engines(tmp_path / "bin", monkeypatch, *there)
    values = bind(platform(tmp_path))
    assert missing.split()[0] in ACTION.preview(values).warnings[0]
    with pytest.raises(Problem, match=missing) as refused:
        ACTION.run(values, Recorder())
    assert said in refused.value.means


def test_docker_without_compose_is_told_from_docker(bind: Any, engines: Engines, tmp_path: Path) -> None:
    (engines.at / "no.compose").touch()
    with pytest.raises(Problem, match=r"Compose, docker's plugin, is not installed") as refused:
        ACTION.run(bind(compose(tmp_path)), Recorder())
    assert "unknown command" in refused.value.what
    assert engines.done == []


def test_no_installed_engine_is_an_error(bind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Problem, match="docker is not installed") as refused:
        ACTION.run(bind(compose(tmp_path)), Recorder())
    assert "there is: none" in refused.value.means


def test_an_engine_that_fails_is_an_error_with_its_message(
    bind: Any, engines: Engines, tmp_path: Path
) -> None:
    (engines.at / "up.fails").touch()
    with pytest.raises(Problem, match="docker ended with code 1"):
        ACTION.run(bind(compose(tmp_path)), Recorder())


def test_it_waits_for_what_answers_later(
    bind: Any, engines: Engines, tmp_path: Path, api: tuple[str, Path]
) -> None:
    api[1].write_text("503")

    def comes(report: Recorder) -> bool:
        if "503" in report.text:
            api[1].write_text("200")
        return False

    report = Recorder(cancel_when=comes)
    outcome = ACTION.run(bind(compose(tmp_path), wait_seconds=20), report)
    assert outcome.ok, outcome.summary
    assert "✓ the API answers 200" in report.text


def test_a_part_that_does_not_answer_is_red_with_its_reason(
    bind: Any, engines: Engines, tmp_path: Path, api: tuple[str, Path]
) -> None:
    api[1].write_text("503")
    values = bind(compose(tmp_path), redis=f"redis://127.0.0.1:{free_port()}")
    before, report = ACTION.before(values), Recorder()
    outcome = ACTION.run(values, report)
    assert not outcome.ok
    assert "Redis: Redis at 127.0.0.1" in outcome.summary
    assert "API: it answers 503" in outcome.summary
    assert set(report.facts["silent"]) == {"Redis", "API"}
    assert ACTION.probe(values, before).status == ProbeStatus.PARTIAL


def test_the_probe_counts_only_what_did_not_answer_before(
    bind: Any, engines: Engines, tmp_path: Path, api: tuple[str, Path]
) -> None:
    values = bind(compose(tmp_path))
    there = ACTION.before(values)
    assert (
        ACTION.probe(values, there).status == ProbeStatus.PARTIAL
    )  # it answered already, which proves nothing
    api[1].write_text("503")
    before = ACTION.before(values)
    api[1].write_text("200")
    assert ACTION.probe(values, before).status == ProbeStatus.DONE


def test_another_major_version_than_productions_is_red(bind: Any, tmp_path: Path) -> None:
    values = bind(compose(tmp_path), like="database")
    said = _wrong_version(values, {"PostgreSQL": "PostgreSQL 12.3"})
    assert "is 12.3 and that of “database” is 18" in said


def test_no_password_is_shown_and_a_tag_is_refused(bind: Any, tmp_path: Path) -> None:
    url = "postgresql://someone:hidden-word@127.0.0.1:9/x"
    redis = "redis://:hidden-word@127.0.0.1:9/0"
    preview = ACTION.preview(bind(compose(tmp_path), database=url, redis=redis))
    assert "hidden-word" not in " ".join(preview.lines)
    assert preview.where == "engine (compose)"
    with pytest.raises(Problem, match="not named by its digest"):
        ACTION.preview(bind(helm(tmp_path), images={"backend": "backend:latest"}))


def test_a_cancel_while_it_waits_stops_it(
    bind: Any, engines: Engines, tmp_path: Path, api: tuple[str, Path]
) -> None:
    api[1].write_text("503")
    with pytest.raises(Cancelled):
        ACTION.run(bind(compose(tmp_path)), Recorder(cancel_when=lambda report: "503" in report.text))


def test_without_a_path_any_answer_of_the_api_but_a_fault_counts(
    bind: Any, engines: Engines, tmp_path: Path, api: tuple[str, Path]
) -> None:
    values = bind(compose(tmp_path))
    api[1].write_text("404")
    assert ACTION.run(values, Recorder()).ok, "an API need not have anything at /"
    assert not ACTION.run(bind_path(bind, tmp_path, api, "404"), Recorder()).ok
    api[1].write_text("503")
    assert not ACTION.run(values, Recorder()).ok


def bind_path(bind: Any, folder: Path, api: tuple[str, Path], status: str) -> Any:
    """The action with a path that has to succeed, over an API that answers with this status."""
    values = bind(compose(folder), path="/alive")
    api[1].write_text(status)
    return values
