"""An ingress is led to the new service and back, whole, and never over the change of somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients import http
from integrations.clients.http import Caller
from integrations.clients.proxies import Weights, proxy_of
from integrations.clients.proxies.ingress import ingress_of
from integrations.errors import Cancelled, Problem
from integrations.sandbox.kubernetes_api import API
from integrations.systems import Systems
from tests.integrations.clients import proxies
from tests.integrations.clients.proxies import Stacks
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox import kubernetes
from tests.integrations.sandbox.kubernetes import Running

ACTION, SHIFT = registry()["ingress.switch"], registry()["lb.shift"]


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    with proxies.stack("old-app") as old, proxies.stack("new-api") as new:
        yield Stacks(old, new)


@pytest.fixture(scope="module")
def running(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    services = {"flask:80": stacks.old, "backend:80": stacks.new, "backend:3000": stacks.new}
    people = kubernetes.ingress("covenant", "flask")
    people["spec"]["tls"] = [{"hosts": ["x.example.org"], "secretName": "tls"}]
    canary = kubernetes.ingress("covenant-canary", "backend", 0)
    with kubernetes.running(tmp_path_factory.mktemp("k8s"), services, people, canary) as cluster:
        yield cluster


def patch(cluster: Running, change: dict[str, Any], name: str = "covenant") -> http.Reply:
    headers = {
        "Authorization": f"Bearer {kubernetes.TOKEN}",
        "Content-Type": "application/merge-patch+json",
    }
    path = f"{API}/prod/ingresses/{name}"
    return Caller(["127.0.0.1"]).ask(cluster.api, path, method="PATCH", send=change, headers=headers)


@pytest.fixture
def cluster(running: Running) -> Iterator[Running]:
    yield running
    assert patch(running, {"spec": {**kubernetes.ingress("", "flask")["spec"], "defaultBackend": None}}).ok
    assert patch(running, kubernetes.ingress("covenant-canary", "backend", 0), "covenant-canary").ok


def systems(cluster: Running, stacks: Stacks, **changed: str) -> dict[str, dict[str, str]]:
    settings = {"url": cluster.api, "token": kubernetes.TOKEN, "namespace": "prod", "pool": "covenant"}
    return {
        "door": {
            "kind": "proxy",
            "driver": "kubernetes",
            "old": "flask",
            "new": "backend",
            **settings,
            **changed,
        },
        "public": {"kind": "http", "url": cluster.door},
        "old": {"kind": "http", "url": stacks.old, "marker": "server: old-app", "requests": "/requests"},
        "new": {"kind": "http", "url": stacks.new, "marker": "server: new-api", "requests": "/requests"},
    }


@pytest.fixture
def bind(cluster: Running, stacks: Stacks, new_context: Callable[..., Context]) -> Callable[..., Any]:
    raw = {"proxy": "door", "public": "public", "old": "old", "new": "new", "path": "/", "seconds": 0.4}

    def bound(
        traces: dict[str, Any] | None = None, *, door: dict[str, str] | None = None, **more: Any
    ) -> Any:
        context = new_context(systems(cluster, stacks, **(door or {})))
        return ACTION.bind({**raw, **more}, Context(**{**vars(context), "traces": traces or {}}))

    return bound


def who(cluster: Running) -> str:
    return http.ask(cluster.door, "/").headers["server"].strip()


def test_everybody_moves_and_comes_back(bind: Any, cluster: Running) -> None:
    values, report = bind(), Recorder()
    before = ACTION.before(values)
    assert who(cluster) == "old-app"
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert {who(cluster) for _ in range(5)} == {"new-api"}
    was = report.facts["switch"]["before"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert was == {"name": "flask", "port": {"number": 80}}
    assert report.facts["switch"]["seen"]["old_percent_of_people"] == 0
    assert ACTION.probe(values, before).seen == Seen.DONE
    assert ACTION.run(bind(), Recorder()).ok  # again: it leads there already

    back = bind({"switch": {**before, **report.facts}}, back_to="switch")
    assert ACTION.run(back, Recorder()).ok
    assert {who(cluster) for _ in range(5)} == {"old-app"}
    now, _ = ingress_of(back.proxy, back.context.systems).routes()
    assert now == before["before"]


def test_a_port_of_the_new_service_is_set_and_taken_back(bind: Any, cluster: Running) -> None:
    door, report = {"new": "backend:3000"}, Recorder()
    values = bind(door=door)
    before = ACTION.before(values)
    assert ACTION.run(values, report).ok
    service = report.facts["switch"]["after"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert service == {"name": "backend", "port": {"number": 3000}}
    assert ACTION.run(bind({"switch": before}, door=door, back_to="switch"), Recorder()).ok
    assert who(cluster) == "old-app"


def test_only_routes_are_written(bind: Any, cluster: Running) -> None:
    assert patch(
        cluster, {"spec": {"defaultBackend": {"service": {"name": "flask", "port": {"number": 80}}}}}
    ).ok
    report = Recorder()
    values = bind()
    assert ACTION.run(values, report).ok
    found = ingress_of(values.proxy, values.context.systems).asked("GET").json()
    assert found["spec"]["defaultBackend"]["service"]["name"] == "backend"
    assert found["spec"]["tls"]
    assert found["spec"]["ingressClassName"] == "nginx"


def test_a_change_by_somebody_else_is_not_overwritten(bind: Any, cluster: Running) -> None:
    values = bind()
    ingress = ingress_of(values.proxy, values.context.systems)
    spec, version = ingress.routes()
    assert patch(cluster, {"metadata": {"annotations": {"by": version}}}).ok
    with pytest.raises(Problem, match="changed by somebody else"):
        ingress.put(ingress.switched(spec), version)
    assert who(cluster) == "old-app"


def test_an_undo_does_not_write_over_what_came_later(bind: Any, cluster: Running) -> None:
    values, report = bind(), Recorder()
    before = ACTION.before(values)
    assert ACTION.run(values, report).ok
    rules = kubernetes.ingress("", "third")["spec"]["rules"]
    assert patch(cluster, {"spec": {"rules": rules}}).ok
    assert ACTION.probe(values, before).seen == Seen.PARTIAL
    with pytest.raises(Problem, match="neither as “switch” left it"):
        ACTION.run(bind({"switch": {**before, **report.facts}}, back_to="switch"), Recorder())
    with pytest.raises(Problem, match="has not switched anything"):
        ACTION.run(bind(back_to="switch"), Recorder())


def test_a_service_that_is_not_there_fails_in_the_answers_and_names_the_undo(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(door={"new": "nobody"}), report)
    assert not outcome.ok
    assert "with its undo" in outcome.summary
    assert report.facts["switch"]["before"]


@pytest.mark.parametrize(
    ("door", "why"),
    [
        ({"token": "wrong"}, "answered 401: Unauthorized"),
        ({"pool": "nothing"}, "not found"),
        ({"namespace": "other"}, "answered 403"),
        ({"old": "django"}, "does not share between django"),
        ({"old": "flask:8080"}, "does not share between"),
        ({"pool": "covenant-canary"}, "is a canary"),
        ({"driver": "caddy"}, "no Kubernetes ingress"),
    ],
)
def test_what_cannot_be_switched_is_said_and_nothing_is_changed(
    bind: Any, cluster: Running, door: dict[str, str], why: str
) -> None:
    with pytest.raises(Problem, match=why) as refused:
        ACTION.run(bind(door=door), Recorder())
    assert "wrong" not in str(refused.value)
    assert who(cluster) == "old-app"


def test_a_cancel_while_it_looks_leaves_the_routes_as_written(bind: Any, cluster: Running) -> None:
    values, report = bind(), Recorder(cancel_when=lambda r: bool(r.steps))
    before = ACTION.before(values)
    with pytest.raises(Cancelled):
        ACTION.run(values, report)
    assert report.facts["switch"]["before"] == before["before"]
    assert ACTION.probe(values, before).seen == Seen.DONE


def test_the_preview_shows_the_request_and_changes_nothing(bind: Any, cluster: Running) -> None:
    preview = ACTION.preview(bind())
    assert preview.lines[0] == "Now: flask:80. Then: backend:80."
    assert preview.lines[1].startswith("PATCH /apis/networking.k8s.io/v1/namespaces/prod/ingresses/covenant")
    assert kubernetes.TOKEN not in " ".join(preview.lines)
    assert who(cluster) == "old-app"


def test_a_pilot_slice_by_the_canarys_weight(
    cluster: Running, stacks: Stacks, new_context: Callable[..., Context]
) -> None:
    known = systems(cluster, stacks, pool="covenant-canary")
    raw = {
        "proxy": "door",
        "public": "public",
        "old": "old",
        "new": "new",
        "path": "/",
        "to": 25,
        "seconds": 0.4,
    }
    report = Recorder()
    outcome = SHIFT.run(SHIFT.bind(raw, new_context(known)), report)
    assert outcome.ok, outcome.summary
    assert report.facts["shift"]["seen"]["old"] > report.facts["shift"]["seen"]["new"] > 0
    proxy = proxy_of(Systems(known, {})["door"], Systems(known, {}))
    _, mark = proxy.read()
    proxy.set(Weights(50, 50), mark)
    with pytest.raises(Problem, match="changed by somebody else"):
        proxy.set(Weights(0, 100), mark)
    assert proxy.read()[0] == Weights(50, 50)


def test_a_main_ingress_is_no_canary(
    cluster: Running, stacks: Stacks, new_context: Callable[..., Context], tmp_path: Path
) -> None:
    known = Systems(systems(cluster, stacks), {})
    with pytest.raises(Problem, match="does not share between"):
        proxy_of(known["door"], known).read()
