"""The canary: counted hash schemes, a real sign-in, and exactly one account that may change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django import forms

from cutover.embedded import Postgres
from integrations.actions import ActionParams, Context, ProbeStatus, registry
from integrations.errors import Problem, Unreachable
from integrations.sandbox.legacy import seed
from integrations.sandbox.legacy.access import API, MIGRATOR, READER
from integrations.sandbox.repairs import AppliedRepairs, Profile, load_repairs
from integrations.sandbox.serving import Answer, Asked, server_of
from integrations.systems import System
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment, environment_on, running
from tests.ports import free_port

ACTION = registry()["login.canary"]
EMAIL, PASSWORD = "Canary@people.invalid", "only-for-this-test"
RUNBOOK = customer_runbook()
ITEM = next(i for phase in RUNBOOK["phases"] for i in phase["items"] if i["key"] == "canary")
ACCOUNTS, SIGN_IN = ITEM["params"]["accounts"], RUNBOOK["systems"]["api"]["sign_in"]
DEFECTS = ("password-hash-in-answers", "capitals-in-email", "missing-fields")
REGISTER = ITEM["params"]["register"]


@pytest.fixture(scope="module")
def environment(
    postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxEnvironment]:
    with environment_on(postgres_server, tmp_path_factory.mktemp("canary") / "sandbox") as made:
        yield made


@pytest.fixture
def database(environment: SandboxEnvironment) -> str:
    """The new schema, with one account of every kind and the canary as the old stack left it."""
    name = environment.migrated()
    environment.execute(f"grant connect on database {name} to {API}, {READER}")
    hashes = {
        EMAIL: seed.scrypt_hash(PASSWORD, "aa"),
        "b@x.invalid": "pbkdf2:sha256:600000$aa$bb",
        "c@x.invalid": "",
    }
    for email, stored in hashes.items():
        environment.execute(
            "insert into users (email, username, password_hash) values (%s, %s, %s)",
            email,
            email,
            stored,
            database=name,
        )
    return name


@pytest.fixture
def api(environment: SandboxEnvironment, database: str) -> Iterator[str]:
    with running(environment.process("new-api", DATABASE_URL=environment.url(API, database))) as base:
        yield base


@pytest.fixture
def defective(environment: SandboxEnvironment, database: str, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """The address of an API in which all is repaired but these defects."""
    with ExitStack() as stack:

        def start(*defects: str) -> str:
            applied = AppliedRepairs(tmp_path / f"{len(list(tmp_path.iterdir()))}.json")
            applied.begin(Profile.RECORDED)
            for key in load_repairs():
                if key not in defects:
                    applied.apply(key)
            settings = {
                "DATABASE_URL": environment.url(API, database),
                "REPAIRS_FILE": str(applied.path),
            }
            return stack.enter_context(running(environment.process("new-api", **settings)))

        yield start


@pytest.fixture
def bind(
    environment: SandboxEnvironment, database: str, new_context: Callable[..., Context]
) -> Callable[..., ActionParams]:
    def bind_params(
        api_url: str, role: str = READER, password: str = PASSWORD, **params: Any
    ) -> ActionParams:
        systems = {
            "db": {"kind": "postgres", "url": environment.url(role, database)},
            "api": {"kind": "http", "url": api_url, "sign_in": SIGN_IN},
            "canary": {"kind": "login", "email": EMAIL, "password": password},
        }
        return ACTION.bind(
            {"database": "db", "api": "api", "login": "canary", "accounts": ACCOUNTS, **params},
            new_context(systems),
        )

    return bind_params


def others(environment: SandboxEnvironment, database: str) -> Any:
    query = "select md5(string_agg(u::text, '|' order by id)) from users u where email <> %s"
    return environment.execute(query, EMAIL, database=database)


def test_an_old_hash_is_reported_and_explained(
    environment: SandboxEnvironment, defective: Any, bind: Any, database: str
) -> None:
    values, report = bind(defective("old-hashes"), accept_old_hashes=True), Recorder()
    before = ACTION.before(values)
    outcome = ACTION.run(values, report)
    assert not outcome.ok
    assert "500 “Internal server error”. Its hash is scrypt" in outcome.summary
    facts = report.facts["canary"]
    assert facts["census"] == {"none": 2, "pbkdf2:sha256": 1, "scrypt": 1}
    assert (facts["must_reset"], facts["signed_in"], facts["status"]) == (2, False, 500)
    assert ACTION.probe(values, before).status is ProbeStatus.NOT_DONE


def test_the_canary_gets_its_password_and_no_other_account_changes(
    environment: SandboxEnvironment, api: str, bind: Any, database: str
) -> None:
    values, report = bind(api, MIGRATOR, create=True, accept_old_hashes=True), Recorder()
    untouched, before = others(environment, database), ACTION.before(values)
    assert before["scheme"] == "scrypt"
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert "1 account(s) must reset" in outcome.summary
    facts = report.facts["canary"]
    assert (facts["account"], facts["scheme"], facts["status"]) == ("changed", "argon2id", 201)
    assert facts["census"] == {"none": 2, "argon2id": 1, "pbkdf2:sha256": 1}
    assert others(environment, database) == untouched
    assert (facts["signed_out"], facts["refuses_wrong_password"], facts["leaks"]) == (True, True, [])
    assert facts["capitals"] == 1
    assert environment.execute("select count(*) from sessions", database=database) == [(0,)]
    assert ACTION.probe(values, before).status is ProbeStatus.PARTIAL
    assert PASSWORD in report.secrets
    token = next(one for one in report.secrets if one != PASSWORD)
    assert token not in report.text + str(report.facts)
    stored = environment.execute("select password_hash from users where email = %s", EMAIL, database=database)
    assert ACTION.run(values, Recorder()).ok  # again is the same as once
    assert (
        environment.execute("select password_hash from users where email = %s", EMAIL, database=database)
        == stored
    )


def test_a_missing_canary_is_created_only_on_request(
    environment: SandboxEnvironment, api: str, bind: Any, database: str
) -> None:
    environment.execute("delete from users where email = %s", EMAIL, database=database)
    outcome = ACTION.run(bind(api), Recorder())
    assert not outcome.ok
    assert "There is no account with this address" in outcome.summary
    report = Recorder()
    assert ACTION.run(bind(api, MIGRATOR, create=True, accept_old_hashes=True), report).ok
    assert report.facts["canary"]["account"] == "made"


def test_old_hashes_are_red_until_the_runbook_accepts_them(api: str, bind: Any) -> None:
    outcome = ACTION.run(bind(api, MIGRATOR, create=True), Recorder())
    assert not outcome.ok
    assert "1 account(s) have an old hash" in outcome.summary


def test_a_lost_attempt_that_set_the_password_or_left_a_session_is_partial(
    api: str, bind: Any, environment: SandboxEnvironment, database: str
) -> None:
    values = bind(api, MIGRATOR, create=True, accept_old_hashes=True)
    before = ACTION.before(values)
    assert ACTION.probe(values, before).status is ProbeStatus.NOT_DONE
    ACTION.run(values, Recorder())
    assert ACTION.probe(values, before).status is ProbeStatus.PARTIAL
    again = ACTION.before(values)
    assert ACTION.probe(values, again).status is ProbeStatus.NOT_DONE
    environment.execute(
        "insert into sessions (token, user_id, expires_at) select 'left', id, now() from users"
        " where email = %s",
        EMAIL,
        database=database,
    )
    assert ACTION.probe(values, again).status is ProbeStatus.PARTIAL


def test_recorded_defects_are_each_named_with_their_cause(defective: Any, bind: Any) -> None:
    """The repairs one by one: the first hides the others until it is applied."""
    outcome = ACTION.run(bind(defective(*DEFECTS), MIGRATOR, create=True, accept_old_hashes=True), Recorder())
    assert not outcome.ok
    assert "The canary cannot sign in: 401 “Invalid email or password”" in outcome.summary
    assert "has capitals: the API looks addresses up in small letters only. 1 account(s)" in outcome.summary
    assert "A sign-in without fields is answered by 500" in outcome.summary
    found = Recorder()
    outcome = ACTION.run(bind(defective("password-hash-in-answers"), accept_old_hashes=True), found)
    assert not outcome.ok
    places = "account.passwordHash, passwordHash"
    assert f"Answers hold the hash of the password ({places})" in outcome.summary
    assert found.facts["canary"]["leaks"] == places.split(", ")
    outcome = ACTION.run(bind(defective("missing-fields"), accept_old_hashes=True), Recorder())
    assert not outcome.ok
    assert "The canary signs in, but: A sign-in without fields is answered by 500" in outcome.summary
    assert ACTION.run(bind(defective(), accept_old_hashes=True), Recorder()).ok


def test_an_old_password_must_not_look_like_an_outage(defective: Any, bind: Any) -> None:
    values = bind(defective("old-hashes"), MIGRATOR, create=True, accept_old_hashes=True)
    outcome = ACTION.run(values, Recorder())
    assert not outcome.ok
    assert "A sign-in to an account with an old hash is answered by 500" in outcome.summary
    assert ACTION.run(bind(defective(), accept_old_hashes=True), Recorder()).ok


def test_a_stranger_must_not_get_the_role_that_he_asks_for(
    defective: Any, bind: Any, environment: SandboxEnvironment, database: str
) -> None:
    chosen = {"create": True, "accept_old_hashes": True, "register": REGISTER}
    before = environment.execute("select count(*) from users", database=database)
    report = Recorder()
    outcome = ACTION.run(bind(defective("register-as-admin"), MIGRATOR, **chosen), report)
    assert not outcome.ok
    assert (
        "A stranger who registers at /auth/register gets the rights that he asks for (admin)"
        in outcome.summary
    )
    assert environment.execute("select count(*) from users", database=database) == before, "deleted again"
    assert ACTION.run(bind(defective(), MIGRATOR, **chosen), Recorder()).ok
    assert environment.execute("select count(*) from users", database=database) == before
    lines = ACTION.preview(bind("http://api.invalid", MIGRATOR, **chosen)).lines
    assert any("who asks for rights; then delete it again" in line for line in lines)
    with pytest.raises(forms.ValidationError, match="must look like"):
        bind("http://api.invalid", register={"path": "/auth/register"})


def test_what_a_lost_registration_left_is_seen_and_an_api_with_another_database_is_red(
    api: str, bind: Any, environment: SandboxEnvironment, database: str
) -> None:
    values = bind(api, MIGRATOR, create=True, accept_old_hashes=True, register=REGISTER)
    assert ACTION.run(values, Recorder()).ok
    before = ACTION.before(values)
    insert = "insert into users (email, username) values (%s, 'left')"
    environment.execute(insert, "cutover-register@people.invalid", database=database)
    found = ACTION.probe(values, before)
    assert found.status is ProbeStatus.PARTIAL
    assert "cutover-register@people.invalid is left" in found.observed
    other = environment.migrated()
    environment.execute(f"grant connect on database {other} to {API}")
    with running(environment.process("new-api", DATABASE_URL=environment.url(API, other))) as base:
        outcome = ACTION.run(
            replace(values, api=System("api", "http", {"url": base, "sign_in": SIGN_IN}, {})), Recorder()
        )
    assert not outcome.ok
    assert "is not in this database" in outcome.summary


def test_a_session_that_outlives_its_end_and_a_password_that_is_not_checked_are_red(bind: Any) -> None:
    """An API that lets everybody in, and ends no session."""

    def answering(asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(200, {"email": EMAIL})
        return Answer(201, {"account": {"email": EMAIL}, "session": {"token": "t" * 40}})

    port = free_port()
    with server_of(port, answering, name="open") as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        report = Recorder()
        outcome = ACTION.run(bind(f"http://127.0.0.1:{port}", accept_old_hashes=True), report)
        server.shutdown()
    assert not outcome.ok
    assert "The session still names the account after signing out" in outcome.summary
    assert "A wrong password is accepted" in outcome.summary
    assert "A sign-in without fields is answered by 201" in outcome.summary
    assert report.facts["canary"]["signed_out"] is False


@pytest.mark.parametrize(
    ("shape", "wrong"),
    [
        ({"token": "token"}, "has no token at token"),
        ({"email": "user.email"}, "names nobody at user.email"),
        ({"session": {"path": "/auth/session/{token}", "email": "user.email"}}, "at user.email"),
        ({"path": "/login"}, "404 “Cannot POST /login”"),
    ],
)
def test_an_answer_of_another_shape_says_where_it_was_looked_for(
    api: str, bind: Any, new_context: Any, shape: Any, wrong: str
) -> None:
    values = bind(api, MIGRATOR, create=True, accept_old_hashes=True)
    system = System("api", "http", {"url": api, "sign_in": {**SIGN_IN, **shape}}, {})
    outcome = ACTION.run(replace(values, api=system), Recorder())
    assert not outcome.ok
    assert wrong in outcome.summary


def test_without_the_tables_or_the_way_to_sign_in_it_says_what_is_missing(api: str, bind: Any) -> None:
    with pytest.raises(forms.ValidationError, match="earlier versions had this built in"):
        bind(api, accounts={})
    for given, wrong in (
        ({"table": "t"}, "lacks id"),
        ({**ACCOUNTS, "table": "t; drop"}, "is no name of a column"),
        ({**ACCOUNTS, "tables": "t"}, "no setting tables"),
    ):
        with pytest.raises(forms.ValidationError) as caught:
            bind(api, accounts=given)
        assert wrong in str(caught.value)
    values = replace(bind(api), api=System("api", "http", {"url": api}, {}))
    with pytest.raises(Problem, match="does not say how to sign in"):
        ACTION.run(values, Recorder())


def test_the_preview_counts_and_shows_what_would_be_written(
    bind: Any, environment: SandboxEnvironment, database: str
) -> None:
    untouched = environment.execute(
        "select md5(string_agg(u::text, '|' order by id)) from users u", database=database
    )
    looking = ACTION.preview(bind("http://api.invalid"))
    making = ACTION.preview(bind("http://api.invalid", MIGRATOR, create=True))
    assert "scrypt 1" in looking.lines[0]
    assert "has scrypt: no sign-in" in looking.warnings[0]
    assert f"Set password_hash of {EMAIL} in users to argon2id (it is scrypt now)" in making.lines[1]
    assert f"this one row: {EMAIL}" in making.warnings[0]
    assert PASSWORD not in f"{looking}{making}"
    assert (
        environment.execute(
            "select md5(string_agg(u::text, '|' order by id)) from users u", database=database
        )
        == untouched
    )


def test_a_login_that_may_not_write_is_refused_before_any_request(bind: Any) -> None:
    with pytest.raises(Problem, match="permission denied for table users"):
        ACTION.run(bind("http://api.invalid", READER, create=True), Recorder())


def test_a_missing_api_is_unreachable(bind: Any) -> None:
    with pytest.raises(Unreachable, match="cannot be reached"):
        ACTION.run(bind("http://api.invalid"), Recorder())


def test_a_wrong_password_is_distinguished_from_an_old_hash(api: str, bind: Any) -> None:
    assert ACTION.run(bind(api, MIGRATOR, create=True, accept_old_hashes=True), Recorder()).ok
    outcome = ACTION.run(bind(api, password="another"), Recorder())
    assert not outcome.ok
    assert "401 “Invalid email or password”. Check the canary's password" in outcome.summary
