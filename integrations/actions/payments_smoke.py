"""Proves a payment provider's key without a side effect, and that it is of the right kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    Values,
)
from integrations.clients.payments import Mode, Provider, provider_of, refuse_wrong_mode
from integrations.credentials import fingerprint
from integrations.errors import Problem

UNTOLD = (
    "the key opens, but neither its prefix nor the provider tells whether it is a test or a live one. Take "
    "the key as the provider gives it, and the provider's own address in url:."
)


@register
class PaymentsSmoke(Action):
    """One harmless read a provider; a key of the wrong mode is refused before it is sent, where it shows."""

    key, title = "payments.smoke", "Prove the payment providers' keys without a side effect"
    effect = Effect.PURE
    deadline = timedelta(minutes=3)

    class Params(ActionForm):
        """``providers``: names of systems of kind payments (default all)."""

        providers = JSONValueField(kind=list, required=False)

    def preview(self, params: Values) -> Preview:
        """The reads."""
        lines = [f"GET {one.system['url']}{one.read_path}" for one in providers(params)]
        return Preview(lines, warnings=["Nothing is booked: these only read."])

    def run(self, params: Values, report: Report) -> Outcome:
        """All are asked, also when one is refused; red with each one's reason."""
        facts, wrong = [], []
        every = providers(params)
        for number, one in enumerate(every):
            report.raise_if_cancelled()
            report.progress(number, len(every), one.name)
            found = _asked(one, params)
            report.log(f"{'✓' if found['ok'] else '✗'} {one.name}: {found['said']}")
            facts.append(found)
            wrong += [] if found["ok"] else [found["said"]]
        report.evidence(payments=facts)
        if wrong:
            return Outcome(False, " ".join(wrong))
        said = ", ".join(f"{f['provider']} ({f['mode']})" for f in facts)
        return Outcome(True, f"Every key opens its door: {said}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing."""
        return Finding(Seen.NOT_DONE, "This only reads.")


def providers(params: Values) -> list[Provider]:
    """The providers that are named, or all of the runbook. Raises `Problem` for a name that is none."""
    systems = params.context.systems
    known = {system.name: system for system in systems.values() if system.kind == "payments"}
    names = params.providers or list(known)
    unknown = [str(name) for name in names if name not in known]
    if unknown or not names:
        raise Problem(
            f"There is no system of kind payments called {', '.join(unknown) or 'anything'}.",
            means="Nothing was asked.",
            next=f"The runbook has: {', '.join(known) or 'none'}.",
        )
    return [provider_of(known[name], systems) for name in names]


def _asked(one: Provider, params: Values) -> dict[str, Any]:
    rehearsal, key = params.context.rehearsal, one.system["secret_key"]
    facts: dict[str, Any] = {
        "provider": one.name,
        "fingerprint": fingerprint(key, f"{one.name.upper()}_SECRET_KEY"),
        "mode": one.mode.value,
    }
    try:
        refuse_wrong_mode(rehearsal, one.mode, one.system.name)
        account = one.account()
        refuse_wrong_mode(rehearsal, account.mode, one.system.name, asked=True)
    except Problem as problem:
        return {**facts, "ok": False, "said": str(problem)}
    if account.mode == Mode.UNKNOWN:
        return {**facts, "ok": False, "said": f"{one.system.name}: {UNTOLD}"}
    return {**facts, "ok": True, "mode": account.mode.value, "said": account.said}
