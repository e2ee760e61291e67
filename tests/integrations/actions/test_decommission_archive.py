"""The old stack is archived when nobody used it for the agreed time, and refused while somebody does."""

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

from integrations.actions import decommission_archive, registry
from integrations.actions.base import Context, Seen
from integrations.clients import http, packed
from integrations.errors import Cancelled, Problem
from integrations.sandbox import services_archive, services_control
from integrations.sandbox.services import Release
from tests.integrations.clients import proxies
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.estates import until
from tests.integrations.sandbox.platforms import free_port, platform

Make = Callable[..., Context]
ACTION = registry()["decommission.archive"]
OLD = {"kind": "http", "marker": "server: old-app", "requests": "/requests"}

FIXED = """
import json, pathlib, sys
from integrations.sandbox.serving import Answer, serve
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
    until(lambda: proxies.answers(url))
    yield url, file
    child.terminate()
    child.wait(10)


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


def test_a_folder_is_packed_with_its_sum_after_the_agreed_silence(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make
) -> None:
    url, answer = counter
    answer.write_text(json.dumps({"total": 7, "last_at": ago(61)}))
    values = bind(new_context, url, folders(tmp_path), source="source", place="place")
    before, report = ACTION.before(values), Recorder()
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert report.facts["served"]["before"]["total"] == report.facts["served"]["after"]["total"] == 7
    file = Path(report.facts["archived"]["file"])
    with tarfile.open(file) as tar:
        assert sorted(tar.getnames()) == ["flask/app.py", "flask/logs/access.log"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert ACTION.probe(values, before).seen == Seen.DONE
    file.write_bytes(b"other")
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"total": 7, "last_at": ago(10)}, "60 minutes of silence were agreed"),
        ({"total": 0, "last_at": None}, "does not say since when it counts"),
        ({"total": 0, "last_at": None, "since": ago(5)}, "was started lately"),
    ],
)
def test_what_served_lately_or_cannot_say_is_refused_and_nothing_is_archived(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make, said: dict[str, Any], why: str
) -> None:
    url, answer = counter
    answer.write_text(json.dumps(said))
    values, report = (
        bind(new_context, url, folders(tmp_path), source="source", place="place"),
        Recorder(),
    )
    outcome = ACTION.run(values, report)
    assert not outcome.ok
    assert why in outcome.summary
    assert "Nothing was archived" in outcome.summary
    assert report.facts["served"]["before"]["total"] == said["total"]
    assert not list((tmp_path / "archive").iterdir())


@pytest.mark.parametrize(
    ("stopped", "why"),
    [(61, ""), (10, "come back after"), (None, "has not stopped it")],
)
def test_a_stack_that_was_stopped_before_counts_from_then(
    tmp_path: Path, new_context: Make, stopped: float | None, why: str
) -> None:
    evidence = {} if stopped is None else {"stop": {"looked_at": ago(stopped)}}
    context = new_context(
        {"old": {**OLD, "url": f"http://127.0.0.1:{free_port()}"}, **folders(tmp_path)}, **evidence
    )
    raw = {"old": "old", "quiet_minutes": 60, "watch_seconds": 0.3, "stopped": "stop"}
    values = ACTION.bind({**raw, "source": "source", "place": "place"}, context)
    outcome = ACTION.run(values, Recorder())
    assert outcome.ok == (not why), outcome.summary
    assert why in outcome.summary
    assert bool(list((tmp_path / "archive").iterdir())) == outcome.ok


def test_a_counter_without_a_past_is_watched_for_the_whole_time(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make
) -> None:
    url, answer = counter
    answer.write_text(json.dumps({"total": 0, "last_at": None}))
    systems = folders(tmp_path)
    values = bind(
        new_context, url, systems, source="source", place="place", quiet_minutes=0.01, watch_seconds=1
    )
    assert ACTION.run(values, Recorder()).ok


def test_a_request_while_it_is_watched_is_red(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make
) -> None:
    url, answer = counter
    for then, why in ((8, "served 1 request"), (0, "started anew")):
        answer.write_text(json.dumps({"total": 7, "last_at": ago(61)}))

        def comes(report: Recorder, then: int = then) -> bool:
            answer.write_text(json.dumps({"total": then, "last_at": ago(0) if then else None}))
            return False

        systems = folders(tmp_path / why.split()[0])
        values = bind(new_context, url, systems, source="source", place="place", watch_seconds=5)
        outcome = ACTION.run(values, Recorder(cancel_when=comes))
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


def test_a_stack_that_is_silent_already_cannot_be_judged(tmp_path: Path, new_context: Make) -> None:
    values = bind(new_context, "http://127.0.0.1:9", folders(tmp_path), source="source", place="place")
    with pytest.raises(Problem, match="does not answer"):
        ACTION.run(values, Recorder())


def test_a_cancel_while_it_watches_archives_nothing(
    counter: tuple[str, Path], tmp_path: Path, new_context: Make
) -> None:
    counter[1].write_text(json.dumps({"total": 7, "last_at": ago(61)}))
    values = bind(
        new_context, counter[0], folders(tmp_path), source="source", place="place", watch_seconds=60
    )
    with pytest.raises(Cancelled):
        ACTION.run(values, Recorder(cancel_when=lambda report: bool(report.steps)))
    assert not list((tmp_path / "archive").iterdir())


def test_a_cancel_while_it_packs_leaves_no_half_file(tmp_path: Path) -> None:
    folders(tmp_path)
    target, calls = tmp_path / "archive" / "x.tar.gz", []

    def check() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        packed.pack(tmp_path / "flask", target, check)
    assert not list((tmp_path / "archive").iterdir())
    with pytest.raises(Problem, match="not there, or empty"):
        packed.pack(tmp_path / "nothing", target, lambda: None)


def test_a_folder_that_changes_while_it_is_packed_is_not_kept(tmp_path: Path) -> None:
    folders(tmp_path)
    target, calls = tmp_path / "archive" / "x.tar.gz", []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:  # both are in, and are compared now
            (tmp_path / "flask" / "app.py").write_text("app = 2\n")

    with pytest.raises(Problem, match="another in the archive"):
        packed.pack(tmp_path / "flask", target, check)
    assert not list((tmp_path / "archive").iterdir())


def test_services_are_archived_by_the_platform_seen_to_be_gone_and_can_be_brought_back(
    tmp_path: Path, new_context: Make
) -> None:
    folder, port = tmp_path / "services", free_port()
    url, kept = f"http://127.0.0.1:{port}", folder / "archive"
    release = Release("old-app", [sys.executable, "-c", proxies.STACK, str(port), "old-app", "200"])
    with platform(folder) as settings:
        services_control.know(folder, "old-app", release.keep(folder), running=True)
        services_control.wait(folder)
        until(lambda: proxies.answers(url))
        http.ask(url, "/", timeout=2)  # the last visitor
        engine = {**settings, "archive": f"{services_archive.lay_out(folder)} archive {{services}}"}
        raw = {"platform": "engine", "services": ["old-app"], "quiet_minutes": 0.02, "watch_seconds": 2}
        values, report = bind(new_context, url, {"engine": engine}, **raw), Recorder()
        before = ACTION.before(values)
        assert ACTION.probe(values, before).seen == Seen.NOT_DONE
        outcome = ACTION.run(values, report)
        assert outcome.ok, outcome.summary
        assert report.facts["served"]["after"]["total"] == 1
        assert report.facts["still_there"] == []
        (place,) = kept.iterdir()
        assert (place / "release.json").read_text() == release.text
        assert (place / "log").is_file()
        assert not proxies.answers(url)
        assert ACTION.probe(values, before).seen == Seen.DONE
        with pytest.raises(Problem, match="knows no service"):
            ACTION.run(bind(new_context, url, {"engine": engine}, **{**raw, "services": ["x"]}), Recorder())
        start = registry()["service.start"]
        back = start.bind({"platform": "engine", "services": ["old-app"]}, new_context({"engine": engine}))
        assert start.run(back, Recorder()).ok
        until(lambda: proxies.answers(url))


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
        values, report = ACTION.bind(raw, new_context({"old": old, "engine": engine})), Recorder()
        outcome = ACTION.run(values, report)
        assert outcome.ok is ok, outcome.summary
    status.write_text('{"services": {"old-app": {"state": "running", "replicas": 1, "ready": 1}}}')
    outcome = ACTION.run(values, Recorder())
    assert "Archived, but old-app: running" in outcome.summary


def test_the_preview_says_all_of_it_and_asks_nobody(tmp_path: Path, new_context: Make) -> None:
    engine = {"kind": "platform", "driver": "command", "archive": "ctl archive {services}"}
    systems = {**folders(tmp_path), "engine": engine}
    raw = {"source": "source", "place": "place", "platform": "engine", "services": ["old-app"]}
    preview = ACTION.preview(bind(new_context, "http://127.0.0.1:9", systems, **raw))
    assert "GET http://127.0.0.1:9/requests: no request for 60 minutes" in preview.lines[0]
    assert preview.lines[2] == "ctl archive old-app"


def test_something_to_archive_has_to_be_named(new_context: Make) -> None:
    for raw in ({}, {"services": ["x"]}):
        with pytest.raises(forms.ValidationError):
            bind(new_context, "http://127.0.0.1:9", {}, **raw)
