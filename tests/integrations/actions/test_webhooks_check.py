"""Webhooks are sent to the sandbox's API as the providers sign them, and as a stranger would."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from cutover.embedded import Postgres, free_port
from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients import webhooks
from integrations.clients.http import Caller
from integrations.errors import Cancelled, Problem
from tests.integrations.clients import proxies
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.estates import Estate, until
from tests.integrations.sandbox.queues import valkey

ACTION = registry()["webhooks.check"]
PROVIDERS = ("stripe", "paystack", "fincra", "flutterwave")


@pytest.fixture(scope="module")
def world(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A migrated database, a Redis, and the webhook secrets."""
    folder = tmp_path_factory.mktemp("world")
    made = Estate(postgres_server, folder / "estate")
    try:
        name = made.migrated()
        with valkey(folder / "q") as queue:
            keys = {f"{p.upper()}_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(12)}" for p in PROVIDERS}
            database = made.url("covenant_api", name)
            yield {
                "env": {"DATABASE_URL": database, "REDIS_URL": queue, **keys},
                "reader": made.url("panel_reader", name),
            }
    finally:
        made.drop()


@contextmanager
def api(world: dict[str, Any], **changed: str) -> Iterator[str]:
    port = free_port()
    env = {**os.environ, **world["env"], "PORT": str(port), **changed}
    child = subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox.new_api"], env=env, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: proxies.answers(url))
        yield url
    finally:
        child.terminate()
        child.wait(10)


@pytest.fixture(scope="module")
def well(world: dict[str, Any]) -> Iterator[str]:
    with api(world) as url:
        yield url


@pytest.fixture
def mute(world: dict[str, Any]) -> Iterator[tuple[str, list[bytes]]]:
    """An API that checks signatures, and answers the same to an event that it knows; what it was shown."""
    seen: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            shown = self.headers.get("verif-hash", "")
            seen.append(shown.encode())
            self.send_response(200 if shown == world["env"]["FLUTTERWAVE_WEBHOOK_SECRET"] else 401)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()
        thread.join()


@pytest.fixture
def bind(world: dict[str, Any], well: str, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bound(url: str = "", **raw: Any) -> Any:
        gateways = {
            provider: {
                "kind": "payments", "provider": provider, "url": "https://api.invalid", "secret_key": "x",
                "webhook_secret": world["env"][f"{provider.upper()}_WEBHOOK_SECRET"],
            }
            for provider in PROVIDERS
        }  # fmt: skip
        systems = {**gateways, "api": {"kind": "http", "url": url or well}}
        systems["reader"] = {"kind": "postgres", "url": world["reader"]}
        return ACTION.bind({"api": "api", **raw}, new_context(systems))

    return bound


def test_all_four_take_their_own_events_once_and_nobody_elses(bind: Any, world: dict[str, Any]) -> None:
    count = "select count(*), sum(amount) from donations"
    with psycopg.connect(world["reader"]) as reader:
        before = reader.execute(count).fetchone()
        report = Recorder()
        outcome = ACTION.run(bind(), report)
        assert outcome.ok, outcome.summary
        assert reader.execute(count).fetchone() == before, "its events book nothing"
    found = {one["provider"]: one for one in report.facts["webhooks"]}
    assert set(found) == set(PROVIDERS)
    assert found["stripe"]["statuses"] == {
        "unsigned": 401, "wrongly signed": 401, "signed long ago": 401, "signed": 200, "signed again": 200,
    }  # fmt: skip
    assert all(one["doubled"] == "the answer says so" for one in found.values())


def test_a_true_event_changes_the_gift_once(well: str, world: dict[str, Any]) -> None:
    body = b'{"event":"charge.success","data":{"id":7,"reference":"one"}}'
    request = webhooks.signed("paystack", body, world["env"]["PAYSTACK_WEBHOOK_SECRET"])
    ask = Caller(["127.0.0.1"]).ask
    answers = [
        ask(well, webhooks.path_of("paystack"), body=body, headers=request.headers).json() for _ in "ab"
    ]
    assert answers == [{"received": True, "matched": True}, {"received": True, "duplicate": True}]
    with psycopg.connect(world["reader"]) as reader:
        assert reader.execute("select status from donations where reference = 'one'").fetchone() == (
            "completed",
        )


def test_a_secret_that_is_not_configured_is_told_from_a_refusal(bind: Any, world: dict[str, Any]) -> None:
    with api(world, FINCRA_WEBHOOK_SECRET="") as url:
        outcome = ACTION.run(bind(url), Recorder())
    assert not outcome.ok
    assert "fincra: Its webhook secret is not configured" in outcome.summary
    assert "stripe" not in outcome.summary


def test_another_secret_than_ours_is_said_so(bind: Any, world: dict[str, Any]) -> None:
    with api(world, STRIPE_WEBHOOK_SECRET="whsec_another") as url:
        outcome = ACTION.run(bind(url, providers=["stripe"]), Recorder())
    assert not outcome.ok
    assert "another webhook secret" in outcome.summary


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "the route is wrong"), (200, "No go"), (500, "instead of 400"), (403, "instead of 400")],
)
def test_a_missing_an_open_and_a_broken_route_are_red(bind: Any, status: int, said: str) -> None:
    with proxies.stack("new-api", status) as url:
        outcome = ACTION.run(bind(url, providers=["paystack"]), Recorder())
    assert not outcome.ok
    assert said in outcome.summary


def test_an_api_that_says_nothing_of_doubles_is_not_called_proven(
    bind: Any, world: dict[str, Any], mute: tuple[str, list[bytes]]
) -> None:
    url, seen = mute
    report = Recorder()
    values = bind(url, providers=["flutterwave"], database="reader")
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert "changed no gift; the answer does not say it was known" in outcome.summary
    outcome = ACTION.run(bind(url, providers=["flutterwave"]), report)
    assert "Not shown for flutterwave: that a doubled event is ignored" in outcome.summary
    assert ACTION.probe(values, ACTION.before(values)).seen == Seen.NOT_DONE
    secret = world["env"]["FLUTTERWAVE_WEBHOOK_SECRET"].encode()
    wrong = [value for value in seen if value not in (b"", secret)]
    assert len(wrong) == 2
    assert not any(secret in value for value in wrong), "an API may log what it refuses"


def test_a_provider_that_is_not_there_is_named(bind: Any) -> None:
    with pytest.raises(Problem, match="called paypal"):
        ACTION.run(bind(providers=["paypal"]), Recorder())


def test_no_secret_is_logged_and_a_cancel_ends_it(bind: Any, world: dict[str, Any]) -> None:
    report = Recorder()
    ACTION.run(bind(), report)
    assert not any(secret in report.text for name, secret in world["env"].items() if name.endswith("SECRET"))
    with pytest.raises(Cancelled):
        ACTION.run(bind(), Recorder(cancel_when=lambda r: True))


def test_signatures_are_as_the_providers_document_them() -> None:
    body = b'{"a":1}'
    for provider in PROVIDERS:
        signed = webhooks.signed(provider, body, "secret", at=1_700_000_000)
        headers = {name.lower(): value for name, value in signed.headers.items()}
        assert webhooks.matches(provider, body, headers, "secret", 1_700_000_000)
        assert not webhooks.matches(provider, body, headers, "another", 1_700_000_000)
    stripe = webhooks.signed("stripe", body, "secret", at=1_700_000_000)
    assert not webhooks.matches("stripe", body, stripe.headers, "secret", 1_700_000_000 + 301)
    assert stripe.headers["stripe-signature"].startswith("t=1700000000,v1=")


def test_signatures_are_those_that_the_documented_formulas_give() -> None:
    body, at = b'{"a":1}', 1_700_000_000
    wanted = {
        "stripe": {
            "stripe-signature": "t=1700000000,v1="
            + hmac.new(b"secret", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
        },
        "paystack": {"x-paystack-signature": hmac.new(b"secret", body, hashlib.sha512).hexdigest()},
        "fincra": {"x-fincra-signature": hmac.new(b"secret", body, hashlib.sha256).hexdigest()},
        "flutterwave": {"verif-hash": "secret"},
    }
    for provider, headers in wanted.items():
        signed = webhooks.signed(provider, body, "secret", at=at)
        assert signed.headers == {"Content-Type": "application/json", **headers}


def test_the_preview_names_each_path(bind: Any) -> None:
    lines = "\n".join(ACTION.preview(bind()).lines)
    assert all(f"/donations/webhooks/{provider}" in lines for provider in PROVIDERS)
