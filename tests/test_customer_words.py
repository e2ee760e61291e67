"""The product's code has no word of the customer: those are in the runbook, as each team writes its own."""

from __future__ import annotations

import ast

import pytest

from tests.customer_words import customer_words, find_words, product

#: (word, module) → why the code may have it. An entry that is no longer needed is an error.
ALLOWED = {
    ("/health/ready", "cutover.run"): "the panel's own address",
    ("/login", "integrations.sign_in"): "an example in a message",
    ("/oauth", "integrations.actions.oauth_signin"): "an example in the reference",
    ("/oauth", "integrations.actions.oauth_smoke"): "an example in the reference",
    ("/webhooks", "integrations.actions.webhooks_check"): "an example in the reference",
    ("/webhooks", "integrations.actions.writers_check"): "an example in a message",
    ("/profile", "integrations.clients.payments.fincra"): "a path of the provider's API",
    ("access_token", "integrations.clients.oauth.facebook"): "a name of the OAuth standard",
    ("access_token", "integrations.clients.registry"): "a name of the OAuth standard",
    ("created_at", "cutover.accounts.admin"): "a column of the library for sign-in",
    ("/login", "cutover.accounts.urls"): "a page of the panel",
    ("provider_id", "cutover.accounts.urls"): "a name of the library for sign-in",
    ("provider_id", "cutover.sign_in_settings"): "a name of the library for sign-in",
    ("_SECRET_KEY", "integrations.clients.payments.provider"): "runbooks of before name no variable",
    (
        "image.repository",
        "integrations.clients.platform.helm",
    ): "what `helm create` names it; a setting replaces it",
    ("image.tag", "integrations.clients.platform.helm"): "what `helm create` names it; a setting replaces it",
    ("is_active", "checklists.models.gate_rules"): "the panel's own column",
    ("is_active", "checklists.models.gate_triggers"): "the panel's own column",
    ("created_by_id", "checklists.models.cutover"): "the panel's own column",
    ("created_by_id", "checklists.models.person_rules"): "the panel's own column",
    ("is_active", "checklists.models.person_rules"): "the panel's own column",
    ("created_by_id", "checklists.models.record_rules"): "the panel's own column",
    ("created_at", "checklists.models.cutover"): "the panel's own column",
    ("created_at", "checklists.admin"): "the panel's own column",
    ("created_at", "integrations.clients.payments.flutterwave"): "a field of the provider's answer",
    ("created_at", "integrations.actions.dualrun_watch"): "the name of a setting, in the reference",
    ("created_at", "integrations.traffic.dual_run.booked_payments"): "the name of a setting, and its default",
    ("created_at", "integrations.traffic.dual_run.provider_totals"): "the name of a setting",
    ("password_hash", "integrations.actions.login_canary"): "an example in a message",
    ("password_hash", "integrations.environment.accounts"): "an example in a message",
    ("sqlalchemy", "integrations.clients.postgres"): "its form of an address is translated, whoever uses it",
    ("sqlalchemy", "integrations.prisma.alignment"): "a comment in a script whose checksum people signed",
} | {
    (
        word,
        "integrations.traffic.dual_run.read_rules",
    ): "personal values of anybody, masked; a runbook adds more"
    for word in ("avatar_url", "birth_date", "first_name", "last_name")
}


def test_the_products_code_has_no_word_of_the_customer() -> None:
    found = {(word, name) for name, tree in product() for word in find_words(tree)}
    assert found - ALLOWED.keys() == set(), "move the value to a parameter or to systems:, or give the reason"
    assert ALLOWED.keys() - found == set(), "these entries are no longer needed"
    assert all(ALLOWED.values())


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("path = '/donations?page=1'", "/donations"),
        ("path = f'{url}/health/live'", "/health/live"),
        ("query = 'select id from prayer_requests'", "prayer_requests"),
        ("query = 'SELECT * FROM public.\"users\"'", "users"),
        ("columns = {'payment_method': 1}", "payment_method"),
        ("name = f'{provider}_SECRET_KEY'", "_SECRET_KEY"),
        ("name = 'FINCRA_WEBHOOK_SECRET'", "FINCRA_WEBHOOK_SECRET"),
        ("queue = 'automation-tasks'", "automation-tasks"),
        ("job = 'digests.department'", "digests.department"),
        ("job = 'executive-kpi-digest'", "executive-kpi-digest"),
        ("key = 'backend.replicaCount'", "replicaCount"),
        ("def count_donations(): ...", "donations"),
        ("where = environ['SANDBOX_PORT']", "SANDBOX_"),
        ("host = 'www.covenantconnect.org'", "covenant"),
        ("def run():\n    'Reads table ministry_departments.'", "ministry_departments"),
        ("first = '20250922022205_init'", "20250922022205_init"),
    ],
)
def test_a_word_of_the_customer_is_found(code: str, word: str) -> None:
    assert word in find_words(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "settings = load(events, members, users, sessions, resources)",
        "text = 'The users of the panel see events and settings.'",
        "text = 'and/or'; path = '/donations-of-others'",
        "started = status['name']",
        "x = 1  # the table prayer_requests",
    ],
)
def test_a_common_word_and_a_comment_are_no_word_of_the_customer(code: str) -> None:
    assert find_words(ast.parse(code)) == set()


def test_the_words_come_from_every_part_of_the_recorded_facts() -> None:
    words = customer_words()
    assert len(words) > 250
    assert {"donations", "payment_method", "/email/send", "KPI_DIGEST_CRON", "image.pullPolicy"} <= set(words)
