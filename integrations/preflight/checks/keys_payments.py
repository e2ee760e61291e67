"""Payment keys are of the right type and mode, and the providers accept them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from integrations.clients.payments.mode import KeyMode, refuse_wrong_mode
from integrations.clients.payments.provider import PaymentProvider, ProviderBusy
from integrations.environment.secret_names import RULES, check_value
from integrations.errors import MissingVariable, Problem, Unreachable
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.read_only import ReadOnlyClient
from integrations.preflight.result import CheckResult, Verdict
from integrations.systems import System

KEY, WEBHOOK = "secret_key", "webhook_secret"
WEBHOOK_ACTIONS = ("webhooks.check", "webhooks.booking")


@preflight_check(
    "keys.payments", "Payment keys are right, and the providers accept them", seconds=40, texts_shown=True
)
def check_payment_keys(scope: CheckScope) -> Iterator[CheckResult]:
    """By its form first, so that a live key is not sent in a rehearsal; then one read at the provider."""
    client = ReadOnlyClient(scope.systems.hosts())
    questions = []
    for system in scope.systems_of("payments"):
        asked = "type and mode of the key by its form, then a read of the account with it"
        question = Question(f"{system.name}: key", asked, (system.name,))
        questions.append((question, partial(_try_key, scope, client, system, question)))
        question = Question(
            f"{system.name}: webhook secret", "whether it is set, and its form", (system.name,)
        )
        questions.append((question, partial(_judge_webhook_secret, scope, client, system, question)))
    yield from ask_all(scope, questions)


def _provider(system: System, client: ReadOnlyClient) -> PaymentProvider:
    return system.registered_driver().implementation_of(PaymentProvider)(system, client)


def _try_key(
    scope: CheckScope, client: ReadOnlyClient, system: System, question: Question
) -> Iterator[CheckResult]:
    provider = _provider(system, client)
    key, rule = system[KEY], f"{provider.name}_key"
    if wrong := check_value(key, rule if rule in RULES else "", rehearsal=scope.rehearsal):
        yield question.red(f"The key {wrong}", f"Give {KEY}: of the system another key, then check again.")
        return
    if same := _find_twin(scope, system, KEY):
        yield question.red(
            f"The system “{same}” has the same key.",
            "Each account and each mode has its own: see which of the two variables is wrong.",
        )
        return
    refuse_wrong_mode(scope.rehearsal, provider.mode, system.name)
    try:
        account = provider.read_account()
    except (Unreachable, ProviderBusy) as problem:
        yield question.explain(problem, Verdict.UNKNOWN)
        return
    refuse_wrong_mode(scope.rehearsal, account.mode, system.name, asked=True)
    if account.mode == KeyMode.UNKNOWN:
        yield question.unknown(
            f"{provider.name.capitalize()} accepts the key ({account.summary}), and neither it nor the key's "
            "form tells whether it is a test key.",
            "Look at the key's page in the provider's dashboard, and take a key whose mode can be told.",
        )
        return
    yield question.green(
        f"{provider.name.capitalize()} accepts it: {account.mode} mode, {account.summary}. What it may do "
        "beside reading was not tried."
    )


def _judge_webhook_secret(
    scope: CheckScope, client: ReadOnlyClient, system: System, question: Question
) -> Iterator[CheckResult]:
    provider = _provider(system, client)
    if provider.webhook_key != WEBHOOK:
        yield question.green(f"{provider.name.capitalize()} signs its webhooks with {provider.webhook_key}:.")
        return
    try:
        value = system.get(WEBHOOK)
    except MissingVariable as missing:
        yield question.explain(missing)
        return
    if not value:
        needed = scope.items_of(*WEBHOOK_ACTIONS)
        verdict = Verdict.RED if needed else Verdict.AMBER
        remedy = f"Set {WEBHOOK}: of the system to the secret that the provider signs with."
        yield question.result(verdict, "It is empty: no webhook could be verified.", remedy)
        return
    rule = f"{provider.name}_webhook_secret"
    wrong = check_value(value, rule if rule in RULES else "", rehearsal=scope.rehearsal)
    if not wrong and value == system.get(KEY):
        wrong = f"is the same as {KEY}:."
    if not wrong and (same := _find_twin(scope, system, WEBHOOK)):
        wrong = f"is also that of the system “{same}”: each provider gives its own."
    if wrong:
        yield question.red(f"It {wrong}", f"Give {WEBHOOK}: of the system the secret of its own endpoint.")
    else:
        yield question.green("It is set. Only a signed event tells whether the provider uses it.")


def _find_twin(scope: CheckScope, system: System, setting: str) -> str:
    """The name of another system with the same value in a setting; "" where there is none."""
    value = system[setting]
    for other in scope.systems_of("payments"):
        try:
            if other.name != system.name and value and other.get(setting) == value:
                return other.name
        except Problem:
            continue  # its own result says that a variable is missing
    return ""
