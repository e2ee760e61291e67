"""The old stack is archived after the agreed time without requests, and not before."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms

from integrations.actions import Context, ProbeStatus, decommission_archive, registry
from integrations.backups import tarball
from integrations.clients import http
from integrations.credentials import Credentials
from integrations.errors import Cancelled, Problem
from integrations.sandbox import services_archive, services_control
from integrations.sandbox.services import Release
from tests.allowed import allow
from tests.integrations.clients import proxies
from tests.integrations.clients.proxies import Stacks
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.platforms import free_port, platform
from tests.waiting import wait_for

Make = Callable[..., Context]
ACTION = registry()["decommission.archive"]
OLD = {"kind": "http", "marker": "server: old-app", "requests": "/requests"}

FIXED = """
import json, pathlib, sys
from integrations.sandbox.serving import Answer, serve
from tests.allowed import allow
said = pathlib.Path(sys.argv[2])
serve(int(sys.argv[1]), lambda asked: Answer(200, json.loads(said.read_text())), name="o")
"""


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A stack whose counter answers what a file says."""
    port, file = free_port(), tmp_path_factory.mktemp("counter") / "answer.json"
    file.write_text("{}")
    child = subprocess.Popen([sys.executable, "-c", FIXED, str(port), str(file)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: proxies.answers(url))
    yield url, file
    child.terminate()
    child.wait(90)


def ago(minutes: float) -> str:
    return (datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)).isoformat()


def folders(tmp_path: Path) -> dict[str, dict[str, str]]:
    source, place = tmp_path / "flask", tmp_path / "archive"
    (source / "logs").mkdir(parents=True)
    (source / "app.py").write_text("app = 1\n")
    (source / "logs" / "access.log").write_bytes(b"x" * 100_000)
    place.mkdir()
    return {
        "source": {"kind": "folder", "path": str(source)},
        "place": {"kind": "folder", "path": str(place)},
    }


def bind(make: Make, url: str, systems: dict[str, dict[str, str]], **more: Any) -> Any:
    raw = {"old": "old", "quiet_minutes": 60, "watch_seconds": 0.3, **more}
    return ACTION.bind(raw, make({"old": {**OLD, "url": url}, **systems}))


def test_a_folder_is_packed_with_its_checksum_after_the_agreed_silence(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make
) -> None:
    url, answer = counter
    answer.write_text(json.dumps({"total": 7, "last_at": ago(61)}))
    params = bind(new_context, url, folders(tmp_path), source="source", place="place")
    before, report = ACTION.before(params), Recorder()
    assert ACTION.probe(params, before).status == ProbeStatus.NOT_DONE
    outcome = ACTION.run(params, report)
    assert outcome.ok, outcome.summary
    assert report.facts["served"]["before"]["total"] == report.facts["served"]["after"]["total"] == 7
    file = Path(report.facts["archived"]["file"])
    with tarfile.open(file) as tar:
        assert sorted(tar.getnames()) == ["flask/app.py", "flask/logs/access.log"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert ACTION.probe(params, before).status == ProbeStatus.DONE
    file.write_bytes(b"other")
    assert ACTION.probe(params, before).status == ProbeStatus.NOT_DONE


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"total": 7, "last_at": ago(10)}, "60 minutes of silence were agreed"),
        ({"total": 0, "last_at": None}, "does not say since when it counts"),
        ({"total": 0, "last_at": None, "since": ago(5)}, "was started lately"),
    ],
)
def test_nothing_is_archived_after_a_recent_request_or_with_an_unclear_counter(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make, said: dict[str, Any], why: str
) -> None:
    url, answer = counter
    answer.write_text(json.dumps(said))
    params, report = (
        bind(new_context, url, folders(tmp_path), source="source", place="place"),
        Recorder(),
    )
    outcome = ACTION.run(params, report)
    assert not outcome.ok
    assert why in outcome.summary
    assert "Nothing was archived" in outcome.summary
    assert report.facts["served"]["before"]["total"] == said["total"]
    assert not list((tmp_path / "archive").iterdir())


@pytest.mark.parametrize(
    ("stopped", "why"),
    [(61, ""), (10, "come back after"), (None, "has not stopped it")],
)
def test_the_silence_of_a_stopped_stack_counts_from_its_stop(
    tmp_path: Path, new_context: Make, stopped: float | None, why: str
) -> None:
    evidence = {} if stopped is None else {"stop": {"looked_at": ago(stopped)}}
    context = new_context(
        {"old": {**OLD, "url": f"http://127.0.0.1:{free_port()}"}, **folders(tmp_path)}, **evidence
    )
    raw = {"old": "old", "quiet_minutes": 60, "watch_seconds": 0.3, "stopped": "stop"}
    params = ACTION.bind({**raw, "source": "source", "place": "place"}, context)
    outcome = ACTION.run(params, Recorder())
    assert outcome.ok == (not why), outcome.summary
    assert why in outcome.summary
    assert bool(list((tmp_path / "archive").iterdir())) == outcome.ok


def test_a_counter_without_a_start_is_watched_for_the_whole_time(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make
) -> None:
    url, answer = counter
    answer.write_text(json.dumps({"total": 0, "last_at": None}))
    systems = folders(tmp_path)
    params = bind(
        new_context, url, systems, source="source", place="place", quiet_minutes=0.01, watch_seconds=1
    )
    assert ACTION.run(params, Recorder()).ok


def test_a_request_in_the_watch_is_red(counter: tuple[str, Path], tmp_path: Path, new_context: Make) -> None:
    url, answer = counter
    for then, why in ((8, "served 1 request"), (0, "was restarted")):
        answer.write_text(json.dumps({"total": 7, "last_at": ago(61)}))

        def comes(report: Recorder, then: int = then) -> bool:
            answer.write_text(json.dumps({"total": then, "last_at": ago(0) if then else None}))
            return False

        systems = folders(tmp_path / why.split()[0])
        params = bind(new_context, url, systems, source="source", place="place", watch_seconds=5)
        outcome = ACTION.run(params, Recorder(cancel_when=comes))
        assert not outcome.ok
        assert why in outcome.summary


@pytest.mark.parametrize("said", [{}, {"total": "many"}, {"total": 3}, {"total": 3, "last_at": "yesterday"}])
def test_a_counter_that_cannot_be_read_stops_it(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make, said: dict[str, Any]
) -> None:
    counter[1].write_text(json.dumps(said))
    with pytest.raises(Problem, match="cannot be read"):
        ACTION.run(
            bind(new_context, counter[0], folders(tmp_path), source="source", place="place"), Recorder()
        )


def test_a_stack_that_does_not_answer_cannot_be_judged(tmp_path: Path, new_context: Make) -> None:
    params = bind(new_context, "http://127.0.0.1:9", folders(tmp_path), source="source", place="place")
    with pytest.raises(Problem, match="does not answer"):
        ACTION.run(params, Recorder())


class Knocking(Recorder):
    """Somebody still comes by the load balancer while it is watched."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def progress(self, done: float, total: float, what: str = "") -> None:
        http.request(self.address, "/", timeout=2)


def test_requests_that_are_passed_to_a_stopped_stack_keep_it_red(tmp_path: Path, new_context: Make) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with proxies.caddy(tmp_path / "door", Stacks(url, f"http://127.0.0.1:{free_port()}")) as (door, counting):
        systems = {"old": {**OLD, "url": url}, "door": counting, **folders(tmp_path)}
        context = new_context(systems, stop={"looked_at": ago(61)})
        raw = {"old": "old", "quiet_minutes": 60, "watch_seconds": 0.5, "stopped": "stop"}
        raw |= {"source": "source", "place": "place", "counted_at": ["door"]}
        outcome = ACTION.run(ACTION.bind(raw, context), Knocking(door))
        assert not outcome.ok
        assert "although it is stopped" in outcome.summary
        assert ACTION.run(ACTION.bind(raw, context), Recorder()).ok


def test_a_stack_that_nothing_counts_is_not_archived(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make
) -> None:
    systems = {"asked": {"kind": "http", "url": counter[0]}, **folders(tmp_path)}
    raw = {"source": "source", "place": "place", "old": "asked"}
    with pytest.raises(Problem, match="Nothing counts the requests to “asked”"):
        ACTION.run(bind(new_context, counter[0], systems, **raw), Recorder())


def test_a_cancel_in_the_watch_archives_nothing(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make
) -> None:
    counter[1].write_text(json.dumps({"total": 7, "last_at": ago(61)}))
    params = bind(
        new_context, counter[0], folders(tmp_path), source="source", place="place", watch_seconds=60
    )
    with pytest.raises(Cancelled):
        ACTION.run(params, Recorder(cancel_when=lambda report: bool(report.steps)))
    assert not list((tmp_path / "archive").iterdir())


def test_a_cancel_while_packing_leaves_no_partial_file(tmp_path: Path) -> None:
    folders(tmp_path)
    target, calls = tmp_path / "archive" / "x.tar.gz", []

    def check() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        tarball.pack_folder(tmp_path / "flask", target, check)
    assert not list((tmp_path / "archive").iterdir())
    with pytest.raises(Problem, match="not there, or empty"):
        tarball.pack_folder(tmp_path / "nothing", target, lambda: None)


def test_a_folder_that_changes_while_it_is_packed_is_not_kept(tmp_path: Path) -> None:
    folders(tmp_path)
    target, calls = tmp_path / "archive" / "x.tar.gz", []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:  # both are in, and are compared now
            (tmp_path / "flask" / "app.py").write_text("app = 2\n")

    with pytest.raises(Problem, match="another in the archive"):
        tarball.pack_folder(tmp_path / "flask", target, check)
    assert not list((tmp_path / "archive").iterdir())


def test_services_are_archived_by_the_platform_and_can_be_brought_back(
    tmp_path: Path, new_context: Make
) -> None:
    folder, port = tmp_path / "services", free_port()
    url = f"http://127.0.0.1:{port}"
    release = Release("old-app", [sys.executable, "-c", proxies.STACK, str(port), "old-app", "200"])
    door = proxies.caddy(tmp_path / "door", Stacks(url, f"http://127.0.0.1:{free_port()}"))
    with platform(folder) as settings, door as (address, counting):
        services_control.know(folder, "old-app", release.keep(folder), running=True)
        services_control.wait(folder)
        wait_for(lambda: proxies.answers(url))
        http.request(address, "/", timeout=2)  # the last visitor
        more, control = services_archive.lay_out(folder), settings["status"].rpartition(" ")[0]
        words = {"config": f"{more} config {{services}}", "logs": f"{control} logs {{services}}"}
        engine = {**settings, **words}
        raw = {"platform": "engine", "services": ["old-app"], "quiet_minutes": 0.02, "watch_seconds": 2}
        systems = {"engine": engine, "door": counting}
        raw |= {"old": "asked", "counted_at": ["door"]}
        systems["asked"] = {"kind": "http", "url": url, "marker": proxies.MARKERS["old"]}
        params, report = bind(new_context, url, systems, **raw), Recorder()
        before = ACTION.before(params)
        assert ACTION.probe(params, before).status == ProbeStatus.NOT_DONE
        outcome = ACTION.run(params, report)
        assert outcome.ok, outcome.summary
        assert report.facts["served"]["after"]["total"] == report.facts["served"]["before"]["total"] > 0
        assert report.facts["served"]["counted_at"] == "“door”"
        assert report.facts["still_there"] == []
        kept = report.facts["kept"]
        assert kept["images"] == {"old-app": f"old-app@{release.digest}"}
        place, opened = Path(kept["folder"]), Credentials()
        texts = {
            one["name"]: opened.decrypt((place / f"{one['name']}.fernet").read_bytes()).decode()
            for one in kept["files"]
        }
        assert json.loads(texts["config"])["releases"]["old-app"]["argv"] == release.argv
        assert set(texts) == {"status.json", "config", "old-app.log"}
        assert place.stat().st_mode & 0o777 == 0o700
        assert not proxies.answers(url)
        assert ACTION.probe(params, before).status == ProbeStatus.DONE
        with pytest.raises(Problem, match="knows no service"):
            ACTION.run(bind(new_context, url, systems, **{**raw, "services": ["x"]}), Recorder())
        start = registry()["service.start"]
        back = start.bind({"platform": "engine", "services": ["old-app"]}, new_context({"engine": engine}))
        assert start.run(back, Recorder()).ok
        wait_for(lambda: proxies.answers(url))


def test_a_log_that_is_gone_is_named_and_a_configuration_that_cannot_be_read_stops_it(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make
) -> None:
    status, stopped = tmp_path / "status.json", tmp_path / "stopped"
    status.write_text(
        '{"services": {"old-app": {"state": "stopped", "replicas": 0, "ready": 0, "image": "x"}}}'
    )
    stop = tmp_path / "stop"
    stop.write_text(f"#!/bin/sh\ntouch {stopped}\n")
    stop.chmod(0o755)
    allow(stop)
    engine = {"kind": "platform", "driver": "command", "stop": str(stop), "status": f"cat {status}"}
    counter[1].write_text(json.dumps({"total": 7, "last_at": ago(61)}))
    raw = {"platform": "engine", "services": ["old-app"]}

    def archive(**more: str) -> tuple[Any, Recorder, Any]:
        systems = {"old": {**OLD, "url": counter[0], "marker": "server: other"}, "engine": {**engine, **more}}
        params = ACTION.bind(
            {"old": "old", "quiet_minutes": 60, "watch_seconds": 0.3, **raw}, new_context(systems)
        )
        report = Recorder()
        return params, report, lambda: ACTION.run(params, report)

    params, report, run = archive(config="false")
    before = ACTION.before(params)
    with pytest.raises(Problem, match="ended with code 1"):
        run()
    assert not stopped.exists()
    assert ACTION.probe(params, before).status == ProbeStatus.PARTIAL, "it was down before, nothing is kept"
    params, report, run = archive(logs="false")
    outcome = run()
    assert outcome.ok, outcome.summary
    assert "without the log of old-app" in outcome.summary
    assert "ended with code 1" in report.facts["kept"]["without_log"]["old-app"]
    assert stopped.exists()
    assert ACTION.probe(params, ACTION.before(params)).status == ProbeStatus.DONE
    assert "service.start starts them again" in ACTION.preview(params).warnings[0]
    file = Path(report.facts["kept"]["folder"]) / "status.json.fernet"
    file.write_bytes(b"other")
    assert ACTION.probe(params, ACTION.before(params)).status == ProbeStatus.PARTIAL


def test_an_archived_stack_that_still_answers_is_red(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decommission_archive, "PATIENCE", 0.5)
    status = tmp_path / "status.json"
    status.write_text('{"services": {"old-app": {"state": "stopped", "replicas": 0, "ready": 0}}}')
    engine = {"kind": "platform", "driver": "command", "archive": "true", "status": f"cat {status}"}
    raw = {
        "old": "old",
        "quiet_minutes": 60,
        "watch_seconds": 0.3,
        "platform": "engine",
        "services": ["old-app"],
    }
    counter[1].write_text(json.dumps({"total": 7, "last_at": ago(61)}))
    for marker, ok in (("server: o", False), ("server: old-app", True)):
        old = {"kind": "http", "url": counter[0], "requests": "/requests", "marker": marker}
        params, report = ACTION.bind(raw, new_context({"old": old, "engine": engine})), Recorder()
        outcome = ACTION.run(params, report)
        assert outcome.ok is ok, outcome.summary
    status.write_text('{"services": {"old-app": {"state": "running", "replicas": 1, "ready": 1}}}')
    outcome = ACTION.run(params, Recorder())
    assert "Archived, but old-app: running" in outcome.summary


def test_the_preview_shows_all_steps_and_sends_no_request(tmp_path: Path, new_context: Make) -> None:
    engine = {"kind": "platform", "driver": "command", "archive": "/bin/ctl archive {services}"}
    allow("/bin/ctl archive")
    systems = {**folders(tmp_path), "engine": engine}
    raw = {"source": "source", "place": "place", "platform": "engine", "services": ["old-app"]}
    preview = ACTION.preview(bind(new_context, "http://127.0.0.1:9", systems, **raw))
    assert "no request to http://127.0.0.1:9 for 60 minutes" in preview.lines[0]
    assert preview.lines[2] == "/bin/ctl archive old-app"


def test_something_to_archive_has_to_be_named(new_context: Make) -> None:
    for raw in ({}, {"services": ["x"]}):
        with pytest.raises(forms.ValidationError):
            bind(new_context, "http://127.0.0.1:9", {}, **raw)
