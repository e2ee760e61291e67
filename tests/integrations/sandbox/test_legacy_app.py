"""The old application answers as its facts were recorded, before a freeze and in it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import requests

from integrations.actions import Context, Outcome, registry
from integrations.sandbox.facts import FOLDER, load_facts
from integrations.sandbox.forms import FormPage
from integrations.sandbox.legacy.access import APPLICATION, MIGRATOR, READER
from integrations.sandbox.old_app_entries import save_by_forms
from integrations.sandbox.state import CANARY
from integrations.sandbox.visitors import WebsiteUser
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment, running

KEY = "key-of-the-tests"
WHO = "admin@people.invalid"
PASSWORD = "made-up"
#: recorded answers of what the sandbox does not play: sign-in by a provider, and reports
NOT_PLAYED = re.compile(r"old--(oauth-|metrics|.*-csv|notifications-get)")
FORMS = re.compile(r"old--(.*webhook-fincra|.*login-post|frozen-login|oauth)")
STANDING = ("Server", "Access-Control-Allow-Origin", "Vary", "Content-Type")


@contextmanager
def old_app(environment: SandboxEnvironment, name: str, **env: str) -> Iterator[str]:
    address = environment.url(APPLICATION, name)
    env = {"CHECKOUT_URL": "", "FINCRA_SECRET_KEY": KEY, **env}
    with running(environment.process("old-app", DATABASE_URL=address, **env)) as base:
        yield base


@pytest.fixture(scope="module")
def database(environment: SandboxEnvironment) -> str:
    return environment.copy()


@pytest.fixture(scope="module")
def base(environment: SandboxEnvironment, database: str) -> Iterator[str]:
    with old_app(environment, database) as found:
        yield found


def visitor(base: str, environment: SandboxEnvironment, database: str, *, admin: bool = False) -> WebsiteUser:
    person = WebsiteUser(base, KEY)
    if admin:
        person.register_as(WHO, PASSWORD)
        environment.execute("UPDATE users SET is_admin = true WHERE email = %s", WHO, database=database)
        answer = person.fill_in("/login", {"email": WHO, "password": PASSWORD})
        assert answer is not None
        assert answer.status_code == 302
    return person


def fact(name: str) -> dict[str, Any]:
    found: dict[str, Any] = load_facts(f"answers/{name}.json")
    return found


def send(person: WebsiteUser, recorded: dict[str, Any]) -> requests.Response:
    """The recorded request, with a token and a cookie of this session where the record had them."""
    asked = recorded["request"]
    form = asked.get("form")
    url = person.base + asked["path"]
    if asked["method"] == "GET":
        return person.session.get(url, timeout=60, allow_redirects=False)
    if not isinstance(form, dict):
        return person.session.post(url, data=b"{}", timeout=60, allow_redirects=False)
    if "csrf_token" in form:
        page = FormPage(person.session.get(f"{person.base}/donate", timeout=60).text)
        form = {**form, "csrf_token": page.fields["csrf_token"]}
    return person.session.post(url, data=form, timeout=60, allow_redirects=False)


def check(recorded: dict[str, Any], answer: requests.Response) -> None:
    expected = recorded["response"]
    headers = dict(expected["headers"])
    assert answer.status_code == expected["status"]
    assert {name: answer.headers[name] for name in STANDING} == {name: headers[name] for name in STANDING}
    assert answer.headers.get("Location") == headers.get("Location")
    if isinstance(expected["body"], dict) and expected["body"].get("html"):
        title = re.search("<title>(.*?)</title>", answer.text)
        assert title is not None
        assert title[1] == expected["body"]["title"]
        assert ("csrf_token" in answer.text) is expected["body"]["csrf_field"]
    elif "json" in headers["Content-Type"] and isinstance(expected["body"], dict):
        assert answer.json() == expected["body"]


def recorded_names(pattern: str, without: re.Pattern[str]) -> list[str]:
    names = sorted(path.stem for path in FOLDER.glob(f"answers/{pattern}.json"))
    return [name for name in names if not without.match(name) and not NOT_PLAYED.match(name)]


PLAIN = re.compile(r"old--(.*frozen-|webhook-fincra|login-post(?!-without)|logout)")


@pytest.mark.parametrize("name", recorded_names("old--*", PLAIN))
def test_each_recorded_answer_is_given_again(
    base: str, environment: SandboxEnvironment, database: str, name: str
) -> None:
    staff = "--signed-in" in name or name in ("old--church-add", "old--admin-user-create")
    environment.execute("DELETE FROM users WHERE email = ANY(%s)", MADE, database=database)
    person = visitor(base, environment, database, admin=staff)
    with person.session:
        check(fact(name), send(person, fact(name)))


MADE = [WHO, "by.admin@people.invalid", "Made.Up@People.invalid"]


def test_the_calendar_has_every_event_with_the_recorded_fields(base: str, environment: Any) -> None:
    rows = requests.get(f"{base}/api/events.json", timeout=60).json()
    recorded = fact("old--events-json")["response"]["body"][0]
    assert {*rows[0]} == {*recorded}
    assert len(rows) == environment.execute("SELECT count(*) FROM events")[0][0]
    assert isinstance(rows[0]["id"], int)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", rows[0]["start"])


def gifts(environment: SandboxEnvironment, database: str) -> list[tuple[Any, ...]]:
    return environment.execute(
        "SELECT status, payment_method, reference, transaction_id, error_message, payment_info FROM donations"
        " WHERE email LIKE '%%giver@people.invalid' ORDER BY id DESC",
        database=database,
    )


def give(base: str, **values: str) -> requests.Response:
    gift = {"email": "giver@people.invalid", "amount": "12.50", "currency": "NGN", "payment_method": "fincra"}
    answer = WebsiteUser(base).fill_in("/donate", {**gift, **values})
    assert answer is not None
    return answer


def report(base: str, body: bytes, key: str = KEY) -> requests.Response:
    headers = {"x-fincra-signature": hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}
    return requests.post(f"{base}/webhooks/fincra", data=body, headers=headers, timeout=60)


def test_a_gift_is_pending_until_fincra_reports_it(environment: SandboxEnvironment) -> None:
    name = environment.copy()
    with old_app(environment, name, CHECKOUT_URL="http://127.0.0.1:9/checkout") as base:
        assert give(base).headers["location"].startswith("http://127.0.0.1:9/checkout/")
        status, _, reference, number, error, info = gifts(environment, name)[0]
        assert (status, len(reference), error) == ("pending", 36, None)
        assert number
        assert {"authorization_url", "provider_response"} <= set(info)
        body = json.dumps(
            {"transactionId": "t", "status": "successful", "reference": reference}, indent=1
        ).encode()
        check(
            fact("old--webhook-fincra-unsigned"), requests.post(f"{base}/webhooks/fincra", body, timeout=60)
        )
        check(fact("old--webhook-fincra-wrong-secret"), report(base, body, "another"))
        unknown = body.replace(reference.encode(), b"x")
        check(fact("old--webhook-fincra-unknown-gift"), report(base, unknown))
        check(fact("old--webhook-fincra"), report(base, body))
        check(fact("old--webhook-fincra-again"), report(base, body))
        assert gifts(environment, name)[0][0] == "success"
        assert give(base, payment_method="stripe").status_code == 302
        assert gifts(environment, name)[0][:2] == ("pending", "stripe"), "and so it stays: no such webhook"


def test_a_gift_whose_provider_cannot_be_reached_has_failed(
    base: str, environment: SandboxEnvironment, database: str
) -> None:
    assert give(base, payment_method="cash").headers["location"] == "/donate"
    status, method, _, number, error, _ = gifts(environment, database)[0]
    assert (status, method, number) == ("failed", "cash", None)
    assert error


def test_a_prayer_of_a_member_is_noted_with_the_member(
    base: str, environment: SandboxEnvironment, database: str
) -> None:
    (email,) = environment.execute(
        "SELECT min(email) FROM members GROUP BY lower(email) HAVING count(*) = 1 ORDER BY 1 LIMIT 1",
        database=database,
    )[0]
    prayer = {"name": "A", "email": email.upper(), "request": "peace", "is_public": "on"}
    assert WebsiteUser(base).fill_in("/prayers", prayer) is not None
    rows = environment.execute(
        "SELECT c.interaction_type, c.source, p.request FROM care_interactions c JOIN prayer_requests p"
        " ON p.id = (c.extra_data->>'prayer_request_id')::int ORDER BY c.id DESC LIMIT 1",
        database=database,
    )
    assert rows == [("prayer_request", "prayer_form", "peace")]


def freeze(environment: SandboxEnvironment, name: str) -> None:
    end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s and datname = %s"
    with psycopg.connect(environment.url(MIGRATOR, name), autocommit=True) as migrator:
        migrator.execute(
            f"alter role {APPLICATION} in database {name} set default_transaction_read_only = on"
        )
        migrator.execute(end, [APPLICATION, name])


def test_frozen_it_answers_by_route_as_recorded_and_writes_nothing(environment: SandboxEnvironment) -> None:
    name = environment.copy()
    tables = ("donations", "prayer_requests", "users", "churches", "events")
    with old_app(environment, name, CHECKOUT_URL="http://127.0.0.1:9/checkout") as base:
        give(base)
        reference = gifts(environment, name)[0][2]
        person = visitor(base, environment, name, admin=True)
        before = [environment.execute(f"select count(*) from {one}", database=name) for one in tables]
        freeze(environment, name)
        first = fact("old--frozen-first-request-after-sessions-ended")
        answer = send(person, first)
        check(first, answer)
        assert 'class="alert"' in answer.text, "an empty list with a message"
        assert "<li>" not in answer.text
        again = send(person, fact("old--frozen-second-request"))
        check(fact("old--frozen-second-request"), again)
        assert "<li>" in again.text, "the next one is right again"
        for recorded in recorded_names("old--frozen-*", FORMS):
            if "request" not in recorded:
                check(fact(recorded), send(person, fact(recorded)))
        body = json.dumps({"transactionId": "t", "status": "successful", "reference": reference}).encode()
        check(fact("old--frozen-webhook-fincra"), report(base, body))
        after = [environment.execute(f"select count(*) from {one}", database=name) for one in tables]
        assert after == before
        signed_in = WebsiteUser(base).fill_in("/login", {"email": WHO, "password": PASSWORD})
        assert signed_in is not None
        assert signed_in.headers["location"] == "/", "the sign-in writes nothing and goes on"


def test_its_pages_escape_what_people_wrote(base: str) -> None:
    prayer = {"name": "A", "email": "a@people.invalid", "request": "<script>alert(1)</script>"}
    WebsiteUser(base).fill_in("/prayers", {**prayer, "is_public": "on"})
    text = requests.get(f"{base}/prayers", timeout=60).text
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>" not in text


def test_a_token_of_another_session_is_refused(base: str) -> None:
    other = FormPage(requests.get(f"{base}/prayers", timeout=60).text).fields["csrf_token"]
    person = WebsiteUser(base)
    person.session.get(f"{base}/prayers", timeout=60)
    answer = person.session.post(f"{base}/prayers/submit", data={"csrf_token": other}, timeout=60)
    assert answer.status_code == 400


def test_it_starts_without_its_database_and_shows_empty_pages(environment: SandboxEnvironment) -> None:
    with old_app(environment, "no_such_database") as base:
        answer = requests.get(f"{base}/events", timeout=60)
        assert answer.status_code == 200
        assert 'class="alert"' in answer.text
        assert requests.get(f"{base}/api/events.json", timeout=60).status_code == 500


def test_what_is_not_there_is_not_there(base: str) -> None:
    for path in load_facts("old_app.json")["not_there"]["all 404"]:
        assert requests.get(base + path, timeout=60).status_code == 404


def test_what_people_save_after_a_rollback_is_found_by_the_check_of_the_runbook(
    environment: SandboxEnvironment, new_context: Callable[..., Context]
) -> None:
    name, phases = environment.copy(), customer_runbook()["phases"]
    params = next(i["params"] for p in phases for i in p["items"] if i["key"] == "old-app-saved")
    systems = {"reader": {"kind": "postgres", "url": environment.url(READER, name)}}

    def check() -> Outcome:
        action = registry()["sql.check"]
        return action.run(action.bind(params, new_context(systems)), Recorder())

    before = check()
    assert not before.ok
    assert all(what in before.summary for what in ("a gift", "a church")), before.summary
    with old_app(environment, name, CHECKOUT_URL="http://127.0.0.1:9/checkout") as base:
        save_by_forms(base, CANARY, environment.sandbox.state.canary_password)
    after = check()
    assert after.ok, after.summary
    environment.execute("DELETE FROM churches WHERE name = 'Cutover check'", database=name)
    assert "a church" in check().summary
