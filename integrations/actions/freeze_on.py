"""Stops the old application from writing: its role becomes read-only and its open sessions end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import freeze, postgres
from integrations.clients.freeze import Login, Original
from integrations.errors import Problem


@register
class FreezeOn(Action):
    """Database-level read-only for one role; see `integrations.clients.freeze` for why by this means."""

    key, title = "freeze.on", "Freeze the writes of the old application"
    effect = Effect.IDEMPOTENT
    risky = True

    class Params(ActionForm):
        """``database``: an administrating login. ``application``: the old application's own login, whose
        role is frozen. ``watch``: seconds after the freeze in which nothing may be written."""

        database = SystemField(kind="postgres")
        application = SystemField(kind="postgres")
        watch = forms.FloatField(min_value=0, max_value=120, required=False)

    def resource(self, params: Values) -> str:
        """Nobody else may freeze or lift this database's writes meanwhile."""
        return f"db:{postgres.address(params.database['url'])}:writes"

    def preview(self, params: Values) -> Preview:
        """The statement, and the sessions that would be ended, read from the live server."""
        with postgres.connect(params.database["url"], readonly=True) as admin:
            login = freeze.login_of(admin, params.application["url"], "")
            own = freeze.own_setting(admin, login)
            open_now = freeze.sessions(admin, login)
            waiting = freeze.prepared(admin, login)
            command = freeze.statement(login, "on").as_string(admin)
        lines = [
            f"{command}; (it is {'not set' if own is None else own} now)",
            f"End the {len(open_now)} open session(s) of {login.role}.",
            f"Try a write as {login.role}: PostgreSQL has to refuse it (25006).",
            f"Watch for {_watch(params):g} s that no row changes any more.",
        ]
        warnings = ["From here on, donors and members get errors when they save something."]
        if waiting:
            warnings.append(f"Prepared transactions would still write: {', '.join(waiting)}.")
        return Preview(lines, where=postgres.address(params.database["url"]), warnings=warnings)

    def before(self, params: Values) -> dict[str, Any]:
        """The role's setting and sessions, for the probe."""
        with postgres.connect(params.database["url"], attempt=params.context.attempt, readonly=True) as admin:
            login = freeze.login_of(admin, params.application["url"], params.context.attempt)
            return {
                "attempt": params.context.attempt,
                "own": freeze.own_setting(admin, login),
                "settings": freeze.role_settings(admin, login),
                "sessions": freeze.sessions(admin, login),
            }

    def run(self, params: Values, report: Report) -> Outcome:
        """Freezes, ends sessions, proves it by a refused write, and watches whether anyone still writes."""
        context, url, application_url = params.context, params.database["url"], params.application["url"]
        with postgres.in_words(url), postgres.connect(url, attempt=context.attempt) as admin:
            login = freeze.login_of(admin, application_url, context.attempt)
            original, already = self._original(params, admin, login)
            original.keep(context.folder)
            if already:
                report.log(f"{login.role} is read-only in {login.database} already.")
            else:
                report.log(freeze.set_own(admin, login, "on"))
            report.progress(1, 4, "ending open sessions")
            ended = freeze.end_sessions(admin, login, report.raise_if_cancelled)
            report.log(f"{ended} open session(s) of {login.role} ended.")
            report.progress(2, 4, "proving it by a test write")
            proof = freeze.try_write(application_url, context.attempt)
            report.log(f"As {login.role}: {proof.statement}")
            report.log(f"PostgreSQL: {proof.sqlstate} {proof.message}".strip())
            report.progress(3, 4, "watching for writes")
            seen = _watched(admin, login, _watch(params), report)
            facts = {
                "role": login.role,
                "database": login.database,
                "address": postgres.address(params.database["url"]),
                "before": asdict(original),
                "already": already,
                "sessions_ended": ended,
                "test_write": asdict(proof),
                **seen,
            }
            report.evidence(freeze=facts)
            report.progress(4, 4, "done")
            return _verdict(login, facts, frozen=proof.frozen)

    def _original(self, params: Values, admin: postgres.Connection, login: Login) -> tuple[Original, bool]:
        """How it was before the first freeze, and whether it is frozen now. A second freeze must not
        take the first one for the original: what that one wrote down wins."""
        own = freeze.own_setting(admin, login)
        known = freeze.kept(params.context.folder, login)
        if freeze.is_on(own) and known is None:
            known = _from_evidence(params.context.evidence, login)
        if freeze.is_on(own) and known is not None:
            return known, True
        if known is not None:  # of a freeze that someone has lifted by hand since
            freeze.forget(params.context.folder, login)
        writable = freeze.try_write(params.application["url"], params.context.attempt).accepted
        now = Original(login.role, login.database, own, freeze.role_settings(admin, login), writable)
        return now, freeze.is_on(own)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Reads the role's setting in the catalog, and whether a session from before lives on."""
        with postgres.connect(params.database["url"], readonly=True) as admin:
            login = freeze.login_of(admin, params.application["url"], "")
            return finding(admin, login, before, wanted_on=True)


def finding(
    admin: postgres.Connection, login: Login, before: Mapping[str, Any], *, wanted_on: bool
) -> Finding:
    """Whether the role's setting is as wanted and no session from before the change lives on."""
    own = freeze.own_setting(admin, login)
    old = {(s["pid"], s["started"]) for s in before.get("sessions", [])}
    left = [s for s in freeze.sessions(admin, login) if (s["pid"], s["started"]) in old]
    busy = admin.execute(
        "select count(*) from pg_stat_activity where application_name = %s and pid <> pg_backend_pid()",
        [f"cutover:{before.get('attempt')}"],
    ).fetchone()
    facts = {"own": own, "sessions_from_before": len(left)}
    saw = f"{freeze.SETTING} of {login.role} in {login.database} is {'not set' if own is None else own}; "
    saw += f"{len(left)} of its session(s) from before are still open."
    if before.get("attempt") and busy and busy[0]:
        return Finding(Seen.STILL_RUNNING, f"{saw} The attempt is still connected.", facts)
    if freeze.is_on(own) is not wanted_on:
        return Finding(Seen.NOT_DONE, saw, facts)
    return Finding(Seen.PARTIAL if left else Seen.DONE, saw, facts)


def _watch(params: Values) -> float:
    return 3.0 if params.watch is None else float(params.watch)


def _from_evidence(evidence: Mapping[str, Mapping[str, Any]], login: Login) -> Original | None:
    for facts in evidence.values():
        found = facts.get("freeze")
        if isinstance(found, Mapping) and (found.get("role"), found.get("database")) == (
            login.role,
            login.database,
        ):
            return Original(**found["before"])
    return None


def _watched(admin: postgres.Connection, login: Login, seconds: float, report: Report) -> dict[str, Any]:
    """Rows that changed and sessions that wrote while we looked, and what would write later."""
    start, until = freeze.rows_written(admin), time.monotonic() + seconds
    lifted: set[int] = set(freeze.writers(admin, login))
    while time.monotonic() < until:
        report.raise_if_cancelled()
        time.sleep(min(0.25, seconds))
        lifted |= set(freeze.writers(admin, login))
    now = freeze.rows_written(admin)
    changed = {table: n - start.get(table, 0) for table, n in now.items() if n > start.get(table, 0)}
    return {
        "watched_seconds": seconds,
        "rows_changed": dict(sorted(changed.items())),
        "sessions_that_wrote": sorted(lifted),
        "prepared_transactions": freeze.prepared(admin, login),
    }


def _verdict(login: Login, facts: Mapping[str, Any], *, frozen: bool) -> Outcome:
    if not frozen:
        raise Problem(
            f"The freeze did not refuse the test write as {login.role}: {facts['test_write']['message']}.",
            means="The role's setting is on, but something overrides it: the application may still write.",
            next="Look in the application's address for options=-c default_transaction_read_only=off, or for "
            "a pooler that sets it; lift the freeze with its undo if you stop here.",
        )
    what = _still_writing(facts)
    if what:
        return Outcome(False, f"Frozen, but {what}, and repeat.")
    ended = facts["sessions_ended"]
    said = f"{ended} session(s) ended, the test write was refused (25006)."
    return Outcome(True, f"{login.role} can no longer write in {login.database}: {said}")


def _still_writing(facts: Mapping[str, Any]) -> str:
    if facts["prepared_transactions"]:
        names = ", ".join(facts["prepared_transactions"])
        return f"prepared transactions can still write: {names}. Commit or roll them back"
    if facts["sessions_that_wrote"]:
        pids = ", ".join(map(str, facts["sessions_that_wrote"]))
        return f"the application lifts it for itself (server process {pids}). Stop the application"
    if facts["rows_changed"]:
        tables = ", ".join(f"{table} (+{n})" for table, n in facts["rows_changed"].items())
        return f"another login still changes rows: {tables}. Find and stop what writes there"
    return ""
