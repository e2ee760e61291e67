"""Stops the old application from writing: its role becomes read-only and its open sessions end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.systems import System
from integrations.writes import freeze, write_proof
from integrations.writes.freeze import DatabaseLogin, StateBeforeFreeze


@dataclass(frozen=True)
class FreezeOnParams(actions.ActionParams):
    """The database, the login that is frozen, and how long to watch for writes."""

    database: System
    application: System
    watch: float | None


class ObservedWrites(TypedDict):
    """What was written, and by which server processes, while the action watched."""

    watched_seconds: float
    rows_changed: dict[str, int]  # table → rows
    sessions_that_wrote: list[int]  # process ids
    prepared_transactions: list[str]


class FreezeFacts(ObservedWrites):
    """A freeze. ``before`` has the fields of `StateBeforeFreeze`, ``test_write`` those of `WriteProof`."""

    role: str
    database: str
    address: str
    before: dict[str, Any]
    already: bool
    sessions_ended: int
    test_write: dict[str, Any]


class FreezeOnEvidence(TypedDict, total=False):
    """What a run records."""

    freeze: FreezeFacts


@actions.register
class FreezeOn(actions.Action[FreezeOnParams, FreezeOnEvidence]):
    """Makes one role read-only in one database. `integrations.writes.freeze` says why by this means."""

    key, title = "freeze.on", "Freeze the writes of the old application"
    texts_shown = True
    effect = actions.Effect.IDEMPOTENT
    risky = True

    class Params(actions.ActionForm):
        """``database``: a login that may change roles. ``application``: the login of the old application,
        whose role is frozen. ``watch``: seconds after the freeze in which nothing may be written
        (default 3)."""

        database = actions.SystemField(kind="postgres")
        application = actions.SystemField(kind="postgres")
        watch = forms.FloatField(min_value=0, max_value=120, required=False)

    def resource(self, params: FreezeOnParams) -> str:
        """Freezing the writes of a database and lifting the freeze exclude each other."""
        return f"db:{postgres.address(params.database['url'])}:writes"

    def preview(self, params: FreezeOnParams) -> actions.Preview:
        """The statement, and the sessions that would be ended, read from the live server."""
        with postgres.connect(params.database["url"], readonly=True) as admin:
            login = freeze.find_login(admin, params.application["url"], "")
            own = freeze.read_own_setting(admin, login)
            open_now = freeze.list_sessions(admin, login)
            waiting = freeze.list_prepared_transactions(admin, login)
            command = freeze.build_statement(login, "on").as_string(admin)
        lines = [
            f"{command}; (it is {'not set' if own is None else own} now)",
            f"End the {len(open_now)} open session(s) of {login.role}.",
            f"Try a write as {login.role}: PostgreSQL has to refuse it (25006).",
            f"Check for {_watch(params):g} s that no row changes.",
        ]
        warnings = ["From here on, users get errors when they save something."]
        if waiting:
            warnings.append(f"Prepared transactions would still write: {', '.join(waiting)}.")
        return actions.Preview(lines, where=postgres.address(params.database["url"]), warnings=warnings)

    def before(self, params: FreezeOnParams) -> dict[str, Any]:
        """The role's setting and sessions, for the probe."""
        with postgres.connect(params.database["url"], attempt=params.context.attempt, readonly=True) as admin:
            login = freeze.find_login(admin, params.application["url"], params.context.attempt)
            return {
                "attempt": params.context.attempt,
                "own": freeze.read_own_setting(admin, login),
                "settings": freeze.read_role_settings(admin, login),
                "sessions": freeze.list_sessions(admin, login),
            }

    def run(self, params: FreezeOnParams, report: actions.RunReport[FreezeOnEvidence]) -> actions.Outcome:
        """Freezes, ends sessions, tests that a write is refused, and watches for other writes."""
        context, url, application_url = params.context, params.database["url"], params.application["url"]
        lock_wait = params.application.seconds("lock_wait", postgres.LOCK_WAIT)
        with (
            postgres.explain_errors(url),
            postgres.connect_to(params.database, attempt=context.attempt, report=report) as admin,
        ):
            login = freeze.find_login(admin, application_url, context.attempt)
            original, already = self._original(params, admin, login, report)
            # Saved before the change: an undo needs it also when this attempt is lost.
            original.save(context.artefacts)
            if already:
                report.log(f"{login.role} is read-only in {login.database} already.")
            else:
                report.log(freeze.apply_own_setting(admin, login, "on"))
            report.progress(1, 4, "ending open sessions")
            # The setting applies to new sessions only: open ones could go on writing.
            ended = freeze.end_sessions(admin, login, report.raise_if_cancelled)
            report.log(f"{ended} open session(s) of {login.role} ended.")
            report.progress(2, 4, "testing a write")
            proof = write_proof.try_write(application_url, context.attempt, report, lock_wait)
            log_proof(login, proof, report)
            report.progress(3, 4, "watching for writes")
            observed = _watch_writes(admin, login, _watch(params), report)
            facts: FreezeFacts = {
                "role": login.role,
                "database": login.database,
                "address": postgres.address(params.database["url"]),
                "before": asdict(original),
                "already": already,
                "sessions_ended": ended,
                "test_write": asdict(proof),
                **observed,
            }
            report.evidence({"freeze": facts})
            report.progress(4, 4, "done")
            return _verdict(login, facts, frozen=proof.frozen)

    def _original(
        self,
        params: FreezeOnParams,
        admin: postgres.Connection,
        login: DatabaseLogin,
        report: actions.Report,
    ) -> tuple[StateBeforeFreeze, bool]:
        """The role's settings before the first freeze, and whether it is frozen now."""
        # A second freeze must not record the first one as the original state: what the first one kept wins.
        own = freeze.read_own_setting(admin, login)
        known = freeze.read_saved_state(params.context.artefacts, login)
        if freeze.is_on(own) and known is None:
            known = _find_recorded(params.context, login)
        if freeze.is_on(own) and known is not None:
            return known, True
        if known is not None:  # of a freeze that was lifted by hand since
            freeze.delete_saved_state(params.context.artefacts, login)
        lock_wait = params.application.seconds("lock_wait", postgres.LOCK_WAIT)
        proof = write_proof.try_write(params.application["url"], params.context.attempt, report, lock_wait)
        now = StateBeforeFreeze(
            login.role, login.database, own, freeze.read_role_settings(admin, login), proof.accepted
        )
        return now, freeze.is_on(own)

    def probe(self, params: FreezeOnParams, before: Mapping[str, Any]) -> actions.Finding:
        """Reads the role's setting in the catalog, and looks for sessions from before the freeze."""
        with postgres.connect(params.database["url"], readonly=True) as admin:
            login = freeze.find_login(admin, params.application["url"], "")
            return probe_freeze(admin, login, before, wanted_on=True)


def log_proof(login: DatabaseLogin, proof: write_proof.WriteProof, report: actions.Report) -> None:
    """Logs the test write, and what PostgreSQL answered."""
    report.log(f"As {login.role}: {proof.statement}")
    report.log(f"PostgreSQL: {proof.message}")


def probe_freeze(
    admin: postgres.Connection, login: DatabaseLogin, before: Mapping[str, Any], *, wanted_on: bool
) -> actions.Finding:
    """Done when the role's setting is as wanted and no session from before the change is open."""
    own = freeze.read_own_setting(admin, login)
    old = {(s["pid"], s["started"]) for s in before.get("sessions", [])}
    left = [s for s in freeze.list_sessions(admin, login) if (s["pid"], s["started"]) in old]
    busy = admin.execute(
        "select count(*) from pg_stat_activity where application_name = %s and pid <> pg_backend_pid()",
        [f"cutover:{before.get('attempt')}"],
    ).fetchone()
    facts = {"own": own, "sessions_from_before": len(left)}
    observed = (
        f"{freeze.SETTING} of {login.role} in {login.database} is {'not set' if own is None else own}; "
    )
    observed += f"{len(left)} of its session(s) from before are still open."
    if before.get("attempt") and busy and busy[0]:
        return actions.Finding(
            actions.ProbeStatus.STILL_RUNNING, f"{observed} The attempt is still connected.", facts
        )
    if freeze.is_on(own) is not wanted_on:
        return actions.Finding(actions.ProbeStatus.NOT_DONE, observed, facts)
    return actions.Finding(actions.ProbeStatus.PARTIAL if left else actions.ProbeStatus.DONE, observed, facts)


def _watch(params: FreezeOnParams) -> float:
    return 3.0 if params.watch is None else float(params.watch)


def _find_recorded(context: actions.Context, login: DatabaseLogin) -> StateBeforeFreeze | None:
    """The original state that an earlier freeze of the same role recorded, under any item."""
    for key in context.evidence:
        found = actions.EarlierItem[FreezeOnEvidence](key, context).evidence.get("freeze")
        if isinstance(found, Mapping) and (found["role"], found["database"]) == (login.role, login.database):
            return StateBeforeFreeze(**found["before"])
    return None


def _watch_writes(
    admin: postgres.Connection, login: DatabaseLogin, seconds: float, report: actions.Report
) -> ObservedWrites:
    """Watches which rows change and which sessions write, and lists what could write later."""
    start, until = freeze.count_written_rows(admin), time.monotonic() + seconds
    writers: set[int] = set(freeze.find_writing_sessions(admin, login))
    while time.monotonic() < until:
        report.raise_if_cancelled()
        time.sleep(min(0.25, seconds))
        writers |= set(freeze.find_writing_sessions(admin, login))
    now = freeze.count_written_rows(admin)
    changed = {table: n - start.get(table, 0) for table, n in now.items() if n > start.get(table, 0)}
    return {
        "watched_seconds": seconds,
        "rows_changed": dict(sorted(changed.items())),
        "sessions_that_wrote": sorted(writers),
        "prepared_transactions": freeze.list_prepared_transactions(admin, login),
    }


def _verdict(login: DatabaseLogin, facts: FreezeFacts, *, frozen: bool) -> actions.Outcome:
    if not frozen:
        raise Problem(
            f"The freeze did not refuse the test write as {login.role}: {facts['test_write']['message']}.",
            means="The role's setting is on, but something overrides it: the application may still write.",
            next="Check the application's address for options=-c default_transaction_read_only=off, and for "
            "a pooler that sets it. Lift the freeze with its undo if you stop here.",
        )
    if writing := _find_other_writes(facts):
        return actions.Outcome(False, f"Frozen, but {writing}, then start this item again.")
    ended = facts["sessions_ended"]
    return actions.Outcome(
        True,
        f"{login.role} can no longer write in {login.database}: {ended} session(s) ended, the test write "
        "was refused (25006).",
    )


def _find_other_writes(facts: ObservedWrites) -> str:
    """What can still write, and what to do about it; "" when nothing can."""
    if facts["prepared_transactions"]:
        names = ", ".join(facts["prepared_transactions"])
        return f"prepared transactions can still write: {names}. Commit or roll them back"
    if facts["sessions_that_wrote"]:
        pids = ", ".join(map(str, facts["sessions_that_wrote"]))
        return f"the application overrides the freeze itself (server process {pids}). Stop the application"
    if facts["rows_changed"]:
        tables = ", ".join(f"{table} (+{n})" for table, n in facts["rows_changed"].items())
        return f"another login still changes rows: {tables}. Find and stop the program that writes there"
    return ""
