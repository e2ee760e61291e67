"""The ledger tells same from rotated without a value, and names what is wrong with its remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients import secret_names
from integrations.credentials import VARIABLE, new_key
from integrations.errors import Problem
from integrations.sandbox import provider_keys
from tests.integrations.recorder import Recorder

ACTION = registry()["secrets.ledger"]
PLAIN = {
    "DATABASE_URL": "postgresql://api:hidden-one@db.invalid/covenant", "REDIS_URL": "redis://:hidden-two@q.invalid/0",
    "SESSION_TTL": "604800", "QUEUE_DRIVER": "redis", "CORS_ORIGINS": "https://a.invalid, https://b.invalid",
    "COOKIE_DOMAIN": "a.invalid", "AWS_REGION": "eu-west-1",
}  # fmt: skip


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, new_key())


@pytest.fixture
def run(tmp_path: Path, new_context: Callable[..., Context]) -> Callable[..., Any]:
    keys = provider_keys.new()

    def ran(
        report: Recorder, *, old: dict[str, str] | None = None, rehearsal: bool = True, **changed: str | None
    ) -> Any:
        new = {name: value for name, value in {**keys, **PLAIN, **changed}.items() if value is not None}
        for name, values in (("new", new), ("old", old or {})):
            text = "".join(f"{setting}='{value}'\n" for setting, value in values.items())
            (tmp_path / f"{name}.env").write_text(text)
        systems = {n: {"kind": "env_file", "path": str(tmp_path / f"{n}.env")} for n in ("new", "old")}
        context = Context(**{**vars(new_context(systems)), "rehearsal": rehearsal})
        return ACTION.run(ACTION.bind({"new": "new", "old": "old"}, context), report)

    return ran


def test_a_whole_estate_is_green_and_no_value_is_shown(run: Any) -> None:
    report = Recorder()
    outcome = run(
        report, old={"REDIS_URL": PLAIN["REDIS_URL"], "STRIPE_SECRET_KEY": "sk_test_old", "MAIL_PORT": "587"}
    )
    assert outcome.ok, outcome.summary
    rows = {row["name"]: row["state"] for row in report.facts["ledger"]["settings"]}
    assert (rows["REDIS_URL"], rows["STRIPE_SECRET_KEY"], rows["QUEUE_DRIVER"]) == (
        "the same",
        "rotated",
        "new",
    )
    assert report.facts["ledger"]["only_old"] == ["MAIL_PORT"]
    shown = report.text + str(report.facts) + outcome.summary
    assert not any(value in shown for value in PLAIN.values() if "hidden" in value)


def test_what_the_old_estate_lacks_is_told_and_no_reason_to_stop(run: Any) -> None:
    report = Recorder()
    assert run(report, old={name: "x" for name in secret_names.OLD if name != "MAIL_*"}).ok
    assert report.facts["old_missing"] == ["MAIL_*"]
    assert "The old estate has no MAIL_*" in report.text


def test_an_old_file_that_cannot_be_read_to_its_end_is_not_taken_for_an_empty_one(
    run: Any, tmp_path: Path
) -> None:
    with pytest.raises(Problem, match=r"old\.env has lines that are no setting: 1"):
        run(Recorder(), old={"SECRET_KEY": "an' open quote"})


def test_a_missing_name_is_named(run: Any) -> None:
    report = Recorder()
    outcome = run(report, APPLE_KEY_ID=None, AWS_REGION=None)
    assert not outcome.ok
    assert "Missing: APPLE_KEY_ID, AWS_*." in outcome.summary


def rsa_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return pem(key)


def pem(key: Any) -> str:
    plain = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return text.decode().strip().replace("\n", "\\n")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STRIPE_SECRET_KEY", "pk_test_abc", "publishable key"),
        ("STRIPE_SECRET_KEY", "whsec_abc", "webhook secret"),
        ("STRIPE_SECRET_KEY", "sk_live_abc", "live key, and this is a rehearsal"),
        ("PAYSTACK_SECRET_KEY", "pk_test_abc", "no secret key of Paystack"),
        ("FLUTTERWAVE_SECRET_KEY", "FLWPUBK-abc", "no secret key of Flutterwave"),
        ("DATABASE_URL", "postgresql:///covenant", "without a host"),
        ("DATABASE_URL", "mysql://db.invalid/x", "has to begin with"),
        ("REDIS_URL", "q.invalid:6379", "has to begin with"),
        ("CORS_ORIGINS", "www.a.invalid", "list of origins"),
        ("CORS_ORIGINS", "https://[a.invalid", "list of origins"),
        ("DATABASE_URL", "postgresql://db.invalid:port/x", "no address"),
        ("SHADOW_DATABASE_URL", "postgresql:///shadow", "without a host"),
        ("STRIPE_WEBHOOK_SECRET", "sk_test_abc", "API key of Stripe"),
        ("STRIPE_WEBHOOK_SECRET", "abc", "begin with whsec_"),
        ("QUEUE_DRIVER", "memory", "does not start"),
        ("SESSION_SECRET", "short", "fewer than 32"),
        ("SESSION_TTL", "a week", "number of seconds"),
        ("COOKIE_DOMAIN", "changeme", "placeholder"),
        ("COOKIE_DOMAIN", " a.invalid", "blank"),
        ("APPLE_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----", "no private key in PEM"),
        ("APPLE_PRIVATE_KEY", rsa_key(), "no EC key on P-256"),
        ("APPLE_PRIVATE_KEY", pem(ec.generate_private_key(ec.SECP384R1())), "no EC key on P-256"),
    ],
)
def test_what_is_malformed_is_named_with_its_remedy(run: Any, name: str, value: str, said: str) -> None:
    outcome = run(Recorder(), **{name: value})
    assert not outcome.ok
    assert f"{name} " in outcome.summary
    assert said in outcome.summary


def test_test_keys_and_a_shadow_database_are_refused_in_production(run: Any) -> None:
    outcome = run(Recorder(), rehearsal=False, SHADOW_DATABASE_URL="postgresql://x.invalid/shadow")
    assert "STRIPE_SECRET_KEY is a test key, and this is production" in outcome.summary
    assert "SHADOW_DATABASE_URL is set" in outcome.summary


def test_the_old_signing_key_must_not_sign_new_sessions(run: Any) -> None:
    same = "k3y" * 15
    assert (
        "is the old estate's SECRET_KEY"
        in run(Recorder(), SESSION_SECRET=same, old={"SECRET_KEY": same}).summary
    )


def test_every_name_that_the_customer_lists_is_asked_for() -> None:
    assert {"SESSION_SECRET", "FINCRA_WEBHOOK_SECRET", "FACEBOOK_CLIENT_SECRET"} <= set(secret_names.NEW)
    assert secret_names.missing(secret_names.OLD, {"MAIL_SERVER": "x"}) == [
        name for name in secret_names.OLD if name != "MAIL_*"
    ]


def test_it_only_reads(tmp_path: Path) -> None:
    assert ACTION.probe(None, {}).seen == Seen.NOT_DONE
