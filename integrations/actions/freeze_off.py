"""Lets the old application write again: the exact setting from before the freeze comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    Outcome,
    Preview,
    Report,
    SystemField,
    Values,
)
from integrations.actions.freeze_on import finding
from integrations.clients import freeze, postgres
from integrations.clients.freeze import Login, Original
from integrations.errors import Problem


@register
class FreezeOff(Action):
    """The inverse of ``freeze.on``, from what that one kept."""

    key, title = "freeze.off", "Lift the freeze: let the old application write again"
    effect = Effect.IDEMPOTENT

    class Params(ActionForm):
        """``database`` and ``application`` as in freeze.on; ``freeze``: the item that froze."""

        database = SystemField(kind="postgres")
        application = SystemField(kind="postgres")
        freeze = EvidenceField(action="freeze.on")

    def resource(self, params: Values) -> str:
        """The same as of freeze.on: the two exclude each other."""
        return f"db:{postgres.address(params.database['url'])}:writes"

    def preview(self, params: Values) -> Preview:
        """The statement that restores the setting from before."""
        with postgres.connect(params.database["url"], readonly=True) as admin:
            login = freeze.login_of(admin, params.application["url"], "")
            original = _original(params, admin, login)
            command = freeze.statement(login, original.own).as_string(admin)
            open_now = freeze.sessions(admin, login)
        lines = [
            f"{command};",
            f"End the {len(open_now)} session(s) of {login.role} that began under the freeze.",
            f"Try a write as {login.role}, and roll it back: it has to be "
            + ("accepted." if original.writable else "refused, as it was before the freeze."),
        ]
        warning = "From here on the old database takes writes again: what is migrated after it misses them."
        return Preview(lines, where=postgres.address(params.database["url"]), warnings=[warning])

    def before(self, params: Values) -> dict[str, Any]:
        """The role's setting and sessions, and what is to be restored."""
        with postgres.connect(params.database["url"], attempt=params.context.attempt, readonly=True) as admin:
            login = freeze.login_of(admin, params.application["url"], params.context.attempt)
            return {
                "attempt": params.context.attempt,
                "own": freeze.own_setting(admin, login),
                "sessions": freeze.sessions(admin, login),
                "restore": _original(params, admin, login).own,
            }

    def run(self, params: Values, report: Report) -> Outcome:
        """Restores, ends the sessions that are still read-only, proves it by a write that is rolled back."""
        context, url, application_url = params.context, params.database["url"], params.application["url"]
        with postgres.in_words(url), postgres.connect(url, attempt=context.attempt) as admin:
            login = freeze.login_of(admin, application_url, context.attempt)
            original = _original(params, admin, login)
            report.log(freeze.set_own(admin, login, original.own))
            if freeze.own_setting(admin, login) != original.own:
                raise Problem(
                    f"The setting of {login.role} is not what it was, although PostgreSQL took the change.",
                    next="Look at pg_db_role_setting: someone else changes it at the same time.",
                )
            ended = freeze.end_sessions(admin, login, report.raise_if_cancelled)
            report.log(f"{ended} session(s) of {login.role} from the time of the freeze ended.")
            proof = freeze.try_write(application_url, context.attempt)
            report.log(f"As {login.role}: {proof.statement}")
            report.log(f"PostgreSQL: {proof.sqlstate} {proof.message}".replace("  ", " "))
            facts = {
                "role": login.role,
                "database": login.database,
                "restored": original.own,
                "settings": freeze.role_settings(admin, login),
                "sessions_ended": ended,
                "test_write": asdict(proof),
            }
            report.evidence(lifted=facts)
            return _verdict(context.folder, login, original, proof)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Reads in the catalog whether the role's setting is the one from before the freeze."""
        with postgres.connect(params.database["url"], readonly=True) as admin:
            login = freeze.login_of(admin, params.application["url"], "")
            return finding(admin, login, before, wanted_on=freeze.is_on(before.get("restore")))


def _original(params: Values, admin: postgres.Connection, login: Login) -> Original:
    """What the freeze kept: in its evidence, or in the cutover's folder when it did not end well."""
    facts = params.context.evidence.get(params.freeze, {}).get("freeze")
    if facts and (facts["role"], facts["database"]) == (login.role, login.database):
        return Original(**facts["before"])
    known = freeze.kept(params.context.folder, login)
    if known is not None:
        return known
    own = freeze.own_setting(admin, login)
    if not freeze.is_on(own):  # nothing is frozen: the present state is the original one
        return Original(login.role, login.database, own, freeze.role_settings(admin, login), writable=True)
    raise Problem(
        f"{login.role} is read-only, but what its setting was before is not known.",
        means=f"“{params.freeze}” left no evidence: it was frozen by someone else, or outside this cutover.",
        next=f"When it had no setting of its own, run: {freeze.statement(login, None).as_string(admin)};",
    )


def _verdict(folder: Path, login: Login, original: Original, proof: freeze.Proof) -> Outcome:
    if proof.accepted is not original.writable:
        means = f"a test write got {proof.sqlstate} {proof.message}" if proof.sqlstate else "it can write now"
        look = "look for a setting of the database or the server"
        return Outcome(False, f"The setting of {login.role} is restored, but {means}: {look}.")
    freeze.forget(folder, login)
    how = "a test write was accepted and rolled back" if proof.accepted else "it cannot write, as before"
    return Outcome(True, f"{login.role} is as before the freeze in {login.database}: {how}.")
