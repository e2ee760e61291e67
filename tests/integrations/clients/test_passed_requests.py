"""Requests are counted where they pass: by real load balancers, and by their logs and metrics."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from integrations.clients import http
from integrations.clients.proxies import Proxy, Weights, get_proxy
from integrations.clients.proxies.passed_requests import AccessLog
from integrations.clients.proxies.prometheus_text import parse_samples
from integrations.errors import Problem
from integrations.systems import Systems
from tests.integrations.clients import proxies
from tests.integrations.clients.proxies import Stacks
from tests.ports import free_port
from tests.waiting import wait_for

METRICS = """
# HELP nginx_ingress_controller_requests The total number of client requests
# TYPE nginx_ingress_controller_requests counter
nginx_ingress_controller_requests{canary="",namespace="prod",service="flask",status="200"} 40
nginx_ingress_controller_requests{canary="",namespace="prod",service="flask",status="502"} 2
nginx_ingress_controller_requests{canary="",namespace="prod",service="backend",status="200"} 1e+01
nginx_ingress_controller_requests{canary="",namespace="other",service="flask",status="200"} 99
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7e+09
"""
SERVED = """
import sys
from integrations.sandbox.serving import Answer, serve
serve(int(sys.argv[1]), lambda asked: Answer(200, open(sys.argv[2]).read()), name="metrics")
"""


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    with proxies.stack("old-app") as old, proxies.stack("new-api") as new:
        yield Stacks(old, new)


@pytest.fixture(scope="module", params=sorted(proxies.KINDS))
def door(
    request: pytest.FixtureRequest, stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    with proxies.KINDS[request.param](tmp_path_factory.mktemp(request.param), stacks) as found:
        yield found


def proxy_of(settings: dict[str, str]) -> Proxy:
    systems = Systems({"door": settings}, {})
    return get_proxy(systems["door"], systems)


def test_every_request_is_counted_at_the_member_that_got_it(door: tuple[str, dict[str, str]]) -> None:
    address, settings = door
    proxy = proxy_of(settings)
    wait_for(lambda: proxy.read_requests().old.total)  # the request that found it running may come late
    began, before = datetime.now(UTC), proxy.read_requests()
    with requests.Session() as session:  # one connection for all of them
        for _ in range(7):
            assert session.get(address, timeout=60).headers["x-stack"] == "old-app"
    wait_for(lambda: proxy.read_requests().old.total == before.old.total + 7)
    after = proxy.read_requests()
    assert after.new.total == before.new.total
    assert after.old.last_at is not None
    assert after.old.last_at > began - timedelta(seconds=2)
    assert after.old.since is not None
    assert after.old.since <= datetime.now(UTC)
    proxy.set(Weights(0, 100), proxy.read()[1])
    wait_for(lambda: http.request(address, "/").headers["x-stack"] == "new-api")
    wait_for(lambda: proxy.read_requests().new.total > before.new.total)
    proxy.set(Weights(100, 0), proxy.read()[1])


def write(log: Path, *lines: object) -> None:
    with log.open("a") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in lines)


def entry(upstream: str, at: float) -> dict[str, object]:
    return {"ts": at, "upstream": upstream, "status": 200}


def test_a_log_is_read_on_from_where_it_was_left(tmp_path: Path) -> None:
    path, now = tmp_path / "access.log", time.time()
    write(path, entry("a:1", now - 9), entry("b:1", now - 8), entry("", now - 7), entry("a:1, b:1", now - 6))
    log = AccessLog(path)
    found = log.read("a:1", "b:1")
    assert (found.old.total, found.new.total) == (1, 2), "a request that was retried counts where it ended"
    assert found.old.since == found.new.since == datetime.fromtimestamp(now - 9, UTC)
    with path.open("a") as file:
        file.write(json.dumps(entry("a:1", now)))
    assert log.read("a:1", "b:1").old.total == 1, "half a line waits for its end"
    write(path)
    with path.open("a") as file:
        file.write("\n")
    assert log.read("a:1", "b:1").old.last_at == datetime.fromtimestamp(now, UTC)


def test_what_cannot_be_counted_is_said_and_is_no_zero(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with pytest.raises(Problem, match="cannot be read: No such file"):
        AccessLog(path).read("a:1", "b:1")
    path.write_text("127.0.0.1 - - GET / 200\n")
    with pytest.raises(Problem, match="is no JSON object with “ts”"):
        AccessLog(path).read("a:1", "b:1")
    path.write_text('{"ts": 1, "status": 200}\n')
    with pytest.raises(Problem, match=r"no line of .* says where its request was passed"):
        AccessLog(path).read("a:1", "b:1")
    path.write_text(f"{json.dumps(entry('10.0.0.7:80', 1))}\n")
    with pytest.raises(Problem, match=r"names 10\.0\.0\.7:80, and neither a:1 nor b:1"):
        AccessLog(path).read("a:1", "b:1")


def test_a_log_that_was_rotated_meanwhile_is_not_counted_on(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    write(path, entry("a:1", 1), entry("a:1", 2))
    log = AccessLog(path)
    assert log.read("a:1", "b:1").old.total == 2
    path.rename(tmp_path / "access.log.1")
    write(path, entry("a:1", 3))
    with pytest.raises(Problem, match="was rotated while it was read"):
        log.read("a:1", "b:1")


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    file, port = tmp_path / "metrics", free_port()
    file.write_text(METRICS)
    child = subprocess.Popen([sys.executable, "-c", SERVED, str(port), str(file)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: proxies.answers(url))
        yield url, file
    finally:
        child.terminate()
        child.wait(90)


def ingress(metrics: str) -> Proxy:
    settings = {"kind": "proxy", "driver": "kubernetes", "url": "http://127.0.0.1:9", "token": "x"}
    members = {"namespace": "prod", "pool": "web", "old": "flask:80", "new": "backend:3000"}
    return proxy_of({**settings, **members, "metrics": metrics})


def test_the_metrics_of_all_pods_are_added_by_service(metrics: tuple[str, Path]) -> None:
    found = ingress(metrics[0]).read_requests()
    assert (found.old.total, found.new.total) == (42, 10)
    assert found.old.last_at is None
    assert found.old.since == datetime.fromtimestamp(1.7e9, UTC)
    assert ingress(f"{metrics[0]} {metrics[0]}").read_requests().old.total == 84


def test_labels_are_read_with_their_escapes() -> None:
    (sample,) = parse_samples('x_total{a="1, b=\\"2\\"",path="/{x}",} 3 1700000000000')
    assert sample == ("x_total", {"a": '1, b="2"', "path": "/{x}"}, 3.0)


def test_metrics_that_cannot_be_read_are_no_zero(metrics: tuple[str, Path]) -> None:
    with pytest.raises(Problem, match="has no metrics: in the runbook"):
        ingress("").read_requests()
    metrics[1].write_text("<html>")
    with pytest.raises(Problem, match="have an unknown form"):
        ingress(metrics[0]).read_requests()
