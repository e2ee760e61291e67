"""The canary: counted schemes, an honest sign-in, and exactly one account that may be changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cutover.embedded import Postgres
from integrations.actions import registry
from integrations.actions.base import Context, Seen, Values
from integrations.errors import Problem, Unreachable
from integrations.sandbox.legacy import seed
from integrations.sandbox.legacy.access import API, MIGRATOR, READER
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.estates import Estate, estate_on, running

ACTION = registry()["login.canary"]
EMAIL, PASSWORD = "canary@people.invalid", "only-for-this-test"


@pytest.fixture(scope="module")
def estate(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with estate_on(postgres_server, tmp_path_factory.mktemp("canary") / "sandbox") as made:
        yield made


@pytest.fixture
def database(estate: Estate) -> str:
    """The new schema, with one account of every kind and the canary as the old stack left it."""
    name = estate.migrated()
    estate.execute(f"grant connect on database {name} to {API}, {READER}")
    hashes = {
        EMAIL: seed.scrypt_hash(PASSWORD, "aa"),
        "b@x.invalid": "pbkdf2:sha256:600000$aa$bb",
        "c@x.invalid": "",
    }
    for email, stored in hashes.items():
        estate.execute(
            "insert into users (email, name, password_hash) values (%s, 'x', %s)",
            email,
            stored,
            database=name,
        )
    return name


@pytest.fixture
def api(estate: Estate, database: str) -> Iterator[str]:
    with running(estate.process("new-api", DATABASE_URL=estate.url(API, database))) as base:
        yield base


@pytest.fixture
def bind(estate: Estate, database: str, new_context: Callable[..., Context]) -> Callable[..., Values]:
    def bound(api_url: str, role: str = READER, password: str = PASSWORD, **params: Any) -> Values:
        systems = {
            "db": {"kind": "postgres", "url": estate.url(role, database)},
            "api": {"kind": "http", "url": api_url},
            "canary": {"kind": "login", "email": EMAIL, "password": password},
        }
        return ACTION.bind(
            {"database": "db", "api": "api", "login": "canary", **params}, new_context(systems)
        )

    return bound


def others(estate: Estate, database: str) -> Any:
    query = "select md5(string_agg(u::text, '|' order by id)) from users u where email <> %s"
    return estate.execute(query, EMAIL, database=database)


def test_an_old_hash_is_found_as_it_is_and_explained(
    estate: Estate, api: str, bind: Any, database: str
) -> None:
    values, report = bind(api, accept_old_hashes=True), Recorder()
    before = ACTION.before(values)
    outcome = ACTION.run(values, report)
    assert not outcome.ok
    assert "500 “Internal server error”. Its hash is scrypt" in outcome.summary
    facts = report.facts["canary"]
    assert facts["census"] == {"none": 2, "pbkdf2:sha256": 1, "scrypt": 1}
    assert (facts["must_reset"], facts["signed_in"], facts["status"]) == (2, False, 500)
    assert ACTION.probe(values, before).seen is Seen.NOT_DONE


def test_a_canary_made_for_it_signs_in_and_no_other_account_is_touched(
    estate: Estate, api: str, bind: Any, database: str
) -> None:
    values, report = bind(api, MIGRATOR, create=True, accept_old_hashes=True), Recorder()
    untouched, before = others(estate, database), ACTION.before(values)
    assert before["scheme"] == "scrypt"
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert "1 account(s) must reset" in outcome.summary
    facts = report.facts["canary"]
    assert (facts["account"], facts["scheme"], facts["status"]) == ("changed", "argon2id", 201)
    assert facts["census"] == {"none": 2, "argon2id": 1, "pbkdf2:sha256": 1}
    assert others(estate, database) == untouched
    assert ACTION.probe(values, before).seen is Seen.DONE
    token = estate.execute("select id from sessions", database=database)[0][0]
    assert {PASSWORD, token} <= set(report.secrets)
    assert PASSWORD not in report.text
    assert token not in report.text + str(report.facts)
    stored = estate.execute("select password_hash from users where email = %s", EMAIL, database=database)
    assert ACTION.run(values, Recorder()).ok  # again is the same as once
    assert (
        estate.execute("select password_hash from users where email = %s", EMAIL, database=database) == stored
    )


def test_a_canary_that_is_not_there_is_made_when_asked_and_named_when_not(
    estate: Estate, api: str, bind: Any, database: str
) -> None:
    estate.execute("delete from users where email = %s", EMAIL, database=database)
    outcome = ACTION.run(bind(api), Recorder())
    assert not outcome.ok
    assert "There is no account of this address" in outcome.summary
    report = Recorder()
    assert ACTION.run(bind(api, MIGRATOR, create=True, accept_old_hashes=True), report).ok
    assert report.facts["canary"]["account"] == "made"


def test_old_hashes_are_a_no_until_the_runbook_accepts_them(api: str, bind: Any) -> None:
    outcome = ACTION.run(bind(api, MIGRATOR, create=True), Recorder())
    assert not outcome.ok
    assert "1 account(s) have an old hash" in outcome.summary


def test_a_lost_attempt_that_only_set_the_password_is_partial(
    api: str, bind: Any, estate: Estate, database: str
) -> None:
    values = bind(api, MIGRATOR, create=True, accept_old_hashes=True)
    before = ACTION.before(values)
    assert ACTION.probe(values, before).seen is Seen.NOT_DONE
    ACTION.run(values, Recorder())
    estate.execute("delete from sessions", database=database)
    assert ACTION.probe(values, before).seen is Seen.PARTIAL


def test_the_preview_counts_and_says_what_would_be_written(bind: Any, estate: Estate, database: str) -> None:
    untouched = estate.execute(
        "select md5(string_agg(u::text, '|' order by id)) from users u", database=database
    )
    looking = ACTION.preview(bind("http://api.invalid"))
    making = ACTION.preview(bind("http://api.invalid", MIGRATOR, create=True))
    assert "scrypt 1" in looking.lines[0]
    assert "has scrypt: no sign-in" in looking.warnings[0]
    assert f"Set password_hash of {EMAIL} in users to argon2 (it is scrypt now)" in making.lines[1]
    assert "this one row of users" in making.warnings[0]
    assert PASSWORD not in f"{looking}{making}"
    assert (
        estate.execute("select md5(string_agg(u::text, '|' order by id)) from users u", database=database)
        == untouched
    )


def test_a_login_that_may_not_write_is_told_so_and_nothing_is_asked(bind: Any) -> None:
    with pytest.raises(Problem, match="permission denied for table users"):
        ACTION.run(bind("http://api.invalid", READER, create=True), Recorder())


def test_an_api_that_is_not_there_is_unreachable(bind: Any) -> None:
    with pytest.raises(Unreachable, match="cannot be reached"):
        ACTION.run(bind("http://api.invalid"), Recorder())


def test_a_wrong_password_is_told_from_an_old_hash(api: str, bind: Any) -> None:
    assert ACTION.run(bind(api, MIGRATOR, create=True, accept_old_hashes=True), Recorder()).ok
    outcome = ACTION.run(bind(api, password="another"), Recorder())
    assert not outcome.ok
    assert "401 “Invalid credentials”. Check the canary's password" in outcome.summary
