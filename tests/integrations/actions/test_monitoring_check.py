"""Old hosts are found anywhere in dashboards and alerts, and unwatched parts of the new stack are named."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.environment import monitoring
from integrations.environment.monitored_hosts import HostWord
from integrations.errors import Problem
from integrations.sandbox import monitoring as sandbox
from tests.integrations.canned import canned
from tests.integrations.recorder import Recorder

ACTION = registry()["monitoring.check"]
SAMPLES = Path(sandbox.__path__[0]) / "after"
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


def test_the_new_files_of_the_sandbox_pass(run: Any) -> None:
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


def test_the_old_files_of_the_sandbox_are_red_also_with_an_escaped_host(run: Any, folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(SAMPLES.parent / "before", folder)
    outcome = run()
    assert "alerts.yml, line 6" in outcome.summary, "the dots of the host are escaped there"
    assert "Nothing names new-api, automation-tasks" in outcome.summary


class Exporter(Prometheus):
    status, text = 200, ""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.text.encode())


def test_a_metric_that_nobody_exports_is_red(run: Any) -> None:
    metrics = ["http_requests_total", "bullmq_jobs_failed"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Exporter) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        systems = {"api": {"kind": "http", "url": f"http://127.0.0.1:{server.server_port}"}}
        report = Recorder()
        for status, text in ((404, ""), (200, '# HELP x\nhttp_requests_total{status="200"} 1\n')):
            Exporter.status, Exporter.text = status, text
            outcome = run(report, systems, exporter="api", metrics=metrics)
            assert not outcome.ok
            assert "never fires" in outcome.summary
            assert "bullmq_jobs_failed" in report.facts["not_exported"]
        assert report.facts["not_exported"] == ["bullmq_jobs_failed"]
        Exporter.text += "bullmq_jobs_failed 0\n"
        assert run(report, systems, exporter="api", metrics=metrics).ok
        server.shutdown()
        thread.join()


TEMPLATE = "{{ if .Values.x }}\na: {{ .Values.y }}\nurl: https://flask.covenant.invalid\n{{ end }}\n"
LAUGHS = "\n".join(
    [
        "a0: &a0 [x, x, x, x, x, x, x, x, x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 8)),
    ]
)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.yml", TEMPLATE.encode(), "a.yml: it is a template"),
        ("a.yml", b"a: [1", "a.yml: it is no YAML, line 1"),
        ("b.json", b'{"a": }', "b.json: it is no JSON, line 1"),
        ("a.yml", b"a: &a\n  b: *a\n", "an alias in it contains itself"),
        ("a.yml", b"[" * 3000, "nested too deeply"),
        ("b.json", b"[" * 30_000, "nested too deeply"),
        ("a.yml", LAUGHS.encode(), "with its aliases filled in"),
        ("a.yml", b"a: \xff", "it is no text"),
        ("c.conf", b"\xff\xfe", "it is no text"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_checked(
    run: Any, folder: Path, name: str, data: bytes, said: str
) -> None:
    (folder / name).write_bytes(data)
    (folder / "z.yml").write_text("url: https://flask.covenant.invalid\n")
    report = Recorder()
    outcome = run(report)
    assert said in outcome.summary
    assert "z.yml, line 1" in outcome.summary
    assert list(report.facts["not_read"]) == [name]
    found = {place["file"] for place in report.facts["old"]}
    assert found == ({name, "z.yml"} if b"flask" in data else {"z.yml"}), "a template is searched as text"


NAMED = [
    r'up{instance=~"flask\\.covenant\\.invalid:.*"}',
    r'up{instance=~"flask[.]covenant[.]invalid:9100"}',
    r'up{instance=~"(flask|new-api)\\.covenant\\.invalid.*"}',
    r'up{instance=~"fl.sk.covenant.invalid"}',
    r"https:\/\/flask.covenant.invalid\/health",
    "https://FLASK.Covenant.invalid:8443/",
    "from%3Dhttps%3A%2F%2Fflask%2Ecovenant%2Einvalid",
    r"\bflask\.covenant\.invalid\b",
]
NOT_NAMED = [
    "https://new-flask.covenant.invalid",
    "https://flask.covenant.invalid.example.org",
    'up{instance=~".+"}',
    'up{instance=~"new-api.*"}',
    'up{instance=~"("}',
    "myflask.covenant.invalid",
]


def test_the_old_host_is_found_in_every_notation_and_its_neighbours_are_not() -> None:
    word = HostWord("flask.covenant.invalid")
    assert [text for text in NAMED if not word.is_named_in(text)] == []
    assert [text for text in NOT_NAMED if word.is_named_in(text)] == []
    assert HostWord("https://flask.covenant.invalid:5000").is_named_in("flask.covenant.invalid:9100")
    assert HostWord("bücher.example").is_named_in("https://xn--bcher-kva.example/")
    assert HostWord("xn--bcher-kva.example").is_named_in("https://BÜCHER.example/")
    assert HostWord("rq_jobs").is_named_in("sum(rq_jobs_total)"), "what is no host is a text"
    assert HostWord("10.0.0.5").is_named_in("http://10.0.0.5:9090/")
    assert not HostWord("10.0.0.5").is_named_in("110.0.0.5")


def test_other_types_of_files_are_searched_and_documentation_is_said(run: Any, folder: Path) -> None:
    (folder / "README.md").write_text("flask.covenant.invalid was the old one")
    outcome = run()
    assert outcome.ok
    assert "Not opened, as documentation: README.md." in outcome.summary
    (folder / "blackbox.conf").write_text("# x\ntarget flask.covenant.invalid\n")
    (folder / ".git").mkdir()
    (folder / ".git" / "old.yml").write_text("flask.covenant.invalid")
    assert "still named in blackbox.conf, line 2:" in run().summary


def test_a_rule_inside_of_a_config_map_counts_and_is_placed(run: Any, folder: Path) -> None:
    rule = "groups:\n- rules:\n  - alert: Disk\n    expr: node_disk_full{host='flask.covenant.invalid'}\n"
    nested = "".join(f"    {line}\n" for line in rule.splitlines())
    (folder / "map.yaml").write_text(f"kind: ConfigMap\n---\nkind: ConfigMap\ndata:\n  disk.yml: |\n{nested}")
    outcome = run(watched={"disk": "node_disk_full"})
    assert "map.yaml, line 9 (document 2: data.disk.yml: groups[0].rules[0].expr)" in outcome.summary
    assert "No rule watches" not in outcome.summary


def test_a_recording_rule_alone_watches_nothing(run: Any, folder: Path) -> None:
    record = "  - {record: 'disk:full', expr: node_disk_full > 0}\n"
    (folder / "record.rules").write_text(f"groups:\n- rules:\n{record}")
    assert "No rule watches disk" in run(watched={"disk": "node_disk_full"}).summary
    alert = "  - {alert: Disk, expr: 'disk:full == 1'}\n"
    (folder / "alert.rules").write_text(f"groups:\n- rules:\n{alert}")
    assert run(watched={"disk": "node_disk_full"}).ok


def test_the_present_address_of_the_old_host_is_said(run: Any, folder: Path) -> None:
    (folder / "more.yml").write_text("target: 127.0.0.1:9100\n")
    name = "0x7f.1"  # the C library knows its address without asking anybody
    outcome = run(old=[name])
    assert f"127.0.0.1, which {name} resolves to now, is named in more.yml" in outcome.summary
    assert outcome.ok
    assert run(old=[name], new=["new-api", "127.0.0.1"]).summary.endswith("is watched."), "both share it"


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"data": {"activeTargets": [1]}}', b"[" * 9000])
def test_an_answer_of_prometheus_in_another_form_is_a_message(run: Any, body: bytes) -> None:
    with canned(lambda method, path: (200, "application/json", body)) as url:
        systems = {"live": {"kind": "http", "url": url}}
        with pytest.raises(Problem, match="not with its targets"):
            run(systems=systems, prometheus="live")


def test_an_old_metric_is_found_in_a_panel_by_its_title(run: Any, folder: Path) -> None:
    file = folder / "grafana" / "night.json"
    file.write_text(file.read_text().replace("bullmq_jobs_waiting", "rq_jobs"))
    report = Recorder()
    assert not run(report).ok
    assert "Jobs that wait" in report.facts["old"][0]["where"]


def test_what_no_rule_watches_is_named(run: Any, folder: Path) -> None:
    (folder / "alerts.yml").write_text("groups: []\n")
    outcome = run(new=["new-api", "ingress"])
    assert not outcome.ok
    assert "Nothing names ingress" in outcome.summary
    assert "No rule watches readiness, errors of the API, failed jobs" in outcome.summary


def test_an_empty_folder_is_an_error(run: Any, folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(Problem, match="nothing is known"):
        run()


def test_too_many_files_are_an_error(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "MOST_FILES", 1)
    with pytest.raises(Problem, match="1 are read at most"):
        run()


def test_an_old_host_is_found_in_upper_case(run: Any, folder: Path) -> None:
    (folder / "more.yml").write_text("url: https://FLASK.Covenant.invalid\n")
    outcome = run()
    assert "still named in more.yml, line 1" in outcome.summary


def test_a_panel_without_a_rule_does_not_count_as_watched(run: Any, folder: Path) -> None:
    """A panel of a dashboard alerts nobody at night."""
    panel = {"title": "Disk", "targets": [{"expr": "node_disk_full"}]}
    (folder / "grafana" / "disk.json").write_text(json.dumps({"panels": [panel]}))
    outcome = run(watched={"disk": "node_disk_full"})
    assert "No rule watches disk" in outcome.summary


def test_the_scrape_targets_of_a_running_prometheus_are_checked_too(run: Any, prometheus: str) -> None:
    systems = {"live": {"kind": "http", "url": prometheus}}
    Prometheus.targets = ["https://flask.covenant.invalid/metrics"]
    outcome = run(systems=systems, prometheus="live")
    assert not outcome.ok
    assert "Prometheus" in outcome.summary
    Prometheus.targets = ["https://api.covenant.invalid/metrics"]
    assert run(systems=systems, prometheus="live").ok


def test_an_invalid_pattern_is_an_error_of_the_runbook(run: Any) -> None:
    with pytest.raises(Exception, match="is no regular expression"):
        run(watched={"x": "("})


def test_a_probe_finds_no_effect(new_context: Callable[..., Context]) -> None:
    assert ACTION.probe(None, {}).status == ProbeStatus.NOT_DONE
