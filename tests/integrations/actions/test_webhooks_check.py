"""Webhooks are sent to the sandbox's API as the providers sign them and as a stranger would."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.actions import Context, ProbeStatus, registry
from integrations.clients.http import HttpClient
from integrations.clients.payments import webhooks
from integrations.errors import Cancelled, Problem
from integrations.sandbox.repairs import AppliedRepairs, load_repairs
from tests.integrations.clients import proxies
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment
from tests.integrations.sandbox.queues import valkey
from tests.ports import free_port
from tests.waiting import wait_for

PATH = "/donations/webhooks/{provider}"
EXPECTS = {"fincra": {"header": "x-fincra-signature", "algorithm": "sha256"}}
GIFTS = "select count(*), sum(amount), max(updated_at)::text from donations"
ACTION = registry()["webhooks.check"]
PROVIDERS = ("stripe", "paystack", "fincra", "flutterwave")


@pytest.fixture(scope="module")
def world(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A migrated database, a Redis, and the webhook secrets."""
    folder = tmp_path_factory.mktemp("world")
    made = SandboxEnvironment(postgres_server, folder / "environment")
    try:
        name = made.migrated()
        with valkey(folder / "q") as queue:
            keys = {f"{p.upper()}_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(12)}" for p in PROVIDERS}
            keys["PAYSTACK_SECRET_KEY"] = f"sk_test_{secrets.token_hex(12)}"
            database, repaired = made.url("covenant_api", name), made.sandbox.repairs.path
            yield {
                "env": {
                    "DATABASE_URL": database,
                    "REDIS_URL": queue,
                    "REPAIRS_FILE": str(repaired),
                    **keys,
                },
                "reader": made.url("panel_reader", name),
            }
    finally:
        made.drop()


@contextmanager
def api(world: dict[str, Any], **changed: str) -> Iterator[str]:
    port = free_port()
    env = {**os.environ, **world["env"], "PORT": str(port), "SKIP_TASKS_QUEUE": "true", **changed}
    child = subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox.new_api"], env=env, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: proxies.answers(url))
        yield url
    finally:
        child.terminate()
        child.wait(90)


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
                "kind": "payments",
                "provider": provider,
                "url": "https://api.invalid",
                "secret_key": world["env"].get(f"{provider.upper()}_SECRET_KEY", "x"),
                "webhook_secret": world["env"][f"{provider.upper()}_WEBHOOK_SECRET"],
            }
            for provider in PROVIDERS
        }
        systems = {**gateways, "api": {"kind": "http", "url": url or well}}
        systems["reader"] = {"kind": "postgres", "url": world["reader"]}
        given = {"api": "api", "path": PATH, "unknown": [404], "expects": EXPECTS, "gifts": GIFTS, **raw}
        return ACTION.bind(given, new_context(systems))

    return bound


def test_signed_events_of_all_four_providers_are_accepted_once_and_others_refused(
    bind: Any, world: dict[str, Any]
) -> None:
    count = "select count(*), sum(amount) from donations"
    with psycopg.connect(world["reader"]) as reader:
        before = reader.execute(count).fetchone()
        report = Recorder()
        outcome = ACTION.run(bind(database="reader"), report)
        assert outcome.ok, outcome.summary
        assert reader.execute(count).fetchone() == before, "its events book nothing"
    found = {one["provider"]: one for one in report.facts["webhooks"]}
    assert set(found) == set(PROVIDERS)
    assert found["stripe"]["statuses"] == {
        "unsigned": 401,
        "wrongly signed": 401,
        "signed long ago": 401,
        "signed": 404,
        "signed, formatted body": 404,
        "signed with several signatures": 404,
        "signed with v0 only": 401,
        "signed again": 404,
    }
    assert "signed, formatted body" in found["paystack"]["statuses"]
    assert all(one["doubled"] == "no gift changed" for one in found.values())


@pytest.mark.parametrize(
    ("provider", "repair", "said"),
    [
        ("fincra", "fincra-signature", "Your API expects a signature that Fincra does not send"),
        ("paystack", "paystack-secret", "it accepts the value of webhook_secret:, and Paystack signs"),
        ("paystack", "raw-body", "the API hashes the body that it has parsed and written again"),
        ("stripe", "raw-body", "the API hashes the body that it has parsed and written again"),
        ("stripe", "stripe-old-signatures", "A signature that is 10 minutes old is accepted (404)"),
    ],
)
def test_a_defect_is_red_with_its_cause_until_it_is_repaired(
    bind: Any, world: dict[str, Any], tmp_path: Path, provider: str, repair: str, said: str
) -> None:
    path = tmp_path / "repairs.json"
    path.write_text(json.dumps([key for key in load_repairs() if key != repair]))
    with api(world, REPAIRS_FILE=str(path)) as url:
        outcome = ACTION.run(bind(url, providers=[provider]), Recorder())
        assert not outcome.ok
        assert said in outcome.summary
        assert outcome.summary.count(f"{provider}: ") == 1
        AppliedRepairs(path).apply(repair)
        assert ACTION.run(bind(url, providers=[provider]), Recorder()).ok
    assert {"webhook-routes", "webhooks-public"} <= set(load_repairs()[repair].items)


STYLES: dict[str, Callable[[Any], bytes]] = {
    "compact": lambda event: json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode(),
    "indented": lambda event: json.dumps(event, indent=2, ensure_ascii=False).encode(),
    "with blanks": lambda event: json.dumps(event, ensure_ascii=False).encode(),
    "escaped": lambda event: json.dumps(event, indent=2).encode(),
}


@contextmanager
def rewriting(
    world: dict[str, Any], write: Callable[[Any], bytes] | None, first: bool = False
) -> Iterator[str]:
    """An API that hashes what ``write`` makes of the parsed body, or the raw one; ``first``: it looks at the
    first v1 of Stripe's header alone, and takes v0 for it where there is none."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hashed = write(json.loads(body)) if write else body
            parts = [part.split("=", 1) for part in self.headers.get("stripe-signature", "").split(",")]
            given = [part[1] for part in parts if part[0] in (("v1", "v0") if first else ("v1",))]
            moment = next((part[1] for part in parts if part[0] == "t"), "0")
            secret = world["env"]["STRIPE_WEBHOOK_SECRET"].encode()
            right = hmac.new(secret, f"{moment}.".encode() + hashed, "sha256").hexdigest()
            fresh = abs(time.time() - int(moment)) < 300
            self.send_response(200 if fresh and right in (given[:1] if first else given) else 401)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("style", STYLES)
def test_an_api_that_hashes_what_it_has_written_again_is_told_to_take_the_raw_body(
    bind: Any, world: dict[str, Any], style: str
) -> None:
    with rewriting(world, STYLES[style]) as url:
        outcome = ACTION.run(bind(url, providers=["stripe"], unknown=[]), Recorder())
    assert not outcome.ok
    assert "hashes the body that it has parsed and written again" in outcome.summary
    assert "rawBody: true" in outcome.summary
    assert "another webhook secret" not in outcome.summary


def test_an_api_that_reads_only_one_signature_of_the_header_is_red(bind: Any, world: dict[str, Any]) -> None:
    with rewriting(world, None, first=True) as url:
        outcome = ACTION.run(bind(url, providers=["stripe"], unknown=[]), Recorder())
    assert "signed with several signatures is refused (401)" in outcome.summary
    assert "signed with v0 only is accepted (200)" in outcome.summary
    with rewriting(world, None) as url:
        assert ACTION.run(bind(url, providers=["stripe"], unknown=[]), Recorder()).ok


def test_a_formatted_body_survives_no_style_of_writing() -> None:
    for provider in PROVIDERS:
        body = webhooks.make_event(provider, "one", formatted=True)
        event = json.loads(body)
        assert all(write(event) != body for write in STYLES.values())
        plain = json.loads(webhooks.make_event(provider, "one"))
        assert event.keys() == plain.keys()


def test_an_api_that_answers_404_to_every_signature_is_red(bind: Any) -> None:
    """An unknown reference is only then a good sign when a wrong signature gets another answer."""
    with proxies.stack("new-api", 404) as url:
        outcome = ACTION.run(bind(url, providers=["stripe"]), Recorder())
    assert not outcome.ok
    assert "the route is wrong" in outcome.summary


def test_the_answer_to_an_unknown_gift_has_to_be_listed(bind: Any) -> None:
    outcome = ACTION.run(bind(providers=["stripe"], unknown=[]), Recorder())
    assert not outcome.ok
    assert "list the status under unknown:" in outcome.summary


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"path": "/webhooks"}, "has to contain {provider}"),
        ({"path": "/{host}/{provider}"}, "has to contain {provider}"),
        ({"unknown": ["404"]}, "statuses from 402 to 499"),
        ({"unknown": [401]}, "statuses from 402 to 499"),
        ({"expects": {"fincra": {"header": "x"}}}, "needs header: and algorithm:"),
        ({"expects": {"fincra": {"header": "x", "algorithm": "md4"}}}, "has to be one of"),
    ],
)
def test_a_wrong_parameter_is_refused(bind: Any, raw: dict[str, Any], said: str) -> None:
    with pytest.raises(Exception, match=re.escape(said)):
        bind(**raw)


def test_a_real_event_changes_the_gift(well: str, world: dict[str, Any]) -> None:
    body = b'{"event":"charge.success","data":{"id":7,"reference":"one","status":"success"}}'
    request = webhooks.sign_event("paystack", body, world["env"]["PAYSTACK_SECRET_KEY"])
    ask = HttpClient(["127.0.0.1"]).request
    path = PATH.format(provider="paystack")
    answers = [ask(well, path, body=body, headers=request.headers) for _ in "ab"]
    assert [(one.status, one.json()) for one in answers] == [(201, {"status": "updated"})] * 2
    with psycopg.connect(world["reader"]) as reader:
        assert reader.execute("select status from donations where reference = 'one'").fetchone() == (
            "completed",
        )


def test_an_unconfigured_secret_is_not_taken_for_a_refusal(bind: Any, world: dict[str, Any]) -> None:
    with api(world, STRIPE_WEBHOOK_SECRET="") as url:
        outcome = ACTION.run(bind(url), Recorder())
    assert not outcome.ok
    assert "stripe: Its webhook secret is not configured" in outcome.summary
    assert "fincra" not in outcome.summary


def test_another_secret_in_the_api_is_reported(bind: Any, world: dict[str, Any]) -> None:
    with api(world, STRIPE_WEBHOOK_SECRET="whsec_another") as url:
        outcome = ACTION.run(bind(url, providers=["stripe"]), Recorder())
    assert not outcome.ok
    assert "another webhook secret" in outcome.summary


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "the route is wrong"), (200, "No go"), (500, "instead of 400"), (403, "instead of 400")],
)
def test_a_missing_a_permissive_and_a_broken_route_are_red(bind: Any, status: int, said: str) -> None:
    with proxies.stack("new-api", status) as url:
        outcome = ACTION.run(bind(url, providers=["paystack"]), Recorder())
    assert not outcome.ok
    assert said in outcome.summary


def test_an_api_that_does_not_report_duplicates_is_not_called_proven(
    bind: Any, world: dict[str, Any], mute: tuple[str, list[bytes]]
) -> None:
    url, seen = mute
    report = Recorder()
    values = bind(url, providers=["flutterwave"], database="reader", unknown=[])
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert "changed no gift; the answer does not say it was known" in outcome.summary
    outcome = ACTION.run(bind(url, providers=["flutterwave"]), report)
    assert "Not shown for flutterwave: that a repeated event is ignored" in outcome.summary
    assert ACTION.probe(values, ACTION.before(values)).status == ProbeStatus.NOT_DONE
    secret = world["env"]["FLUTTERWAVE_WEBHOOK_SECRET"].encode()
    wrong = [value for value in seen if value not in (b"", secret)]
    assert len(wrong) == 2
    assert not any(secret in value for value in wrong), "an API may log what it refuses"


def test_gifts_of_other_people_do_not_make_it_red(bind: Any, world: dict[str, Any]) -> None:
    query = "select clock_timestamp()::text, count(*), 0 from donations"  # another row each time
    outcome = ACTION.run(bind(database="reader", gifts=query, providers=["stripe"]), Recorder())
    assert outcome.ok, outcome.summary
    assert "Not shown for stripe: that a repeated event is ignored" in outcome.summary


def test_a_provider_that_is_not_there_is_named(bind: Any) -> None:
    with pytest.raises(Problem, match="called paypal"):
        ACTION.run(bind(providers=["paypal"]), Recorder())


def test_no_secret_is_logged_and_a_cancel_ends_it(bind: Any, world: dict[str, Any]) -> None:
    report = Recorder()
    ACTION.run(bind(), report)
    assert not any(secret in report.text for name, secret in world["env"].items() if name.endswith("SECRET"))
    with pytest.raises(Cancelled):
        ACTION.run(bind(), Recorder(cancel_when=lambda r: True))


def test_signatures_match_the_secret_and_the_time() -> None:
    body = b'{"a":1}'
    for provider in PROVIDERS:
        signed = webhooks.sign_event(provider, body, "secret", at=1_700_000_000)
        headers = {name.lower(): value for name, value in signed.headers.items()}
        assert webhooks.verify_signature(provider, body, headers, "secret", 1_700_000_000)
        assert not webhooks.verify_signature(provider, body, headers, "another", 1_700_000_000)
    stripe = webhooks.sign_event("stripe", body, "secret", at=1_700_000_000)
    assert not webhooks.verify_signature("stripe", body, stripe.headers, "secret", 1_700_000_000 + 301)
    assert stripe.headers["stripe-signature"].startswith("t=1700000000,v1=")


def test_signatures_follow_the_documented_formulas() -> None:
    body, at = b'{"a":1}', 1_700_000_000
    wanted = {
        "stripe": {
            "stripe-signature": "t=1700000000,v1="
            + hmac.new(b"secret", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
        },
        "paystack": {"x-paystack-signature": hmac.new(b"secret", body, hashlib.sha512).hexdigest()},
        "fincra": {"signature": hmac.new(b"secret", body, hashlib.sha512).hexdigest()},
        "flutterwave": {"verif-hash": "secret"},
    }
    for provider, headers in wanted.items():
        signed = webhooks.sign_event(provider, body, "secret", at=at)
        assert signed.headers == {"Content-Type": "application/json", **headers}


def test_the_preview_names_each_path(bind: Any) -> None:
    lines = "\n".join(ACTION.preview(bind()).lines)
    assert all(f"/donations/webhooks/{provider}" in lines for provider in PROVIDERS)
