"""Lifts the freeze: restores the exact setting of the role from before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from integrations import actions
from integrations.actions.freeze_on import FreezeOnEvidence, log_proof, probe_freeze
from integrations.artefacts import ArtefactStore
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.systems import System
from integrations.writes import freeze, write_proof
from integrations.writes.freeze import DatabaseLogin, StateBeforeFreeze


@dataclass(frozen=True)
class FreezeOffParams(actions.ActionParams):
    """The same logins as in freeze.on, and the item that froze."""

    database: System
    application: System
    freeze: actions.EarlierItem[FreezeOnEvidence]


class LiftedFreeze(TypedDict):
    """The restored state. ``test_write`` has the fields of `write_proof.WriteProof`."""

    role: str
    database: str
    restored: str | None
    settings: list[dict[str, Any]]
    sessions_ended: int
    test_write: dict[str, Any]


class FreezeOffEvidence(TypedDict, total=False):
    """What a run records."""

    lifted: LiftedFreeze


@actions.register
class FreezeOff(actions.Action[FreezeOffParams, FreezeOffEvidence]):
    """Undoes ``freeze.on`` with the state that it recorded."""

    key, title = "freeze.off", "Lift the freeze of the old application's writes"
    texts_shown = True
    effect = actions.Effect.IDEMPOTENT

    class Params(actions.ActionForm):
        """``database`` and ``application`` as in freeze.on; ``freeze``: the item that froze."""

        database = actions.SystemField(kind="postgres")
        application = actions.SystemField(kind="postgres")
        freeze = actions.EvidenceField(action="freeze.on")

    def resource(self, params: FreezeOffParams) -> str:
        """The same as that of freeze.on: the two exclude each other."""
        return f"db:{postgres.address(params.database['url'])}:writes"

    def preview(self, params: FreezeOffParams) -> actions.Preview:
        """The statement that restores the setting from before."""
        with postgres.connect(params.database["url"], readonly=True) as admin:
            login = freeze.find_login(admin, params.application["url"], "")
            original = _original(params, admin, login)
            command = freeze.build_statement(login, original.own).as_string(admin)
            open_now = freeze.list_sessions(admin, login)
        lines = [
            f"{command};",
            f"End the {len(open_now)} session(s) of {login.role} that began under the freeze.",
            f"Try a write as {login.role}, and roll it back: it has to be "
            + ("accepted." if original.writable else "refused, as it was before the freeze."),
        ]
        warning = (
            "From here on the old database accepts writes again: a migration that follows would miss them."
        )
        return actions.Preview(lines, where=postgres.address(params.database["url"]), warnings=[warning])

    def before(self, params: FreezeOffParams) -> dict[str, Any]:
        """The role's setting and sessions, and the setting to restore."""
        with postgres.connect(params.database["url"], attempt=params.context.attempt, readonly=True) as admin:
            login = freeze.find_login(admin, params.application["url"], params.context.attempt)
            return {
                "attempt": params.context.attempt,
                "own": freeze.read_own_setting(admin, login),
                "sessions": freeze.list_sessions(admin, login),
                "restore": _original(params, admin, login).own,
            }

    def run(self, params: FreezeOffParams, report: actions.RunReport[FreezeOffEvidence]) -> actions.Outcome:
        """Restores the setting, ends the read-only sessions, and tests a write that is rolled back."""
        context, url, application_url = params.context, params.database["url"], params.application["url"]
        with (
            postgres.explain_errors(url),
            postgres.connect_to(params.database, attempt=context.attempt, report=report) as admin,
        ):
            login = freeze.find_login(admin, application_url, context.attempt)
            original = _original(params, admin, login)
            report.log(freeze.apply_own_setting(admin, login, original.own))
            if freeze.read_own_setting(admin, login) != original.own:
                raise Problem(
                    f"The setting of {login.role} is not what it was, although PostgreSQL took the change.",
                    next="Check pg_db_role_setting: somebody else is changing it at the same time.",
                )
            # Pools keep sessions from the time of the freeze: they would stay read-only.
            ended = freeze.end_sessions(admin, login, report.raise_if_cancelled)
            report.log(f"{ended} session(s) of {login.role} from the time of the freeze ended.")
            lock_wait = params.application.seconds("lock_wait", postgres.LOCK_WAIT)
            proof = write_proof.try_write(application_url, context.attempt, report, lock_wait)
            log_proof(login, proof, report)
            facts: LiftedFreeze = {
                "role": login.role,
                "database": login.database,
                "restored": original.own,
                "settings": freeze.read_role_settings(admin, login),
                "sessions_ended": ended,
                "test_write": asdict(proof),
            }
            report.evidence({"lifted": facts})
            return _verdict(context.artefacts, login, original, proof)

    def probe(self, params: FreezeOffParams, before: Mapping[str, Any]) -> actions.Finding:
        """Compares the role's setting in the catalog with the one from before the freeze."""
        with postgres.connect(params.database["url"], readonly=True) as admin:
            login = freeze.find_login(admin, params.application["url"], "")
            return probe_freeze(admin, login, before, wanted_on=freeze.is_on(before.get("restore")))


def _original(params: FreezeOffParams, admin: postgres.Connection, login: DatabaseLogin) -> StateBeforeFreeze:
    """The state that the freeze recorded in its evidence, or in the cutover's folder if it failed."""
    facts = params.freeze.evidence.get("freeze")
    if facts and (facts["role"], facts["database"]) == (login.role, login.database):
        return StateBeforeFreeze(**facts["before"])
    known = freeze.read_saved_state(params.context.artefacts, login)
    if known is not None:
        return known
    own = freeze.read_own_setting(admin, login)
    if not freeze.is_on(own):  # nothing is frozen: the present state is the original one
        return StateBeforeFreeze(
            login.role, login.database, own, freeze.read_role_settings(admin, login), writable=True
        )
    raise Problem(
        f"{login.role} is read-only, and its setting before the freeze is not known.",
        means=f"“{params.freeze.key}” has recorded no freeze: somebody else froze it, or another cutover. Or "
        "its attempt failed on another host, and the state is in the folder of artefacts there.",
        next=f"If it had no setting of its own, run: {freeze.build_statement(login, None).as_string(admin)};",
    )


def _verdict(
    store: ArtefactStore, login: DatabaseLogin, original: StateBeforeFreeze, proof: write_proof.WriteProof
) -> actions.Outcome:
    if proof.accepted is not original.writable:
        means = f"a test write got: {proof.message}" if proof.sqlstate else "it can write now"
        advice = "check the settings of the database and the server"
        return actions.Outcome(False, f"The setting of {login.role} is restored, but {means}: {advice}.")
    freeze.delete_saved_state(store, login)
    how = "a test write was accepted and rolled back" if proof.accepted else "it cannot write, as before"
    return actions.Outcome(True, f"{login.role} is as before the freeze in {login.database}: {how}.")
