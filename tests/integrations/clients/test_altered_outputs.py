"""Whatever a program prints or a load balancer answers: the right status, or a `Problem` about it."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integrations import programs
from integrations.clients import load_drivers
from integrations.clients.http import HttpClient
from integrations.clients.platform.helm_releases import last_good_revision, read_releases
from integrations.clients.platform.kubectl import KubectlPlatform
from integrations.clients.platform.platform import Platform
from integrations.clients.proxies.haproxy import Haproxy
from integrations.clients.proxies.nginx import Nginx
from integrations.errors import Problem
from integrations.programs import CompletedProgram
from integrations.systems import System
from tests.integrations.altered_json import Alteration, alter_values, alter_whole

SHARE = 0.15  # of the values that the suite tries
IMAGE = f"registry.invalid/api@sha256:{'a' * 64}"
LABELS = {"pod-template-hash": "1"}
CONTAINER = {"name": "api", "image": IMAGE, "command": ["node", "main.js"]}
DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {"name": "api", "generation": 2},
    "spec": {"replicas": 1, "template": {"spec": {"containers": [CONTAINER]}}},
    "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
               "conditions": [{"type": "Available", "status": "True"}]},
}  # fmt: skip
POD = {
    "kind": "Pod",
    "metadata": {
        "name": "api-1-x",
        "labels": LABELS,
        "ownerReferences": [{"kind": "ReplicaSet", "name": "api-1"}],
    },
    "status": {
        "phase": "Running",
        "containerStatuses": [{"name": "api", "restartCount": 0, "ready": True, "imageID": IMAGE}],
    },
}
PS = {"ID": "abc", "Service": "api", "State": "running", "Health": "healthy", "Image": IMAGE, "Labels": ""}
SERVICE = {"state": "running", "replicas": 1, "ready": 1, "image": IMAGE, "restarts": 0, "message": ""}
CONFIG = {
    "services": {"api": {"image": IMAGE, "command": ["node", "main.js"], "post_start": [{"command": "x"}]}}
}


@dataclass(frozen=True)
class OutputCase:
    """``good``: what the program prints as JSON; ``read`` gives the status, ``matters`` decides about it."""

    name: str
    good: Any
    read: Callable[[], Any]
    matters: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def platform(driver: str, **settings: str) -> Platform:
    load_drivers()
    system = System("p", "platform", {"driver": driver, **settings}, {})
    return system.registered_driver().implementation_of(Platform)(system)


def starts(driver: str, **settings: str) -> Any:
    return list(platform(driver, **settings).container_starts({"api": IMAGE}, ""))


COMMAND = {"status": "true status", "describe": "true describe"}
CASES = [
    OutputCase(
        "kubectl status",
        {"items": [DEPLOYMENT, POD]},
        lambda: platform("kubectl").read_status(),
        ("items.0.spec.replicas", "items.0.status.updatedReplicas", "items.0.status.availableReplicas",
         "items.0.status.observedGeneration", "items.0.spec.template"),
    ),
    OutputCase("kubectl warnings", {"items": []}, lambda: platform("kubectl").read_warnings("api", "")),
    OutputCase("kubectl starts", {"items": [DEPLOYMENT]}, lambda: starts("kubectl")),
    OutputCase("compose status", PS, lambda: platform("compose").read_status(), ("State", "Service")),
    OutputCase("compose starts", CONFIG, lambda: starts("compose")),
    OutputCase(
        "command status",
        {"services": {"api": SERVICE}},
        lambda: platform("command", **COMMAND).read_status(),
        ("services.api.state", "services.api.replicas", "services.api.ready"),
    ),
    OutputCase(
        "command starts",
        {"services": {"api": {"image": IMAGE, "start": ["node"]}}},
        lambda: starts("command", **COMMAND),
    ),
    OutputCase("helm starts", DEPLOYMENT, lambda: starts("helm", release="r", chart="c")),
]  # fmt: skip


def texts_of(good: str) -> dict[str, str]:
    """The output among other things that programs print."""
    return {
        "a warning before": f"WARNING: Kubernetes configuration file is group-readable.\n{good}",
        "a warning behind": f"{good}\nDeprecated: use another flag",
        "coloured": f"\x1b[32m{good}\x1b[0m",
        "in another language": "Fehler: keine Verbindung möglich",
        "replaced characters": good.replace("a", "\ufffd"),
        "no line break": good.strip(),
        "only blanks": " \n\t ",
    }


def judge(case: OutputCase, expected: Any, place: str, *, is_same: bool) -> str:
    """What is wrong with the status that is read, "" for nothing."""
    try:
        found = case.read()
    except Problem as problem:
        return "" if problem.what and (problem.means or problem.next) else "a Problem without a meaning"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"read as {found}" if place in case.matters and not is_same and found == expected else ""


def is_same_type(alteration: Alteration, good: Any) -> bool:
    value = json.loads(alteration.body)
    try:
        for name in alteration.place:
            good, value = good[name], value[name]
    except LookupError:
        return True  # a value that is missing has its default
    return value is None or type(value) is type(good) or str(value) == str(good)


@pytest.mark.property
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_altered_output_is_a_problem_about_it(
    case: OutputCase, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    printed = [json.dumps(case.good)]

    def run(argv: Sequence[str], **more: Any) -> CompletedProgram:
        other = "[]" if list(argv[:3]) == ["docker", "container", "inspect"] else printed[0]
        return CompletedProgram(list(argv), 0, other, "", 0.1)

    monkeypatch.setattr(programs, "run", run)
    monkeypatch.setattr(programs, "find_program", lambda name, **more: f"/usr/bin/{name}")
    monkeypatch.setattr(Platform, "fill_template", lambda self, setting, word, words: ["true", setting])
    expected, chosen, wrong = case.read(), random.Random(case.name), []
    is_long = bool(request.config.getoption("--property-round"))
    for alteration in [*alter_whole(case.good), *alter_values(case.good)]:
        if is_long or not alteration.place or chosen.random() < SHARE:
            printed[0] = alteration.body.decode(errors="replace")
            same = bool(alteration.place) and is_same_type(alteration, case.good)
            if said := judge(case, expected, ".".join(map(str, alteration.place)), is_same=same):
                wrong.append(f"{alteration}: {said}")
    for what, printed[0] in texts_of(json.dumps(case.good)).items():
        if said := judge(case, expected, "", is_same=True):
            wrong.append(f"{what}: {said}")
    assert wrong == []


@pytest.mark.parametrize("text", ["", "x", "{}", "[1]", "[null]", "[[]]", '{"a": 1}', "null", "9" * 5000])
def test_lists_of_releases_in_another_form_are_problems(text: str) -> None:
    for read in (read_releases, last_good_revision):
        try:
            found = read(text)
        except Problem:
            continue
        assert found in ({}, None)  # an empty list: no release is pending
        assert text in ("null", "[]")


STAT = "# pxname,svname,status,weight,stot,lastsess\nweb,old,UP,100,7,3\nweb,new,UP,0,0,-1\n"
ANSWERS = {
    "good": STAT,
    "empty": "",
    "no head": "web,old,UP,100,7,3\n",
    "cut": STAT[:60],
    "without weight": STAT.replace("100,7", ",7"),
    "a weight that is none": STAT.replace("100,7", "much,7"),
    "a weight of thousands of digits": STAT.replace("100,7", f"{'9' * 5000},7"),
    "a weight that no server has": STAT.replace("100,7", "-5,7"),
    "sessions that are none": STAT.replace("100,7", "100,NaN"),
    "a time beyond all times": STAT.replace(",7,3", f",7,{'9' * 30}"),
    "no UTF-8": "\xff\xfe",
    "an error": "Unknown command. Please enter one of the following commands only :\n",
    "too long": "x" * 2_000_000,
    "fewer columns": "# pxname,svname\nweb,old\nweb,new\n",
}


@contextmanager
def haproxy(folder: Path, answer: str) -> Iterator[Haproxy]:
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked = connection.recv(1000)
                    info = "Uptime_sec: 5\n" if b"show info" in asked else answer
                    try:
                        connection.sendall(info.encode("latin-1"))
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        settings = {"driver": "haproxy", "pool": "web", "old": "old", "new": "new", "socket": str(path)}
        yield Haproxy(System("p", "proxy", settings, {}), HttpClient([]))
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("what", ANSWERS)
def test_an_altered_answer_of_haproxy_is_a_problem_about_it(tmp_path: Path, what: str) -> None:
    found: list[Any] = []
    with haproxy(tmp_path, ANSWERS[what]) as proxy:
        for read in (proxy.read, proxy.read_requests):
            try:
                found.append(read())
            except Problem:
                continue
    assert (len(found) == 2) == (what == "good"), found


def test_a_slow_answer_of_haproxy_ends_at_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time; all together they would take for hours."""
    monkeypatch.setattr("integrations.clients.proxies.haproxy.TIMEOUT", 0.3)
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.05):
            try:
                theirs.send(b"x")
            except OSError:
                return

    monkeypatch.setattr("integrations.clients.proxies.haproxy._connect", lambda path: ours)
    thread = threading.Thread(target=drip)
    thread.start()
    settings: Mapping[str, Any] = {"driver": "haproxy", "pool": "web", "old": "o", "new": "n", "socket": "/x"}
    try:
        with pytest.raises(Problem, match="does not answer"):
            Haproxy(System("p", "proxy", settings, {}), HttpClient([])).read()
    finally:
        over.set()
        thread.join()
        theirs.close()


UPSTREAM = "upstream web {\n    server old:80 weight=4;\n    server new:80 weight=1;\n}\n"


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe", b"\0" * 100, UPSTREAM[:30].encode(), UPSTREAM.replace("4", "9" * 5000).encode(),
     UPSTREAM.replace("old:80", "\x1b[31mold:80").encode(), b"upstream web {" * 10_000],
)  # fmt: skip
def test_an_altered_file_of_nginx_is_a_problem_about_it(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "upstream.conf"
    settings = {"driver": "nginx", "pool": "web", "old": "old:80", "new": "new:80", "file": str(file)}
    proxy = Nginx(System("p", "proxy", settings, {}), HttpClient([]))
    file.write_text(UPSTREAM)
    assert proxy.read()[0].old == 80
    file.write_bytes(text)
    with pytest.raises(Problem):
        proxy.read()


def test_every_platform_has_its_output_altered() -> None:
    load_drivers()
    from integrations.drivers import drivers_of

    assert {case.name.split()[0] for case in CASES} == set(drivers_of("platform"))
    assert KubectlPlatform in {each.implementation for each in drivers_of("platform").values()}
