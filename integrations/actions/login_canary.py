"""Counts the accounts by hash scheme, and signs in to the new API with a canary account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.canary_sign_in import CanaryFindings, CanarySignIn
from integrations.actions.canary_strangers import STRANGER, Registration, StrangerTrials
from integrations.clients import http, postgres
from integrations.environment import accounts
from integrations.environment.accounts import AccountTables
from integrations.environment.api_sessions import ApiSessions, require_shape
from integrations.systems import System

REQUIRED = (
    "is missing: it says where the accounts are, such as "
    "{table: accounts, id: id, email: email, password: password_hash}; earlier versions had this built in."
)


@dataclass(frozen=True)
class LoginCanaryParams(actions.ActionParams):
    """The database and the API, the canary account, and what to do with it."""

    database: System
    api: System
    login: System
    accounts: AccountTables
    create: bool
    accept_old_hashes: bool
    register: Registration | None


class CanaryFacts(TypedDict):
    """The sign-in of the canary. ``scheme`` is None without such an account; ``census`` has the number of
    accounts by hash scheme, ``must_reset`` those whose hash the new API cannot verify, ``capitals`` those
    with capitals in their address; ``leaks``: places of answers that hold a hash."""

    email: str
    account: str
    scheme: str | None
    status: int
    signed_in: bool
    census: dict[str, int]
    must_reset: int
    capitals: int
    signed_out: bool
    refuses_wrong_password: bool
    leaks: list[str]


class LoginCanaryEvidence(TypedDict, total=False):
    """What a run records."""

    canary: CanaryFacts


@actions.register
class LoginCanary(actions.Action[LoginCanaryParams, LoginCanaryEvidence]):
    """Signs in, reads the session, signs out and sees that the session is gone; a wrong password and a form
    without fields must be refused, and no answer may hold a hash. Accounts whose hash the API cannot verify
    have to reset their password: the action counts them."""

    key, title = "login.canary", "Count password hash schemes, and sign in with the canary account"
    public_params = frozenset({"accounts"})
    is_check = True
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(minutes=5)

    class Params(actions.ActionForm):
        """``database``: the new API's database. ``api``: the new API; its ``sign_in`` says how to sign in.
        ``login``: the canary account. ``accounts``: {table, id, email, password: names of the table and its
        columns, insert: {column: value} of a new account beside these, where ``{email}`` is its address,
        sessions: {table, account}: where its sessions are, verifiable: the hash schemes that the API
        verifies, default argon2id, lookup: how it finds an address that somebody types: lowercase,
        insensitive or exact (for the preflight)}. ``create``: sets the canary's password with argon2id first
        (``database`` must be a login that may write). ``accept_old_hashes``: accounts that have to reset
        their password are not a failure. ``register``: {path, send, at, never}: how a stranger registers who
        asks for rights, the place of the rights in the answer, and those that he must not get; the account
        is deleted again (``database`` must be a login that may delete)."""

        database = actions.SystemField(kind="postgres")
        api = actions.SystemField(kind="http")
        login = actions.SystemField(kind="login")
        accounts = actions.JSONValueField(kind=dict, error_messages={"required": REQUIRED})
        create = forms.BooleanField(required=False)
        accept_old_hashes = forms.BooleanField(required=False)
        register = actions.JSONValueField(kind=dict, required=False)

        def clean_accounts(self) -> AccountTables:
            """The parsed names."""
            try:
                return AccountTables.parse(self.cleaned_data["accounts"])
            except ValueError as error:
                raise forms.ValidationError(str(error)) from None

        def clean_register(self) -> Registration | None:
            """The parsed request."""
            given = self.cleaned_data["register"]
            try:
                return Registration.parse(given) if given else None
            except ValueError as error:
                raise forms.ValidationError(str(error)) from None

    def resource(self, params: LoginCanaryParams) -> str:
        """The canary account."""
        return f"db:{postgres.address(params.database['url'])}:account:{params.login['email']}"

    def preview(self, params: LoginCanaryParams) -> actions.Preview:
        """The count now, what would be written, and the two requests."""
        email, tables, shape = params.login["email"], params.accounts, require_shape(params.api)
        with _connect_read_only(params) as connection:
            counts = accounts.count_schemes(connection, tables)
            scheme = accounts.read_scheme(connection, tables, email)
        lines = [f"Count the accounts by hash scheme (now: {accounts.list_schemes(counts)})."]
        warnings = []
        if params.create:
            now = "it does not exist yet" if scheme is None else f"it is {scheme} now"
            what = f"{_plain(tables.password)} of {email} in {_plain(tables.table)}"
            lines.append(f"Set {what} to argon2id ({now}); no other row changes.")
            warnings.append(f"A comparison with the state before will show this one row: {email}.")
        elif scheme not in tables.verifiable:
            warnings.append(f"{email} {'does not exist' if scheme is None else f'has {scheme}'}: no sign-in.")
        lines += [f"POST {shape.path} as {email}: adds a session.", f"GET {shape.session} must name {email}."]
        if shape.sign_out:
            lines.append(f"POST {shape.sign_out} ends the session again; then it must name nobody.")
        lines.append(f"POST {shape.path} with a wrong password, and without fields: must be refused.")
        if params.register:
            lines.append(
                f"POST {params.register.path} as {STRANGER}, who asks for rights; then delete it again."
            )
        where = f"{http.display_url(params.api['url'])} on {postgres.address(params.database['url'])}"
        return actions.Preview(lines, where=where, warnings=warnings)

    def before(self, params: LoginCanaryParams) -> dict[str, Any]:
        """The canary's hash scheme and number of sessions."""
        email = params.login["email"]
        with _connect_read_only(params) as connection:
            scheme = accounts.read_scheme(connection, params.accounts, email)
            sessions = accounts.count_sessions(connection, params.accounts, email)
        return {"attempt": params.context.attempt, "scheme": scheme, "sessions": sessions}

    def run(
        self, params: LoginCanaryParams, report: actions.RunReport[LoginCanaryEvidence]
    ) -> actions.Outcome:
        """Sets the canary's password if asked to, counts, signs in, reads the session and signs out."""
        email, password = params.login["email"], params.login["password"]
        report.secret(password)
        sessions = ApiSessions(params.api["url"], require_shape(params.api))
        prepared = _prepare_account(params, report)
        report.raise_if_cancelled()
        sign_in = CanarySignIn(sessions, email, password, report)
        found = sign_in.run()
        if sign_in.refusal is not None:
            found.wrong.insert(0, _explain_refusal(params, prepared, sign_in.refusal))
        trials = StrangerTrials(params.database, params.accounts, sessions, report)
        found.wrong += trials.run(email, params.register, params.context.attempt)
        report.evidence({"canary": _facts(params, prepared, found)})
        return _judge(params, prepared, found)

    def probe(self, params: LoginCanaryParams, before: Mapping[str, Any]) -> actions.Finding:
        """Checks the canary's hash, and whether it has more sessions than before."""
        email, tables = params.login["email"], params.accounts
        with _connect_read_only(params) as connection:
            has_password = accounts.verifies_password(connection, tables, email, params.login["password"])
            sessions = accounts.count_sessions(connection, tables, email)
            left = params.register and accounts.read_scheme(connection, tables, STRANGER) is not None
            busy = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s",
                [f"cutover:{before.get('attempt')}"],
            ).fetchone()
        more = (sessions or 0) > (before.get("sessions") or 0)
        facts = {"argon2_of_this_password": has_password, "sessions": sessions}
        observed = f"{email} {'has' if has_password else 'does not have'} this password with argon2; "
        observed += f"sessions: {sessions}, before: {before.get('sessions')}."
        if before.get("attempt") and busy and busy[0]:
            return actions.Finding(
                actions.ProbeStatus.STILL_RUNNING, f"{observed} The attempt is still connected.", facts
            )
        # A sign-in that ended by signing out leaves nothing: whether it happened cannot be seen.
        changed = params.create and has_password and before.get("scheme") not in tables.verifiable
        if left:
            observed += f" {STRANGER} is left: the next start deletes it."
        partial = more or changed or left
        return actions.Finding(
            actions.ProbeStatus.PARTIAL if partial else actions.ProbeStatus.NOT_DONE, observed, facts
        )


@dataclass(frozen=True)
class PreparedAccount:
    """The canary as it is when it signs in (``done``: what was changed), and all accounts by hash scheme."""

    done: str
    scheme: str | None
    counts: dict[str, int]
    capitals: int  # accounts with capitals in their address
    verifies: bool  # the stored hash is of the password that signs in


def _prepare_account(params: LoginCanaryParams, report: actions.Report) -> PreparedAccount:
    """Sets the password if asked to, and counts."""
    database, tables, attempt = params.database, params.accounts, params.context.attempt
    email, password = params.login["email"], params.login["password"]
    connecting = postgres.connect_to(database, attempt=attempt, report=report)
    with postgres.explain_errors(database["url"]), connecting as connection:
        done = accounts.set_password(connection, tables, email, password) if params.create else "as found"
        prepared = PreparedAccount(
            done,
            accounts.read_scheme(connection, tables, email),
            accounts.count_schemes(connection, tables),
            accounts.count_with_capitals(connection, tables),
            accounts.verifies_password(connection, tables, email, password),
        )
    report.log(f"Accounts by hash scheme: {accounts.list_schemes(prepared.counts)}.")
    report.log(f"Accounts with capitals in their address: {prepared.capitals:,}.")
    report.log(f"{email}: {done}, {prepared.scheme or 'no such account'}.")
    return prepared


@contextmanager
def _connect_read_only(params: LoginCanaryParams) -> Iterator[postgres.Connection]:
    url = params.database["url"]
    with postgres.explain_errors(url), postgres.connect(url, readonly=True) as connection:
        yield connection


def _facts(params: LoginCanaryParams, prepared: PreparedAccount, found: CanaryFindings) -> CanaryFacts:
    return {
        "email": params.login["email"],
        "account": prepared.done,
        "scheme": prepared.scheme,
        "status": found.status,
        "signed_in": found.signed_in,
        "census": prepared.counts,
        "must_reset": accounts.count_unverifiable(prepared.counts, params.accounts),
        "capitals": prepared.capitals,
        "signed_out": found.signed_out,
        "refuses_wrong_password": found.refuses_wrong_password,
        "leaks": found.leaks,
    }


def _judge(params: LoginCanaryParams, prepared: PreparedAccount, found: CanaryFindings) -> actions.Outcome:
    must_reset = accounts.count_unverifiable(prepared.counts, params.accounts)
    if not found.signed_in:
        return actions.Outcome(False, f"The canary cannot sign in: {' '.join(found.wrong)}")
    if found.wrong:
        return actions.Outcome(False, f"The canary signs in, but: {' '.join(found.wrong)}")
    if must_reset and not params.accept_old_hashes:
        return actions.Outcome(
            False,
            f"The canary signs in, but {must_reset:,} account(s) have an old hash and cannot sign in. "
            "Plan their reset, then set accept_old_hashes in the runbook.",
        )
    summary = "The canary signs in and out; a wrong password is refused. "
    summary += f"{must_reset:,} account(s) must reset their password."
    email = params.login["email"]
    if prepared.capitals and email == email.lower():
        summary += (
            f" {prepared.capitals:,} account(s) have capitals in their address; the canary has none, so this "
            "does not show that they can sign in."
        )
    return actions.Outcome(True, summary)


def _plain(quoted: str) -> str:
    return quoted.replace('"', "")


def _explain_refusal(params: LoginCanaryParams, prepared: PreparedAccount, reply: http.Response) -> str:
    answer, email = f"{reply.status} “{reply.error_text()}”.", params.login["email"]
    if reply.status == 400 and "database" in reply.error_text().lower():
        return f"{answer} The schema is not aligned with the API's client: see prisma.drift."
    if prepared.scheme is None:
        return f"{answer} There is no account with this address: create it, or set create in the runbook."
    if prepared.scheme not in params.accounts.verifiable:
        return (
            f"{answer} Its hash is {prepared.scheme}, which the new API cannot verify: such accounts have to "
            "reset their password. For the canary, set create in the runbook."
        )
    if not prepared.verifies:
        return f"{answer} Check the canary's password: the stored hash is of another one."
    if reply.status < 500 and email != email.lower():
        return (
            f"{answer} The stored hash is of this password, and {email} has capitals: the API looks "
            f"addresses up in small letters only. {prepared.capitals:,} account(s) have such an address and "
            "can never sign in. Compare without regard to capitals, or write the stored addresses in small "
            "letters."
        )
    return f"{answer} The stored hash is of this password: check whether the account may sign in."
