"""Checks the payment providers' keys with reads that change nothing, and that their mode is the right one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from integrations import actions
from integrations.clients.payments import KeyMode, PaymentProvider, get_payment_provider, refuse_wrong_mode
from integrations.credentials import fingerprint
from integrations.errors import Problem

MODE_UNKNOWN = (
    "the key works, but neither its prefix nor the provider tells whether it is a test or a live key. Take "
    "the key as the provider gives it, and the provider's own address in url:."
)


@dataclass(frozen=True)
class PaymentsSmokeParams(actions.ActionParams):
    """Names of the payment providers (empty: all)."""

    providers: list[Any]


class PaymentKeyFacts(TypedDict):
    """One provider's key: its keyed fingerprint, its mode (test, live, unknown) and what was found."""

    provider: str
    fingerprint: str
    mode: str
    ok: bool
    said: str


class PaymentsSmokeEvidence(TypedDict, total=False):
    """The keys that were checked."""

    payments: list[PaymentKeyFacts]


@actions.register
class PaymentsSmoke(actions.ReadOnlyAction[PaymentsSmokeParams, PaymentsSmokeEvidence]):
    """One read per provider. Where the prefix shows a key of the wrong mode, the key is not even sent."""

    key, title = "payments.smoke", "Check the payment providers' keys (reads only)"
    public_params = frozenset({"providers"})
    deadline = timedelta(minutes=3)

    class Params(actions.ActionForm):
        """``providers``: names of systems of kind payments (default all)."""

        providers = actions.JSONValueField(kind=list, required=False)

    def preview(self, params: PaymentsSmokeParams) -> actions.Preview:
        """The reads."""
        lines = [
            f"GET {provider.system['url']}{provider.read_path}"
            for provider in select_providers(params.context, params.providers)
        ]
        return actions.Preview(lines, warnings=["Nothing is booked: these only read."])

    def run(
        self, params: PaymentsSmokeParams, report: actions.RunReport[PaymentsSmokeEvidence]
    ) -> actions.Outcome:
        """Checks all keys even when one is refused; a verdict gives the reason of each."""
        facts = []
        providers = select_providers(params.context, params.providers)
        for number, provider in enumerate(providers):
            report.raise_if_cancelled()
            report.progress(number, len(providers), provider.name)
            checked = _check_key(provider, params.context.rehearsal)
            report.log(f"{'✓' if checked['ok'] else '✗'} {provider.name}: {checked['said']}")
            facts.append(checked)
        report.evidence({"payments": facts})
        wrong = [checked["said"] for checked in facts if not checked["ok"]]
        if wrong:
            return actions.Outcome(False, " ".join(wrong))
        modes = ", ".join(f"{checked['provider']} ({checked['mode']})" for checked in facts)
        return actions.Outcome(True, f"Every key is accepted: {modes}.")


def select_providers(context: actions.Context, names: Sequence[Any]) -> list[PaymentProvider]:
    """The payment providers of these names, or all of the runbook. Raises `Problem` for an unknown name."""
    systems = context.systems
    return [get_payment_provider(system, systems) for system in systems.select("payments", names)]


def _check_key(provider: PaymentProvider, rehearsal: bool) -> PaymentKeyFacts:
    facts: PaymentKeyFacts = {
        "provider": provider.name,
        "fingerprint": fingerprint(provider.system["secret_key"], provider.key_variable),
        "mode": provider.mode.value,
        "ok": False,
        "said": "",
    }
    name = provider.system.name
    try:
        # First by the prefix, so that a live key is not sent in a rehearsal; then by what the provider says.
        refuse_wrong_mode(rehearsal, provider.mode, name)
        account = provider.read_account()
        refuse_wrong_mode(rehearsal, account.mode, name, asked=True)
    except Problem as problem:
        return {**facts, "said": str(problem)}
    if account.mode == KeyMode.UNKNOWN:
        return {**facts, "said": f"{name}: {MODE_UNKNOWN}"}
    return {**facts, "ok": True, "mode": account.mode.value, "said": account.summary}
