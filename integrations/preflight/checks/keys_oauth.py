"""Sign-in clients are configured, lead back to https, and are accepted where a read can tell."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

from integrations.clients.oauth import OAuthClient
from integrations.environment.secret_names import RULES, check_value
from integrations.errors import Problem, Unreachable
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.read_only import ReadOnlyClient, WouldWrite
from integrations.preflight.result import CheckResult, Verdict
from integrations.systems import System

SECRETS = ("client_id", "client_secret", "private_key", "key_id", "team_id")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@preflight_check(
    "keys.oauth",
    "Sign-in clients are configured, and accepted where a read tells",
    seconds=40,
    texts_shown=True,
)
def check_sign_in_clients(scope: CheckScope) -> Iterator[CheckResult]:
    """The settings of each client; then the provider itself, where it answers that to a GET."""
    client = ReadOnlyClient(scope.systems.hosts())
    questions = []
    for system in scope.systems_of("oauth"):
        asked = "its settings, then the provider where it tells by a read whether it accepts the client"
        question = Question(f"{system.name}: client", asked, (system.name,))
        questions.append((question, partial(_check_client, scope, client, system, question)))
    yield from ask_all(scope, questions)


def _check_client(
    scope: CheckScope, client: ReadOnlyClient, system: System, question: Question
) -> Iterator[CheckResult]:
    if wrong := _find_wrong_setting(scope, system) or _find_wrong_redirect(system):
        yield question.red(
            wrong, "Correct the setting, or its variable; the provider's console has the value."
        )
        return
    provider = system.registered_driver().implementation_of(OAuthClient)(system, client)
    provider.secret()
    try:
        known = provider.check_client()
    except WouldWrite:
        yield question.green(
            f"Its settings are complete and well-formed; people come back to {provider.redirect}. Not asked: "
            "whether the provider accepts the secret, which only a POST tells (oauth.smoke sends it)."
        )
        return
    except Unreachable as problem:
        yield question.explain(problem, Verdict.UNKNOWN)
        return
    said = f"{system.driver().capitalize()} {known.summary}."
    if known.ok:
        yield question.green(said)
    else:
        yield question.red(said, "Compare client id and secret with the provider's console.")


def _find_wrong_setting(scope: CheckScope, system: System) -> str:
    for name in (name for name in SECRETS if name in system.settings):
        value = system[name]
        rule = "apple_key" if name == "private_key" and system.driver() == "apple" else ""
        wrong = (
            "is empty." if not value else check_value(value, rule if rule in RULES else "", rehearsal=True)
        )
        if wrong:
            return f"{name}: {wrong}"
        if name == "client_id" and (same := _find_twin(scope, system, value)):
            return f"client_id: is also that of the system “{same}”."
    if "client_secret" not in system.settings and "private_key" not in system.settings:
        return "It has neither client_secret: nor private_key:."
    return ""


def _find_wrong_redirect(system: System) -> str:
    if "redirect" not in system.settings:
        return "It has no redirect: to come back to."
    try:
        parts = urlsplit(system["redirect"])
        host = parts.hostname
    except ValueError:
        return "redirect: is no address."
    if parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK):
        return "" if host else "redirect: is an address without a host."
    return f"redirect: begins with {parts.scheme or 'nothing'}:, and providers take https only."


def _find_twin(scope: CheckScope, system: System, value: str) -> str:
    for other in scope.systems_of("oauth"):
        try:
            if other.name != system.name and other.get("client_id") == value:
                return other.name
        except Problem:
            continue
    return ""
