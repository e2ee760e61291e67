"""An event books a marked test gift, and the gift is taken back; what should not book does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations.actions import Context, registry
from integrations.sandbox.repairs import load_repairs
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.gifts import Gifts, gifts

ACTION = registry()["webhooks.check"]
BOOKS = {
    "stripe": {"minor": 500, "currency": "USD"},
    "paystack": {"minor": 100_000, "currency": "NGN"},
    "flutterwave": {"minor": 100_000, "currency": "NGN"},
    "fincra": {"minor": 100_000, "currency": "NGN"},
}
RAW = {
    "api": "api",
    "path": "/donations/webhooks/{provider}",
    "unknown": [404],
    "database": "reader",
    "begin": "gifts",
    "booked": "select status from donations where id = %(id)s",
}


@pytest.fixture(scope="module")
def backend(module_database: str) -> Iterator[Gifts]:
    with gifts(module_database) as running:
        yield running


@pytest.fixture
def run(backend: Gifts, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def ran(provider: str, report: Recorder, *, rehearsal: bool = True, **changed: Any) -> Any:
        secret = backend.world.keys[f"{provider.upper()}_WEBHOOK_SECRET"]
        settings = backend.world.payments(provider, webhook_secret=secret)
        systems = {
            provider: {**settings, **changed},
            "api": {"kind": "http", "url": backend.api},
            "gifts": backend.system(),
            "reader": {"kind": "postgres", "url": backend.database},
        }
        context = new_context(systems)
        context = Context(
            **{**vars(context), "rehearsal": rehearsal, "attempt": f"a{len(backend.rows(ALL))}"}
        )
        return ACTION.run(ACTION.bind({**RAW, "books": {provider: BOOKS[provider]}}, context), report)

    return ran


ALL = "select id, status, payment_info->>'email' from donations order by id"


@pytest.mark.parametrize("provider", BOOKS)
def test_an_event_books_a_test_gift_that_is_taken_back(backend: Gifts, run: Any, provider: str) -> None:
    before, report = len(backend.rows(ALL)), Recorder()
    outcome = run(provider, report)
    assert outcome.ok, outcome.summary
    assert f"{provider}: an event booked a test gift, which was taken back" in outcome.summary
    (facts,) = report.facts["webhooks"]
    assert facts["statuses"]["paid gift"] == facts["statuses"]["paid gift again"] == 201
    assert facts["booked"].startswith("cutover-")
    (gift,) = backend.rows(ALL)[before:]
    assert gift[1:] == ("failed", "cutover@people.invalid")


@pytest.mark.parametrize(
    ("repair", "said"),
    [
        ("stripe-unpaid", "An event of a payment that nobody made booked its gift as “completed”"),
        ("provider-addresses", "The API did not begin a test gift of 5.00 USD (502: Stripe initialize"),
    ],
)
def test_a_defect_is_red_with_its_cause(backend: Gifts, run: Any, repair: str, said: str) -> None:
    with backend.without(repair):
        outcome = run("stripe", Recorder())
    assert not outcome.ok
    assert said in outcome.summary
    assert "webhook-routes" in load_repairs()[repair].items
    assert not [row for row in backend.rows(ALL) if row[1] != "failed"], "taken back all the same"


KEEP = """
create function keep() returns trigger language plpgsql as $$
begin if {} then new.status = old.status; end if; return new; end $$;
create trigger keep before update on donations for each row execute function keep();
"""


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("new.status = 'completed'", "and the gift is “failed” in the database instead of “completed”"),
        ("old.status = 'completed'", "was not taken back (completed): set its status by hand"),
    ],
)
def test_an_event_that_books_nothing_and_a_gift_that_stays_are_red(
    backend: Gifts, run: Any, kept: str, said: str
) -> None:
    backend.execute(KEEP.format(kept))
    try:
        outcome = run("paystack", Recorder())
    finally:
        backend.execute("drop trigger keep on donations; drop function keep; delete from donations")
    assert not outcome.ok
    assert said in outcome.summary


def test_nothing_is_booked_in_production_nor_with_a_live_key(backend: Gifts, run: Any) -> None:
    before = backend.rows(ALL)
    report = Recorder()
    assert run("stripe", report, rehearsal=False).ok
    assert "paid gift" not in json.dumps(report.facts)
    outcome = run("stripe", Recorder(), secret_key="sk_live_none")
    assert "No test gift was begun, because the key is a live one" in outcome.summary
    assert backend.rows(ALL) == before


def test_a_booking_needs_an_api_and_a_query(new_context: Any, backend: Gifts) -> None:
    context = new_context({"api": {"kind": "http", "url": backend.api}})
    raw = {"api": "api", "path": RAW["path"], "books": {"stripe": BOOKS["stripe"]}}
    with pytest.raises(Exception, match="books: needs begin:, booked: and database: too"):
        ACTION.bind(raw, context)
    with pytest.raises(Exception, match="stripe needs minor: and currency:"):
        ACTION.bind({**raw, "books": {"stripe": {"minor": 5}}}, context)


def test_an_event_that_is_refused_the_second_time_is_red(backend: Gifts, run: Any) -> None:
    rule = (
        "create function once() returns trigger language plpgsql as $$ begin if old.status = 'completed' and"
        " new.status = 'completed' then raise 'already booked'; end if; return new; end $$;"
        " create trigger once before update on donations for each row execute function once()"
    )
    backend.execute(rule)
    try:
        outcome = run("paystack", Recorder())
    finally:
        backend.execute("drop trigger once on donations; drop function once")
    assert not outcome.ok
    assert "The same event again was answered with " in outcome.summary
