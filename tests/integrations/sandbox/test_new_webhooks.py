"""The sandbox's webhook routes answer as the customer's API was recorded; repairs change what they name."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.clients.payments.webhooks import hmac_hex, sign_event
from integrations.sandbox import repairs
from integrations.sandbox.new_webhooks import Webhooks, status_of, stringify
from integrations.sandbox.serving import Answer, Asked

FACTS = Path(repairs.__file__).parent / "customer"
ANSWERS = FACTS / "answers"
SECRETS = {
    "PAYSTACK_WEBHOOK_SECRET": "paystack-secret",
    "PAYSTACK_SECRET_KEY": "sk_test_paystack",
    "FINCRA_WEBHOOK_SECRET": "fincra-secret",
    "STRIPE_WEBHOOK_SECRET": "whsec_stripe",
    "FLUTTERWAVE_WEBHOOK_SECRET": "flutterwave-secret",
}
#: answers to requests that are no webhook, or that cannot be repeated from the recording alone
OTHERS = ("webhook-get", "webhook-providers-path-not-there")
GIFTS = {
    "0e7332b9-d39e-46d2-b648-153596f1a8b8": "pending",
    "ec2314e3-70b3-4f57-ad32-bc4dde488d50": "pending",
    "c626d391-7fda-4b98-9544-b9ec14f0a608": "pending",
    "cs_test_10": "pending",
    "ref1": "pending",
    "old-ref-1": "success",
}


def recorded(part: str = "") -> list[str]:
    names = sorted(path.stem for path in ANSWERS.glob("webhook-*.json"))
    return [name for name in names if name not in OTHERS and part in name]


@pytest.fixture(scope="module")
def database(module_database: str) -> str:
    with psycopg.connect(module_database) as connection:
        connection.execute(
            "CREATE TABLE donations (id serial PRIMARY KEY, reference text UNIQUE, status text NOT NULL,"
            " payment_info jsonb NOT NULL DEFAULT '{}', transaction_id text UNIQUE, error_message text,"
            " updated_at timestamp(3) NOT NULL DEFAULT now())"
        )
    return module_database


@pytest.fixture(autouse=True)
def gifts(database: str) -> Iterator[None]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.cursor().executemany(
            "INSERT INTO donations (reference, status) VALUES (%s, %s)", list(GIFTS.items())
        )
        yield
        connection.execute("DELETE FROM donations")


def status(database: str, reference: str) -> str:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT status FROM donations WHERE reference = %s", [reference]).fetchone()
    return str(row[0]) if row else ""


def send(hooks: Webhooks, provider: str, body: bytes, headers: dict[str, str]) -> Answer:
    answer = hooks.answer(Asked("POST", f"/donations/webhooks/{provider}", body, {}, headers))
    assert answer is not None
    return answer


def recorded_signature(provider: str, body: bytes, secret: str) -> str:
    """What the recording says of this provider's signature at the customer's API."""
    routes = json.loads((FACTS / "api.json").read_text())["routes"]
    known = next(r for r in routes if r["path"] == f"/donations/webhooks/{provider}")["request"]["algorithm"]
    if provider == "flutterwave":
        return secret
    if provider == "stripe":
        moment = int(time.time()) - 86_400  # a day old: taken
        return f"t={moment},v1={hmac_hex(secret, b'%d.%b' % (moment, body), 'sha256')}"
    return hmac_hex(secret, body, "sha512" if "SHA512" in known else "sha256")


@pytest.mark.parametrize("name", recorded())
def test_a_recorded_request_gets_the_recorded_answer(database: str, name: str) -> None:
    facts = json.loads((ANSWERS / f"{name}.json").read_text())
    provider = facts["request"]["path"].rpartition("/")[2]
    environ = {} if name.endswith("not-configured") else SECRETS
    body = facts["request"]["body"]
    sent = (body if isinstance(body, str) else json.dumps(body)).encode()
    signed = [header for header in facts["request"]["headers"] if header != "Content-Type"]
    secret = "another" if "wrong-secret" in name else SECRETS[f"{provider.upper()}_WEBHOOK_SECRET"]
    form = "urlencoded" in facts["request"]["headers"].get("Content-Type", "")
    hashed = b'{"a":"b"}' if form else sent  # a form is hashed as the object that it was parsed to
    headers = {header: recorded_signature(provider, hashed, secret) for header in signed}
    headers["content-type"] = facts["request"]["headers"].get("Content-Type", "")
    answer = send(Webhooks(database, environ), provider, sent, headers)
    if name.endswith("-again"):
        answer = send(Webhooks(database, environ), provider, sent, headers)
    assert (answer.status, answer.body) == (facts["response"]["status"], facts["response"]["body"])


def test_a_body_that_is_no_json_gets_the_recorded_answer(database: str) -> None:
    facts = json.loads((ANSWERS / "invalid-json.json").read_text())
    answer = send(Webhooks(database, SECRETS), "paystack", facts["request"]["body"].encode(), {})
    assert (answer.status, answer.body) == (facts["response"]["status"], facts["response"]["body"])


def test_the_body_is_hashed_as_javascript_writes_it() -> None:
    body = json.loads('{ "a": 1250.0, "b": "a\\/b caf\\u00e9", "c": [1.5, null, true] }')
    assert stringify(body) == '{"a":1250,"b":"a/b café","c":[1.5,null,true]}'


def test_words_of_a_status_are_read_as_recorded() -> None:
    words = {
        "success": "completed",
        "Successful": "completed",
        "paid": "completed",
        "unpaid": "completed",  # a defect: stripe-unpaid
        "refunded": "refunded",
        "declined": "failed",
        "cancelled": "failed",
        "expired": "pending",
        "": "pending",
    }
    assert {word: status_of(word) for word in words} == words


def test_a_gift_only_moves_upwards(database: str) -> None:
    hooks = Webhooks(database, SECRETS)

    def event(word: str) -> None:
        body = json.dumps({"data": {"reference": "ref1", "status": word}}, separators=(",", ":")).encode()
        header = {"x-fincra-signature": hmac_hex("fincra-secret", body, "sha256")}
        assert send(hooks, "fincra", body, header).status == 201

    seen = []
    for word in ("failed", "success", "failed", "refunded", "success"):
        event(word)
        seen.append(status(database, "ref1"))
    assert seen == ["failed", "completed", "completed", "refunded", "refunded"]


@pytest.fixture
def repaired(tmp_path: Path) -> Any:
    applied = repairs.AppliedRepairs(tmp_path / "repairs.json")
    applied.begin(repairs.Profile.RECORDED)

    def apply(*keys: str) -> dict[str, str]:
        for key in keys:
            applied.apply(key)
        return {**SECRETS, "REPAIRS_FILE": str(applied.path)}

    return apply


@pytest.mark.parametrize(
    ("provider", "repair", "event"),
    [
        ("paystack", "raw-body", b'{ "data": {"reference": "ref1", "status": "success", "amount": 1250.0} }'),
        ("fincra", "fincra-signature", b'{"data":{"reference":"ref1","status":"success"}}'),
        ("paystack", "paystack-secret", b'{"data":{"reference":"ref1","status":"success"}}'),
    ],
)
def test_an_event_as_the_provider_signs_it_is_taken_with_its_repair(
    database: str, repaired: Any, provider: str, repair: str, event: bytes
) -> None:
    name = "PAYSTACK_SECRET_KEY" if repair == "paystack-secret" else f"{provider.upper()}_WEBHOOK_SECRET"
    signed = sign_event(provider, event, SECRETS[name])
    headers = {key.lower(): value for key, value in signed.headers.items()}
    assert send(Webhooks(database, repaired()), provider, event, headers).status == 401
    assert status(database, "ref1") == "pending"
    assert send(Webhooks(database, repaired(repair)), provider, event, headers).status == 201
    assert status(database, "ref1") == "completed"


def test_an_old_signature_of_stripe_is_refused_with_its_repair(database: str, repaired: Any) -> None:
    event = b'{"data":{"object":{"id":"cs_none","payment_status":"paid"}}}'
    for moment, without, with_repair in ((time.time() - 600, 404, 401), (time.time(), 404, 404)):
        signed = sign_event("stripe", event, SECRETS["STRIPE_WEBHOOK_SECRET"], at=moment)
        headers = {key.lower(): value for key, value in signed.headers.items()}
        assert send(Webhooks(database, SECRETS), "stripe", event, headers).status == without
        hooks = Webhooks(database, repaired("stripe-old-signatures"))
        assert send(hooks, "stripe", event, headers).status == with_repair
