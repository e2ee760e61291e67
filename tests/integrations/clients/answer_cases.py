"""Every question that a client asks over HTTP, with a good answer, and what in it must not be misread."""

from __future__ import annotations

from typing import Any

from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.zone import get_zone
from integrations.clients.http import HttpClient
from integrations.clients.oauth.authorize import request_authorize_url
from integrations.clients.oauth.client import get_oauth_client
from integrations.clients.payments.gift_api import ApiGift, GiftApi, GiftRefused
from integrations.clients.proxies.ingress import get_ingress
from integrations.clients.proxies.proxy import get_proxy
from integrations.clients.registry import Registry
from integrations.environment.api_sessions import ApiSessions
from integrations.errors import Problem
from integrations.systems import Systems
from integrations.traffic.request_counter import read_request_count
from tests.integrations.clients.answer_case import URL, AnswerCase
from tests.integrations.clients.payment_answers import PAYMENTS

DIGEST = "sha256:" + "a" * 64
ZONE = {"zone": "example.org", "zone_id": "z1", "token": "t12345678", "servers": "127.0.0.1:1"}
CLOUDFLARE_RECORD = {"id": "r1", "name": "www.example.org", "type": "A", "content": "10.0.0.1", "ttl": 300,
                     "proxied": False}  # fmt: skip
POWERDNS_SET = {
    "name": "www.example.org.",
    "type": "A",
    "ttl": 300,
    "records": [{"content": "10.0.0.1", "disabled": False}],
}
OLD, NEW = (RecordSet.of("www.example.org", "A", 300, [address]) for address in ("10.0.0.1", "10.0.0.2"))
DNS = [
    AnswerCase(
        "dns/cloudflare",
        "read",
        ZONE,
        lambda s: get_zone(s["s"], s).read("www", "A"),
        {"": {"success": True, "errors": [], "result": [CLOUDFLARE_RECORD]}},
        ("success", "result.0.content", "result.0.ttl", "result.0.type", "result.0.name"),
    ),
    AnswerCase(
        "dns/cloudflare",
        "replace",
        ZONE,
        lambda s: get_zone(s["s"], s).replace(OLD, NEW) or "replaced",
        {
            "/batch": {"success": True, "errors": [], "result": {}},
            "": {"success": True, "errors": [], "result": [CLOUDFLARE_RECORD]},
        },
        ("success", "result.0.id"),
    ),
    AnswerCase(
        "dns/powerdns",
        "read",
        ZONE,
        lambda s: get_zone(s["s"], s).read("www", "A"),
        {"": {"rrsets": [POWERDNS_SET]}},
        ("rrsets.0.records.0.content", "rrsets.0.ttl", "rrsets.0.name"),
    ),
]
POOL = {"pool": "web", "old": "old:80", "new": "new:80", "token": "t12345678"}
ANNOTATIONS = {
    "nginx.ingress.kubernetes.io/canary": "true",
    "nginx.ingress.kubernetes.io/canary-weight": "20",
    "nginx.ingress.kubernetes.io/canary-by-header": "x-pilot",
    "nginx.ingress.kubernetes.io/canary-by-header-value": "yes",
    "nginx.ingress.kubernetes.io/canary-by-cookie": "pilot",
}
PATHS = {"http": {"paths": [{"path": "/", "backend": {"service": {"name": "new:80"}}}]}}
CANARY = {"metadata": {"resourceVersion": "7", "annotations": ANNOTATIONS}, "spec": {"rules": [PATHS]}}
HANDLER = {"@id": "web", "handler": "reverse_proxy", "upstreams": [{"dial": "old:80"}, {"dial": "new:80"}]}
POLICY = {"policy": "weighted_round_robin", "weights": [4, 1]}
_METRICS = (
    b'nginx_ingress_controller_requests{namespace="default",service="old"} 5\n'
    b"process_start_time_seconds 1e9\n"
)
PROXIES = [
    AnswerCase(
        "proxy/kubernetes",
        "read",
        POOL,
        lambda s: get_proxy(s["s"], s).read(),
        {"": CANARY},
        (
            "metadata.resourceVersion",
            "metadata.annotations.nginx.ingress.kubernetes.io/canary-weight",
            "metadata.annotations.nginx.ingress.kubernetes.io/canary",
        ),
    ),
    AnswerCase(
        "proxy/kubernetes", "people", POOL, lambda s: get_proxy(s["s"], s).read_people(), {"": CANARY}
    ),
    AnswerCase(
        "proxy/kubernetes",
        "requests",
        {**POOL, "metrics": "https://provider.invalid/metrics"},
        lambda s: get_proxy(s["s"], s).read_requests(),
        {"": _METRICS},
    ),
    AnswerCase(
        "proxy/kubernetes",
        "routes",
        POOL,
        lambda s: (lambda ingress: ingress.switched(ingress.routes()[0]))(get_ingress(s["s"], s)),
        {"": {"metadata": {"resourceVersion": "7"}, "spec": {
            "rules": [{"http": {"paths": [{"path": "/", "backend": {"service": {
                "name": "old", "port": {"number": 80}}}}]}}]}}},
    ),
    AnswerCase(
        "proxy/caddy",
        "read",
        POOL,
        lambda s: get_proxy(s["s"], s).read(),
        {"selection_policy": POLICY, "": HANDLER},
        ("weights.0", "weights.1", "policy", "upstreams.0.dial"),
    ),
    AnswerCase(
        "proxy/caddy",
        "people",
        POOL,
        lambda s: get_proxy(s["s"], s).read_people(),
        {"/handle": [HANDLER], "": {"apps": {"http": {"routes": [{"handle": [HANDLER]}]}}}},
    ),
]  # fmt: skip
CLIENT = {
    "client_id": "c1",
    "client_secret": "x12345678",
    "redirect": f"{URL}/back",
    "token_url": f"{URL}/token",
}


def check_client(systems: Systems) -> Any:
    return get_oauth_client(systems["s"], HttpClient.of(systems)).check_client()


OAUTH = [
    AnswerCase(
        "oauth/google",
        "client",
        CLIENT,
        check_client,
        {"": {"error": "invalid_grant"}},
        ("error",),
        status=400,
    ),
    AnswerCase(
        "oauth/facebook", "client", CLIENT, check_client, {"": {"access_token": "a|b"}}, ("access_token",)
    ),
    AnswerCase(
        "http",
        "authorize URL",
        {},
        lambda s: request_authorize_url(HttpClient.of(s), s["s"], "/auth/google", "google"),
        {"": {"url": "https://accounts.invalid/auth?client_id=c1&state=0123456789abcdef"}},
        ("url",),
    ),
]
SIGN_IN = {"path": "/login", "token": "token", "email": "user.email",
           "session": {"path": "/session/{token}", "email": "email"}}  # fmt: skip


def sign_in(systems: Systems) -> Any:
    shape = systems["s"].sign_in()
    assert shape
    sessions = ApiSessions(systems["s"]["url"], shape)
    answer = sessions.sign_in("a@b.invalid", "x")
    token = sessions.token_of(answer)
    return sessions.email_of(answer), token, sessions.session_email_of(sessions.read(token)) if token else ""


def gift(systems: Systems) -> ApiGift:
    return GiftApi(HttpClient.of(systems), systems["s"]).begin("stripe", "ours", 500, "GHS", URL)


OTHERS = [
    AnswerCase(
        "registry",
        "digest",
        {},
        lambda s: Registry(s["s"], s).find_digest("team/api", "1.0"),
        {"": {"schemaVersion": 2}},
        headers={"docker-content-digest": DIGEST},
    ),
    AnswerCase(
        "http",
        "request counter",
        {"requests": "/count"},
        lambda s: (lambda count: (count.total, count.known_quiet_from))(
            read_request_count(HttpClient.of(s), s["s"])
        ),
        {"": {"total": 0, "last_at": None, "since": "2026-01-01T00:00:00+00:00"}},
        ("total", "since"),
    ),
    AnswerCase(
        "http",
        "sign-in",
        {"sign_in": SIGN_IN},
        sign_in,
        {"/login": {"token": "t1", "user": {"email": "a@b.invalid"}}, "/session": {"email": "a@b.invalid"}},
        ("token", "user.email", "email"),
    ),
    AnswerCase(
        "gift_api",
        "begin",
        {"begin": "/g", "body": '{"a": "{amount}"}', "id": "id", "status": "status", "address": "url",
         "reference": "ref", "change": "/g/{id}", "paid": "PAID", "refunded": "R", "cancelled": "C"},
        gift,
        {"": {"id": 7, "status": "PENDING", "url": "https://checkout.invalid", "ref": "r1"}},
        ("id", "status", "url", "ref"),
        refusals=(Problem, GiftRefused),
    ),
]  # fmt: skip
CASES: list[AnswerCase] = [*PAYMENTS, *DNS, *PROXIES, *OAUTH, *OTHERS]
#: drivers of which no answer comes over HTTP as JSON → where their answers are altered
ELSEWHERE = {
    "oauth/apple": "asks what google asks",
    "dns/route53": "boto3 reads XML by its own models",
    "dns/rfc2136": "DNS packets",
    "proxy/haproxy": "its socket",
    "proxy/nginx": "a file",
    "platform/helm": "programs",
    "platform/compose": "programs",
    "platform/kubectl": "programs",
    "platform/command": "programs",
}
