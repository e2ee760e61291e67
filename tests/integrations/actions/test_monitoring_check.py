"""Dashboards and alerts are read as they are: an old host is found wherever it hides."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients import monitoring
from integrations.errors import Problem
from integrations.sandbox import monitoring as sandbox
from tests.integrations.recorder import Recorder

ACTION = registry()["monitoring.check"]
SAMPLES = Path(sandbox.__path__[0])
OLD = ["flask.covenant.invalid", "rq_jobs"]
WATCHED = {
    "readiness": "/health/ready",
    "errors of the API": r"status=~\"5",
    "failed jobs": "bullmq_jobs_failed",
    "waiting jobs": "bullmq_jobs_waiting",
}


class Prometheus(BaseHTTPRequestHandler):
    targets: list[str] = []

    def do_GET(self) -> None:
        active = [{"labels": {"job": "x"}, "scrapeUrl": url} for url in self.targets]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": {"activeTargets": active}}).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def prometheus() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Prometheus) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(
        shutil.copytree(SAMPLES, tmp_path / "monitoring", ignore=shutil.ignore_patterns("__pycache__"))
    )


@pytest.fixture
def run(folder: Path, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def ran(report: Recorder | None = None, systems: dict[str, Any] | None = None, **raw: Any) -> Any:
        context = new_context({"files": {"kind": "folder", "path": str(folder)}, **(systems or {})})
        asked = {
            "folder": "files",
            "old": OLD,
            "new": ["new-api", "automation-tasks"],
            "watched": WATCHED,
            **raw,
        }
        return ACTION.run(ACTION.bind(asked, context), report or Recorder())

    return ran


def test_the_new_files_of_the_sandbox_are_right(run: Any) -> None:
    outcome = run()
    assert outcome.ok, outcome.summary


def test_an_old_host_is_found_in_a_rule_with_its_line(run: Any, folder: Path) -> None:
    file = folder / "alerts.yml"
    file.write_text(
        file.read_text().replace("https://api.covenant.invalid", "https://flask.covenant.invalid")
    )
    report = Recorder()
    outcome = run(report)
    assert not outcome.ok
    assert report.facts["old"] == [{"file": "alerts.yml", "where": "groups[0].rules[0].expr", "line": 6}]
    assert "alerts.yml, line 6" in outcome.summary


def test_an_old_metric_is_found_in_a_panel_by_its_title(run: Any, folder: Path) -> None:
    file = folder / "grafana" / "night.json"
    file.write_text(file.read_text().replace("bullmq_jobs_waiting", "rq_jobs"))
    report = Recorder()
    assert not run(report).ok
    assert "Jobs that wait" in report.facts["old"][0]["where"]


def test_what_nobody_watches_is_named(run: Any, folder: Path) -> None:
    (folder / "alerts.yml").write_text("groups: []\n")
    outcome = run(new=["new-api", "ingress"])
    assert not outcome.ok
    assert "Nothing names ingress" in outcome.summary
    assert "No rule watches readiness, errors of the API, failed jobs" in outcome.summary


@pytest.mark.parametrize(
    ("name", "text", "said"), [("a.yml", "a: [1", "line"), ("b.json", '{"a": }', "line 1")]
)
def test_a_broken_file_is_an_error_with_its_line(
    run: Any, folder: Path, name: str, text: str, said: str
) -> None:
    (folder / name).write_text(text)
    with pytest.raises(Problem, match=said):
        run()


def test_an_empty_folder_proves_nothing(run: Any, folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(Problem, match="nothing is known"):
        run()


def test_more_files_than_are_read_prove_nothing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "MOST", 1)
    with pytest.raises(Problem, match="1 are read at most"):
        run()


def test_an_old_host_in_other_letters_is_the_same_host(run: Any, folder: Path) -> None:
    (folder / "more.yml").write_text("url: https://FLASK.Covenant.invalid\n")
    outcome = run()
    assert "still named in more.yml, line 1" in outcome.summary


def test_a_panel_alone_watches_nothing(run: Any, folder: Path) -> None:
    """A curve that nobody looks at at night is no alert."""
    panel = {"title": "Disk", "targets": [{"expr": "node_disk_full"}]}
    (folder / "grafana" / "disk.json").write_text(json.dumps({"panels": [panel]}))
    outcome = run(watched={"disk": "node_disk_full"})
    assert "No rule watches disk" in outcome.summary


def test_what_prometheus_truly_scrapes_counts_too(run: Any, prometheus: str) -> None:
    systems = {"live": {"kind": "http", "url": prometheus}}
    Prometheus.targets = ["https://flask.covenant.invalid/metrics"]
    outcome = run(systems=systems, prometheus="live")
    assert not outcome.ok
    assert "Prometheus" in outcome.summary
    Prometheus.targets = ["https://api.covenant.invalid/metrics"]
    assert run(systems=systems, prometheus="live").ok


def test_a_pattern_that_is_none_is_a_mistake_of_the_runbook(run: Any) -> None:
    with pytest.raises(Exception, match="is no pattern"):
        run(watched={"x": "("})


def test_it_only_reads(new_context: Callable[..., Context]) -> None:
    assert ACTION.probe(None, {}).seen == Seen.NOT_DONE
