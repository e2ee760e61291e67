"""An ingress is pointed at the new service and back, and never overwrites somebody else's change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients import http
from integrations.clients.http import HttpClient
from integrations.clients.proxies import Weights, get_proxy
from integrations.clients.proxies.ingress import get_ingress
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


def patch(cluster: Running, change: dict[str, Any], name: str = "covenant") -> http.Response:
    headers = {
        "Authorization": f"Bearer {kubernetes.TOKEN}",
        "Content-Type": "application/merge-patch+json",
    }
    path = f"{API}/prod/ingresses/{name}"
    return HttpClient(["127.0.0.1"]).request(cluster.api, path, method="PATCH", send=change, headers=headers)


@pytest.fixture
def cluster(running: Running) -> Iterator[Running]:
    yield running
    assert patch(running, {"spec": {**kubernetes.ingress("", "flask")["spec"], "defaultBackend": None}}).ok
    assert patch(running, kubernetes.ingress("covenant-canary", "backend", 0), "covenant-canary").ok


def systems(cluster: Running, stacks: Stacks, **changed: str) -> dict[str, dict[str, str]]:
    settings = {"url": cluster.api, "token": kubernetes.TOKEN, "namespace": "prod", "pool": "covenant"}
    settings["metrics"] = cluster.metrics
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
        "old": {"kind": "http", "url": stacks.old, "marker": proxies.MARKERS["old"]},
        "new": {"kind": "http", "url": stacks.new, "marker": proxies.MARKERS["new"]},
    }


@pytest.fixture
def bind(cluster: Running, stacks: Stacks, new_context: Callable[..., Context]) -> Callable[..., Any]:
    raw = {"proxy": "door", "public": "public", "old": "old", "new": "new", "path": "/", "seconds": 0.4}

    def bind_params(
        traces: dict[str, Any] | None = None, *, door: dict[str, str] | None = None, **more: Any
    ) -> Any:
        context = new_context(systems(cluster, stacks, **(door or {})))
        return ACTION.bind({**raw, **more}, Context(**{**vars(context), "traces": traces or {}}))

    return bind_params


def answering_server(cluster: Running) -> str:
    return http.request(cluster.door, "/").headers["x-stack"].strip()


def test_all_requests_move_and_come_back(bind: Any, cluster: Running) -> None:
    params, report = bind(), Recorder()
    before = ACTION.before(params)
    assert answering_server(cluster) == "old-app"
    assert ACTION.probe(params, before).status == ProbeStatus.NOT_DONE
    outcome = ACTION.run(params, report)
    assert outcome.ok, outcome.summary
    assert {answering_server(cluster) for _ in range(5)} == {"new-api"}
    was = report.facts["switch"]["before"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert was == {"name": "flask", "port": {"number": 80}}
    assert report.facts["switch"]["seen"]["not_known"] == ""
    assert ACTION.probe(params, before).status == ProbeStatus.DONE
    assert ACTION.run(bind(), Recorder()).ok  # again: it leads there already

    back = bind({"switch": {**before, **report.facts}}, back_to="switch")
    assert ACTION.run(back, Recorder()).ok
    assert {answering_server(cluster) for _ in range(5)} == {"old-app"}
    now, _ = get_ingress(back.proxy, back.context.systems).routes()
    assert now == before["before"]


class Visitor(Recorder):
    """Somebody comes by the ingress whenever we do."""

    def __init__(self, door: str) -> None:
        super().__init__()
        self.door = door

    def progress(self, done: float, total: float, what: str = "") -> None:
        if done % 10 == 0:
            http.request(self.door, "/")


def test_the_controllers_metrics_count_the_requests_of_users(bind: Any, cluster: Running) -> None:
    report = Visitor(cluster.door)
    outcome = ACTION.run(bind(), report)
    assert outcome.ok, outcome.summary
    seen = report.facts["switch"]["seen"]
    assert (seen["requests"], seen["old_percent_of_people"]) == (4, 0)


@pytest.mark.parametrize("metrics", ["", "http://127.0.0.1:9/metrics"])
def test_a_switch_whose_requests_cannot_be_counted_is_not_green(bind: Any, metrics: str) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(door={"metrics": metrics}), report)
    assert not outcome.ok
    assert "Whether users still reach old is not known" in outcome.summary
    assert report.facts["switch"]["seen"]["not_known"]
    assert ACTION.run(bind(door={"metrics": metrics}, share=100), Recorder()).ok


def test_a_port_of_the_new_service_is_set_and_undone(bind: Any, cluster: Running) -> None:
    door, report = {"new": "backend:3000"}, Recorder()
    params = bind(door=door)
    before = ACTION.before(params)
    assert ACTION.run(params, report).ok
    service = report.facts["switch"]["after"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert service == {"name": "backend", "port": {"number": 3000}}
    assert ACTION.run(bind({"switch": before}, door=door, back_to="switch"), Recorder()).ok
    assert answering_server(cluster) == "old-app"


def test_only_routes_are_written(bind: Any, cluster: Running) -> None:
    assert patch(
        cluster, {"spec": {"defaultBackend": {"service": {"name": "flask", "port": {"number": 80}}}}}
    ).ok
    report = Recorder()
    params = bind()
    assert ACTION.run(params, report).ok
    found = get_ingress(params.proxy, params.context.systems).call_api("GET").json()
    assert found["spec"]["defaultBackend"]["service"]["name"] == "backend"
    assert found["spec"]["tls"]
    assert found["spec"]["ingressClassName"] == "nginx"


def test_a_change_by_somebody_else_is_not_overwritten(bind: Any, cluster: Running) -> None:
    params = bind()
    ingress = get_ingress(params.proxy, params.context.systems)
    spec, version = ingress.routes()
    assert patch(cluster, {"metadata": {"annotations": {"by": version}}}).ok
    with pytest.raises(Problem, match="changed by somebody else"):
        ingress.put(ingress.switched(spec), version)
    assert answering_server(cluster) == "old-app"


def test_an_undo_does_not_overwrite_a_later_change(bind: Any, cluster: Running) -> None:
    params, report = bind(), Recorder()
    before = ACTION.before(params)
    assert ACTION.run(params, report).ok
    rules = kubernetes.ingress("", "third")["spec"]["rules"]
    assert patch(cluster, {"spec": {"rules": rules}}).ok
    assert ACTION.probe(params, before).status == ProbeStatus.PARTIAL
    with pytest.raises(Problem, match="neither as “switch” left it"):
        ACTION.run(bind({"switch": {**before, **report.facts}}, back_to="switch"), Recorder())
    with pytest.raises(Problem, match="has not switched anything"):
        ACTION.run(bind(back_to="switch"), Recorder())


def test_a_missing_service_is_red_and_names_the_undo(bind: Any) -> None:
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
def test_what_cannot_be_switched_is_refused_and_nothing_is_changed(
    bind: Any, cluster: Running, door: dict[str, str], why: str
) -> None:
    with pytest.raises(Problem, match=why) as refused:
        ACTION.run(bind(door=door), Recorder())
    assert "wrong" not in str(refused.value)
    assert answering_server(cluster) == "old-app"


def test_a_cancel_of_the_check_leaves_the_routes_as_written(bind: Any, cluster: Running) -> None:
    params, report = bind(), Recorder(cancel_when=lambda r: bool(r.steps))
    before = ACTION.before(params)
    with pytest.raises(Cancelled):
        ACTION.run(params, report)
    assert report.facts["switch"]["before"] == before["before"]
    assert ACTION.probe(params, before).status == ProbeStatus.DONE


def test_the_preview_shows_the_request_and_changes_nothing(bind: Any, cluster: Running) -> None:
    preview = ACTION.preview(bind())
    assert preview.lines[0] == "Now: flask:80. Then: backend:80."
    assert preview.lines[1].startswith("PATCH /apis/networking.k8s.io/v1/namespaces/prod/ingresses/covenant")
    assert kubernetes.TOKEN not in " ".join(preview.lines)
    assert answering_server(cluster) == "old-app"


def test_a_canary_ingress_shares_by_weight(
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
    proxy = get_proxy(Systems(known, {})["door"], Systems(known, {}))
    _, mark = proxy.read()
    proxy.set(Weights(50, 50), mark)
    with pytest.raises(Problem, match="changed by somebody else"):
        proxy.set(Weights(0, 100), mark)
    assert proxy.read()[0] == Weights(50, 50)


def test_a_main_ingress_cannot_be_shifted_by_weight(
    cluster: Running, stacks: Stacks, new_context: Callable[..., Context], tmp_path: Path
) -> None:
    known = Systems(systems(cluster, stacks), {})
    with pytest.raises(Problem, match="does not share between"):
        get_proxy(known["door"], known).read()
