"""The ledger tells unchanged from rotated settings without showing a value, and names each mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from integrations.actions import Context, ProbeStatus, registry
from integrations.credentials import VARIABLE, generate_key
from integrations.environment import secret_names
from integrations.errors import Problem
from integrations.sandbox import provider_keys
from integrations.sandbox.facts import load_facts
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder

ACTION = registry()["secrets.ledger"]
ITEMS = [item for phase in customer_runbook()["phases"] for item in phase["items"]]
PARAMS = next(item["params"] for item in ITEMS if item["key"] == "secrets-ledger")
SHIPPED = {name: value for name, value in PARAMS.items() if name not in ("new", "export")}
PLAIN = {
    "DATABASE_URL": "postgresql://api:hidden-one@db.invalid/covenant",
    "REDIS_URL": "redis://:hidden-two@q.invalid/0",
    "SESSION_TTL": "604800",
    "QUEUE_DRIVER": "redis",
    "CORS_ORIGINS": "https://a.invalid, https://b.invalid",
    "COOKIE_DOMAIN": "a.invalid",
    "AWS_REGION": "eu-west-1",
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, generate_key())


@pytest.fixture
def run(tmp_path: Path, new_context: Callable[..., Context]) -> Callable[..., Any]:
    keys = provider_keys.new()
    keys.pop("PAYSTACK_WEBHOOK_SECRET")
    keys["APPLE_PRIVATE_KEY"] = keys["APPLE_PRIVATE_KEY"].replace("\\n", "\n")

    def ran(
        report: Recorder, *, old: dict[str, str] | None = None, rehearsal: bool = True, **changed: str | None
    ) -> Any:
        new = {name: value for name, value in {**keys, **PLAIN, **changed}.items() if value is not None}
        for name, values in (("new", new), ("old", old or {})):
            text = "".join(f"{setting}='{value}'\n" for setting, value in values.items())
            (tmp_path / f"{name}.env").write_text(text)
        systems = {n: {"kind": "env_file", "path": str(tmp_path / f"{n}.env")} for n in ("new", "old")}
        context = Context(**{**vars(new_context(systems)), "rehearsal": rehearsal})
        return ACTION.run(ACTION.bind({**SHIPPED, "new": "new", "old": "old"}, context), report)

    return ran


def test_a_complete_environment_is_green_and_no_value_is_shown(run: Any) -> None:
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


def test_names_that_the_old_environment_lacks_are_reported_and_not_red(run: Any) -> None:
    report = Recorder()
    assert run(
        report, old={name.replace("*", "X"): "x" for name in SHIPPED["old_names"] if name != "MAIL_*"}
    ).ok
    assert report.facts["old_missing"] == ["MAIL_*"]
    assert "The old environment has no MAIL_*" in report.text


def test_a_malformed_old_file_is_an_error(run: Any, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"Lines that are no setting: 1"):
        run(Recorder(), old={"SECRET_KEY": "an' open quote"})


def test_a_missing_name_is_named(run: Any) -> None:
    report = Recorder()
    outcome = run(report, APPLE_KEY_ID=None, COOKIE_DOMAIN=None)
    assert not outcome.ok
    assert "Missing: APPLE_KEY_ID." in outcome.summary, "COOKIE_DOMAIN has no effect"


def test_settings_without_effect_and_unknown_ones_are_listed(run: Any) -> None:
    report = Recorder()
    outcome = run(report, KPI_DIGEST_CRONS="0 7 * * 1")
    assert outcome.ok, outcome.summary
    assert report.facts["unknown"] == ["KPI_DIGEST_CRONS"]
    assert "Not known to the runbook: KPI_DIGEST_CRONS." in outcome.summary
    assert report.facts["without_effect"]["COOKIE_DOMAIN"] == "no cookie is ever set"
    assert "SESSION_SECRET has no effect: nothing is signed with it" in report.text


def test_the_shipped_settings_without_effect_are_recorded_as_such() -> None:
    facts = load_facts("deploy.json")["environment_new"]
    known = {name.partition(" ")[0] for name in facts["read_by_code"]}
    useless = " ".join(facts["read_and_without_effect"]).replace(",", " ").replace("*", "").split()
    assert {*SHIPPED["optional"], *SHIPPED["without_effect"]} <= known
    assert all(name.startswith(tuple(useless)) for name in SHIPPED["without_effect"])
    assert not [name for name in SHIPPED["optional"] if name in useless]


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
        ("QUEUE_DRIVER", "memory", "has to be “redis”"),
        ("SESSION_SECRET", "short", "fewer than 32"),
        ("SESSION_TTL", "a week", "number of seconds"),
        ("COOKIE_DOMAIN", "changeme", "placeholder"),
        ("COOKIE_DOMAIN", " a.invalid", "blank"),
        ("APPLE_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----", "no private key in PEM"),
        ("APPLE_PRIVATE_KEY", provider_keys.apple_key(), "which the new stack does not read"),
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


def test_the_old_signing_key_is_refused_as_session_secret(run: Any) -> None:
    same = "k3y" * 15
    assert (
        "is the old environment's SECRET_KEY"
        in run(Recorder(), SESSION_SECRET=same, old={"SECRET_KEY": same}).summary
    )


def test_a_setting_that_has_to_equal_another_is_compared_where_it_is_set(run: Any) -> None:
    name, key = "PAYSTACK_WEBHOOK_SECRET", "sk_test_" + "5" * 32
    outcome = run(Recorder(), **{name: "whsec_of_its_own"})
    assert not outcome.ok
    assert f"{name} is not the value of PAYSTACK_SECRET_KEY" in outcome.summary
    assert "whsec_of_its_own" not in outcome.summary
    assert run(Recorder(), **{name: key, "PAYSTACK_SECRET_KEY": key}).ok
    assert run(Recorder()).ok, "it need not be there"


def test_the_shipped_names_are_those_of_the_customers_facts() -> None:
    facts = load_facts("deploy.json")["environment_new"]
    known = {name.partition(" ")[0] for name in facts["read_by_code"]}
    assert set(facts["required"]) <= set(SHIPPED["names"]) <= known
    without_effect = " ".join(facts["read_and_without_effect"]).replace(",", " ").split()
    assert not set(SHIPPED["names"]) & set(without_effect)
    assert set(SHIPPED["rules"]) <= known


def test_a_name_with_a_star_stands_for_any_that_begins_so() -> None:
    assert secret_names.find_missing(["MAIL_*", "A"], {"MAIL_SERVER": "x"}) == ["A"]


@pytest.mark.parametrize("rule", ["no_such_rule", [], [5], {"a": "b"}])
def test_an_unknown_rule_is_refused(new_context: Any, rule: Any) -> None:
    context = new_context({"new": {"kind": "env_file", "path": "/nowhere"}})
    with pytest.raises(Exception, match="is no rule; there are apple_key"):
        ACTION.bind({"new": "new", "names": ["A"], "rules": {"A": rule}}, context)


def test_a_probe_finds_no_effect(tmp_path: Path) -> None:
    assert ACTION.probe(None, {}).status == ProbeStatus.NOT_DONE


@pytest.mark.parametrize(
    "value",
    [
        "op://vault/item/field",
        "ENC[AES256_GCM,data:abc,type:str]",
        "encrypted:BDqDBibm4wsYqMpC",
        "${OTHER_SECRET}",
        "$OTHER_SECRET",
        "vault:secret/data/app#key",
        "sm://project/secret",
        "arn:aws:secretsmanager:eu-west-1:1:secret:x",
        "{{ .Values.secret }}",
    ],
)
def test_a_reference_is_no_value(run: Any, value: str) -> None:
    outcome = run(Recorder(), SESSION_SECRET=value)
    assert "SESSION_SECRET is no value but" in outcome.summary


@pytest.mark.parametrize("value", ["pa$$word-" * 5, "a{b}" * 10, "sm:" + "k" * 40, "x" * 30 + "op://"])
def test_a_secret_with_odd_signs_is_a_value(value: str) -> None:
    assert secret_names.check_value(value, "long_secret", rehearsal=True) == ""
