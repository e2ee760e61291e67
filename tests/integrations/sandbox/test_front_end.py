"""The front end answers as it was recorded, and the runbook's items report each of its defects."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import argon2
import pytest
import requests

from integrations.actions import Context, Outcome, registry
from integrations.clients.http import Response
from integrations.clients.payments import webhooks
from integrations.sandbox.facts import load_facts
from integrations.sandbox.front_end import API_PATHS, FrontEnd
from integrations.sandbox.front_end_pages import PAGES
from integrations.sandbox.legacy.access import API, READER
from integrations.sandbox.new_api import Api
from integrations.sandbox.repairs import AppliedRepairs, Profile, load_repairs
from integrations.sandbox.serving import Answering, server_of
from integrations.systems import Systems
from integrations.traffic.traffic_probe import is_answer_from
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox import recorded_answers
from tests.integrations.sandbox.environments import SandboxEnvironment
from tests.ports import free_port

RUNBOOK = customer_runbook()
ITEMS = {item["key"]: item for phase in RUNBOOK["phases"] for item in phase["items"]}
NAMES = [name for name in recorded_answers.names() if name.startswith("frontend--")]
#: how the body is sent: Next.js does not know its length when it begins
LENGTH = ("content-length", "transfer-encoding")
EMAIL, PASSWORD = "canary@people.invalid", "only-for-this-test"
HASH = argon2.PasswordHasher().hash(PASSWORD)
ROWS = """
INSERT INTO donations (amount, currency, status, reference, payment_method)
  SELECT i + 0.25, 'GHS', CASE WHEN i % 3 = 0 THEN 'pending' ELSE 'completed' END, 'r' || i, 'stripe'
  FROM generate_series(1, 1200) i;
INSERT INTO events (title, start_date, end_date) SELECT 'E' || i, now(), now() FROM generate_series(1, 15) i;
INSERT INTO prayer_requests (name, request, status)
  SELECT 'P', 'x', CASE WHEN i % 4 = 0 THEN 'answered' ELSE 'new' END FROM generate_series(1, 40) i;
INSERT INTO sermons (title, date) VALUES ('S', now());
INSERT INTO members (first_name, last_name, email) SELECT 'A', 'B', i || '@x' FROM generate_series(1, 7) i;
INSERT INTO care_interactions (member_id, interaction_type, interaction_date)
  SELECT id, 'call', now() FROM members;
"""


@contextmanager
def serving(answering: Answering, name: str, headers: dict[str, str]) -> Iterator[str]:
    """The address of a program of the sandbox in this process."""
    port = free_port()
    with server_of(port, answering, name=name, headers=headers, etags=name == "new-api") as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"http://127.0.0.1:{port}"
        server.shutdown()


class Stack:
    """A front end and its API over one database, with the repairs that were applied."""

    def __init__(
        self, environment: SandboxEnvironment, database: str, folder: Path, stack: ExitStack
    ) -> None:
        self.repairs = AppliedRepairs(folder / "repairs.json")
        self.repairs.begin(Profile.RECORDED)
        common = {"REPAIRS_FILE": str(self.repairs.path), "API_TOKEN": "of-the-front-end"}
        api = Api({**common, **SECRETS, "DATABASE_URL": environment.url(API, database)})
        headers = load_facts("api.json")["headers"]["every_answer"]
        self.api = stack.enter_context(serving(api, "new-api", headers))
        self.site = stack.enter_context(
            serving(FrontEnd({**common, "NEXT_PUBLIC_API_BASE_URL": self.api}), "front-end", {})
        )
        self.alone = stack.enter_context(
            serving(FrontEnd({**common, "NEXT_PUBLIC_API_BASE_URL": "http://127.0.0.1:9"}), "front-end", {})
        )
        self.reader = environment.url(READER, database)


SECRETS = {"STRIPE_WEBHOOK_SECRET": "whsec_of_the_test"}
WEBHOOKS = {"webhook_secret": "whsec_of_the_test"}


@pytest.fixture(scope="module")
def database(environment: SandboxEnvironment) -> str:
    name = environment.migrated()
    environment.execute(f"GRANT CONNECT ON DATABASE {name} TO {API}, {READER}")
    ledger = "CREATE TABLE _prisma_migrations (id text, finished_at timestamptz, rolled_back_at timestamptz);"
    environment.execute(f"SET ROLE migrator; {ledger} {ROWS}", database=name)
    query = "INSERT INTO users (username, email, password_hash) VALUES ('canary', %s, %s)"
    environment.execute(query, EMAIL, HASH, database=name)
    return name


@pytest.fixture
def stack(environment: SandboxEnvironment, database: str, tmp_path: Path) -> Iterator[Stack]:
    with ExitStack() as programs:
        yield Stack(environment, database, tmp_path, programs)


@pytest.fixture
def run(stack: Stack, new_context: Callable[..., Context]) -> Callable[..., Outcome]:
    """Carries out an item of the runbook; public address, ingress and staging are this front end, too."""

    def run_item(key: str, changed: dict[str, Any] | None = None, **addresses: str) -> Outcome:
        shipped = RUNBOOK["systems"]
        site = {"site": stack.site, "public": stack.site, "partners": stack.site, "staging-site": stack.site}
        systems: dict[str, Any] = {
            **{name: {**shipped[name], "url": url} for name, url in {**site, **addresses}.items()},
            "api": {**shipped["api"], "url": stack.api},
            "reader": {"kind": "postgres", "url": stack.reader},
            "stripe": {**shipped["stripe"], "url": stack.api, "secret_key": "sk_test_x", **WEBHOOKS},
            "canary": {"kind": "login", "email": EMAIL, "password": PASSWORD},
        }
        action = registry()[ITEMS[key]["action"]]
        params = {**ITEMS[key]["params"], **(changed or {})}
        return action.run(action.bind(params, new_context(systems)), Recorder())

    return run_item


def test_every_recorded_answer_is_given(stack: Stack) -> None:
    assert len(NAMES) == 24
    wrong = {name: errors for name in NAMES if (errors := answer_errors(stack, name))}
    assert wrong == {}


def answer_errors(stack: Stack, name: str) -> list[str]:
    recorded = recorded_answers.load(name)
    base, body = stack.site if "--api-up--" in name else stack.alone, recorded["response"]["body"]
    answer = requests.get(base + recorded["request"]["path"], timeout=60, allow_redirects=False)
    headers = recorded_answers.header_errors(recorded["response"], answer)
    wrong = [one for one in headers if not one.startswith(LENGTH)]
    if answer.status_code != recorded["response"]["status"]:
        wrong.append(f"status {answer.status_code}")
    if ("__next_error__" in answer.text) is not body["broken"]:
        wrong.append("an error shell in one of both")
    if body["broken"] and (body["words_of_text"], title_of(answer.text)) != (2, "Covenant Connect"):
        wrong.append("an error shell has no text but its title of two words")
    return wrong


def title_of(page: str) -> str:
    return page.partition("<title>")[2].partition("</title>")[0]


def test_pages_and_what_they_ask_are_the_recorded_ones() -> None:
    for route in load_facts("frontend.json")["routes"]:
        page = PAGES[route["path"]]
        assert [f"GET {path}" for path in page.calls] == route["calls"]
        assert page.is_admin is (route["kind"] == "admin")
    assert len(PAGES) == len(load_facts("frontend.json")["routes"])
    routes = [one["path"] for one in load_facts("api.json")["routes"]]
    for path in API_PATHS:
        assert any(one.startswith(path) for one in routes), f"the API has nothing at {path}"
        assert path not in PAGES


def test_every_figure_that_was_read_from_the_source_stands_on_its_page() -> None:
    for path, facts in load_facts("frontend_figures.json")["pages"].items():
        if path == "/events":
            continue  # without events there is no button
        text = PAGES[path].render({})
        for figure in facts["figures"] if isinstance(facts["figures"], list) else ():
            assert (figure.get("after") or figure.get("before")) in text
    admin = load_facts("frontend_figures.json")["pages"]["/admin"]
    assert "API is unavailable" in admin["placeholder"]
    assert "API is unavailable" in PAGES["/admin"].render({})


def expect_red_then_green(
    stack: Stack, run: Callable[..., Outcome], defect: str, *keys: str, **more: str
) -> None:
    """Each item names the defect until its repair is applied."""
    for key in keys:
        outcome = run(key, **more)
        assert not outcome.ok
        assert load_repairs()[defect].is_reported_by(key, outcome.summary), f"{key}: {outcome.summary}"
    stack.repairs.apply(defect)
    for key in keys:
        outcome = run(key, **more)
        assert outcome.ok, f"{key}: {outcome.summary}"


PAGES_ITEMS = ("pages-deployed", "pages-ingress", "pages-public")


@pytest.mark.parametrize("guarded", [False, True])
def test_pages_that_fail_with_status_200_are_red_and_read_the_database_once_repaired(
    stack: Stack, run: Any, guarded: bool
) -> None:
    if guarded:  # the front end has a token of its own
        stack.repairs.apply("sign-in")
        assert requests.get(f"{stack.api}/donations", timeout=60).status_code == 401
    expect_red_then_green(stack, run, "pages-read-data", *PAGES_ITEMS)


def test_pages_with_invented_data_are_red(stack: Stack, run: Any) -> None:
    """Also while the API is down: what looks like a page has no figure of the database."""
    for defect in ("pages-read-data", "pages-invent-data"):
        outcome = run("pages-deployed", site=stack.alone)
        assert "/: shows 0 after “Open Prayer Requests”, and the database has" in outcome.summary
        assert "/events: shows “Edit event” 0 times, and the database has 12." in outcome.summary
        stack.repairs.apply(defect)
    assert "has “__next_error__”" in run("pages-deployed", site=stack.alone).summary


def test_a_page_that_invents_data_while_the_api_fails_is_red_on_staging(stack: Stack, run: Any) -> None:
    expect_red_then_green(stack, run, "pages-invent-data", "staging-pages", **{"staging-site": stack.alone})


def test_paths_of_the_api_that_nothing_leads_to_are_red(stack: Stack, run: Any) -> None:
    for repair in ("sign-in", "changes-without-sign-in"):
        stack.repairs.apply(repair)
    defect = load_repairs()["api-not-public"]
    for key, changed in (
        ("smoke-ingress", {}),
        ("smoke-public", {}),
        ("webhooks-public", {"providers": ["stripe"], "expects": {}}),
    ):
        outcome = run(key, changed)
        assert not outcome.ok
        assert defect.is_reported_by(key, outcome.summary), f"{key}: {outcome.summary}"
    expect_red_then_green(stack, run, "api-not-public", "smoke-site")
    stack.repairs.apply("raw-body")
    stack.repairs.apply("stripe-old-signatures")
    outcome = run("webhooks-public", {"providers": ["stripe"], "expects": {}})
    assert outcome.ok, outcome.summary
    expect_red_then_green(stack, run, "old-calendar-address", "old-calendars")
    recorded = recorded_answers.load("events-ics")["response"]
    answer = requests.get(f"{stack.site}/api/events.ics", timeout=60)
    assert answer.headers["content-type"] == dict(recorded["headers"])["Content-Type"]
    shapes = [
        [line.partition(":")[0] for line in text.split("\n")[:9]] for text in (recorded["body"], answer.text)
    ]
    assert shapes[0] == shapes[1]


def test_webhooks_pass_through_the_front_end_byte_by_byte(stack: Stack) -> None:
    path = "/donations/webhooks/stripe"
    event = (
        b'{\n "type": "checkout.session.completed", "data": {"object": {"id": "nobody", "status": 1.50}}\n}'
    )
    signed = webhooks.sign_event("stripe", event, SECRETS["STRIPE_WEBHOOK_SECRET"])

    def send() -> requests.Response:
        return requests.post(stack.site + path, data=signed.body, headers=dict(signed.headers), timeout=60)

    assert send().status_code == 404
    assert send().headers["x-powered-by"] == "Next.js"
    for repair in ("api-not-public", "raw-body"):
        stack.repairs.apply(repair)
    answer = send()
    assert answer.json()["message"] == "Donation not found for webhook reference"
    assert answer.headers["origin-agent-cluster"] == "?1", "the API's own marker"


def test_admin_pages_without_routes_and_open_to_everybody_are_red_each_by_its_cause(
    stack: Stack, run: Any
) -> None:
    stack.repairs.apply("sign-in")
    defects = [load_repairs()[key] for key in ("admin-routes", "admin-pages-open")]
    for key in ("admin-pages", "admin-pages-public"):
        summary = run(key).summary
        assert all(defect.is_reported_by(key, summary) for defect in defects), summary
    stack.repairs.apply("admin-routes")
    outcome = run("admin-pages")
    assert not defects[0].is_reported_by("admin-pages", outcome.summary)
    assert outcome.summary.startswith("3 path(s) are not refused without a sign-in: /admin answers 200")
    stack.repairs.apply("admin-pages-open")
    for key in ("admin-pages", "admin-pages-public"):
        outcome = run(key)
        assert outcome.ok, outcome.summary
    assert requests.get(f"{stack.site}/admin", cookies={"cc_token": "guessed"}, timeout=60).status_code == 401


def test_the_routes_of_the_admin_pages_are_missed_and_closed_for_strangers(stack: Stack, run: Any) -> None:
    for repair in ("sign-in", "changes-without-sign-in"):
        stack.repairs.apply(repair)
    assert requests.get(f"{stack.api}/admin/users", timeout=60).status_code == 404, "a guard sees only routes"
    missing = load_facts("frontend.json")["api_calls_that_the_api_does_not_have"]["all answer 404"]
    summary = run("smoke-admin").summary
    for method, path in (call.split() for call in missing):
        label = path.replace("{id}", "0") if method == "GET" else f"{method} {path.replace('{id}', '0')}"
        assert f"{label} answers 404 without a sign-in" in summary
    expect_red_then_green(stack, run, "admin-routes", "smoke-admin")


def test_users_are_saved_by_the_routes_of_the_admin_pages(stack: Stack) -> None:
    stack.repairs.apply("admin-routes")
    users = f"{stack.api}/admin/users"
    sent = {"username": "new", "email": "New@people.invalid", "password": "made-up", "is_admin": False}
    made = requests.post(users, json=sent, timeout=60)
    assert (made.status_code, made.json()["email"]) == (201, "new@people.invalid")
    one = f"{users}/{made.json()['id']}"
    assert requests.patch(one, json={"is_admin": True}, timeout=60).json()["is_admin"] is True
    assert requests.delete(one, timeout=60).status_code == 200
    assert requests.delete(one, timeout=60).status_code == 404


def test_each_figure_and_text_of_the_runbook_is_compared(stack: Stack, run: Any) -> None:
    """Another number in the database, or another text on the page, is red and named."""
    for repair in load_repairs():
        stack.repairs.apply(repair)
    for key in ("pages-deployed", "admin-pages"):
        assert run(key).ok
        pages = [alter(page) for page in ITEMS[key]["params"]["pages"]]
        summary = run(key, {"pages": pages}).summary
        for page in pages:
            said = summary.partition(f"{page['path']}: does not show “Nobody wrote this”.")[2]
            for figure in page.get("figures", ()):
                (text,) = (figure[name] for name in ("after", "before", "times") if name in figure)
                number = r"[\d,.]+ (after|before) “{0}”|“{0}” \d+ times".replace("{0}", re.escape(text))
                assert re.match(rf".*?shows ({number}), and the database has", said), (page["path"], text)


def alter(page: dict[str, Any]) -> dict[str, Any]:
    """The same page with other numbers in the database, and a text that it does not show."""
    figures = [{**one, "query": f"select ({one['query']}) + 1"} for one in page.get("figures", ())]
    return {**page, "shows": ["Nobody wrote this"], "figures": figures}


def test_the_marker_of_the_front_end_fits_its_recorded_answers_alone() -> None:
    systems = Systems(RUNBOOK["systems"], {"FRONTEND_URL": "http://127.0.0.1:9"})
    for name in (*NAMES, "health-live", "old--home", "events-list", "old--events-json"):
        recorded = recorded_answers.load(name)
        headers = {one.lower(): value for one, value in recorded["response"]["headers"]}
        reply = Response(recorded["response"]["status"], "", b"", 1.0, headers)
        fits = is_answer_from(reply, recorded["request"]["path"], systems["site"])
        assert fits is name.startswith("frontend--"), name
