"""Sees that an old key is refused by its own provider, and not only called revoked."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.actions.payments_smoke import providers
from integrations.clients import postgres
from integrations.clients.payments import Mode, Provider, mode_of_key, refuse_wrong_mode
from integrations.credentials import Credentials
from integrations.errors import Problem

REFUSED = (401, 403)


@register
class SecretsRevoked(Action):
    """A refusal counts only beside the new key, which opens the same door: a wrong address refuses everybody.

    The old values come from the encrypted export, and go nowhere but to the provider that gave them.
    """

    key, title = "secrets.revoked", "See that the old keys are refused by their providers"
    effect = Effect.PURE
    deadline = timedelta(minutes=5)

    class Params(ActionForm):
        """``export``: the item that kept the old environment; ``providers``: systems of kind payments
        (default all); ``login``: the old database login, which must be refused, too."""

        export = EvidenceField(action="env.export")
        providers = JSONValueField(kind=list, required=False)
        login = SystemField(kind="postgres", required=False)

    def preview(self, params: Values) -> Preview:
        """The reads, each by the old key."""
        lines = [
            f"GET {one.system['url']}{one.read_path} by the old {_name(one)}, and by the new one"
            for one in providers(params)
        ]
        if params.login:
            lines.append(f"Connect to {postgres.address(params.login['url'])} by the old login.")
        return Preview(lines, warnings=["These only read. A key that still opens is red."])

    def run(self, params: Values, report: Report) -> Outcome:
        """All are asked; red with each that still opens, or of which nothing can be said."""
        old = _old_values(params)
        report.secret(*filter(None, old.values()))
        facts = []
        for one in providers(params):
            report.raise_if_cancelled()
            facts.append(_fact(one, old.get(_name(one)) or "", params.context.rehearsal))
        if params.login:
            facts.append(_login(params))
        for fact in facts:
            report.log(f"{'✓' if fact['refused'] else '✗'} {fact['name']}: {fact['said']}")
        report.evidence(revoked=facts)
        wrong = [f"{fact['name']}: {fact['said']}" for fact in facts if not fact["refused"]]
        if wrong:
            return Outcome(False, " ".join(wrong))
        return Outcome(True, f"Refused: {', '.join(fact['name'] for fact in facts)}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing."""
        return Finding(Seen.NOT_DONE, "This only reads.")


def _name(one: Provider) -> str:
    return f"{one.name.upper()}_SECRET_KEY"


def _old_values(params: Values) -> dict[str, str | None]:
    facts = params.context.evidence.get(params.export, {}).get("export")
    if not facts or not Path(facts["path"]).exists():
        raise Problem(
            f"“{params.export}” has left no export here.",
            means="The old keys are not known, so nobody can be asked about them.",
            next="Carry it out before the old estate is gone, on the host where this runs.",
        )
    text = Credentials().decrypt(Path(facts["path"]).read_bytes()).decode("utf-8-sig")
    return dict(dotenv_values(stream=io.StringIO(text), interpolate=False))


def _fact(one: Provider, key: str, rehearsal: bool) -> dict[str, Any]:
    try:
        refused, said = _asked(one, key, rehearsal)
    except Problem as silence:  # of one provider: the others are asked all the same
        refused, said = False, f"could not be tried: {silence.what}"
    return {"name": f"{one.name}'s old key", "refused": refused, "said": said}


def _asked(one: Provider, key: str, rehearsal: bool) -> tuple[bool, str]:
    """Whether it is refused, and a sentence. Raises `Problem` when nobody answers."""
    new = one.system["secret_key"]
    if not key:
        return False, "is not in the export: nobody knows whether it is revoked."
    if key == new:
        return False, "is the new estate's key, too: rotate it first."
    if rehearsal and mode_of_key(one.name, key) == Mode.LIVE:
        return False, "is a live key, and this is a rehearsal: it was not sent. Rehearse with a test key."
    reply = one.read_with(key)
    if reply.ok:
        return False, "still opens: revoke it in the dashboard."
    if reply.status not in REFUSED:
        return False, f"gets {reply.status}, which says nothing."
    refuse_wrong_mode(rehearsal, one.mode, one.system.name)
    beside = one.read_with(new)
    if not beside.ok:
        return False, f"gets {reply.status}, but so does the new one ({beside.status}): that says nothing."
    return True, f"is refused ({reply.status}), while the new one opens."


def _login(params: Values) -> dict[str, Any]:
    name = f"the old login of {postgres.address(params.login['url'])}"
    try:
        with postgres.connect(params.login["url"], readonly=True):
            return {
                "name": name,
                "refused": False,
                "said": "still gets in: DROP ROLE, or ALTER ROLE … NOLOGIN.",
            }
    except Problem as problem:
        refused = any(
            word in problem.means for word in ("login is refused", "no such role", "may not log in")
        )
        said = "is refused." if refused else f"cannot be tried: {problem.means}"
        return {"name": name, "refused": refused, "said": said}
