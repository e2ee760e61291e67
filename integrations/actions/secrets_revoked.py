"""Checks that what the old environment's secrets opened is closed: reported as revoked is not enough."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

from django import forms
from dotenv import dotenv_values

from integrations import actions
from integrations.actions.env_export import EnvExportEvidence
from integrations.actions.payments_smoke import select_providers
from integrations.clients import postgres
from integrations.credentials import Credentials
from integrations.environment import env_file, old_secrets
from integrations.environment.old_secrets import RevokedFacts, Values
from integrations.errors import Problem
from integrations.systems import System

MAIL_PARTS = ("server", "port", "user", "password")


@dataclass(frozen=True)
class SecretsRevokedParams(actions.ActionParams):
    """Where the old secrets are, and the names of those that are tried in each way."""

    export: actions.EarlierItem[EnvExportEvidence]
    providers: list[Any]
    login: System | None
    database: str
    mail: dict[str, Any]
    replaced: list[Any]
    new: System | None


class SecretsRevokedEvidence(TypedDict, total=False):
    """The old secrets that were tried."""

    revoked: list[RevokedFacts]


@actions.register
class SecretsRevoked(actions.ReadOnlyAction[SecretsRevokedParams, SecretsRevokedEvidence]):
    """The old values come from the encrypted export, and are sent only to where they were valid.

    A refusal by a payment provider counts only if the new key works at the same address: a wrong address
    refuses every key.
    """

    key, title = "secrets.revoked", "Check that the old keys and logins are refused"
    texts_shown = True
    public_params = frozenset({"providers", "database", "replaced"})
    deadline = timedelta(minutes=5)

    class Params(actions.ActionForm):
        """``export``: the item that kept the old environment; ``providers``: systems of kind payments
        (default all), whose setting ``variable`` names the key in that environment; ``database``: the
        variable there with the old address of the database; ``mail``: the variables with ``server``,
        ``port``, ``user`` and ``password`` of its mail login; ``replaced``: variables whose values the new
        environment must not have (no service can be asked about them), and ``new``: its env_file;
        ``login``: another old database login, as a system."""

        export = actions.EvidenceField(action="env.export")
        providers = actions.JSONValueField(kind=list, required=False)
        login = actions.SystemField(kind="postgres", required=False)
        database = forms.CharField(required=False)
        mail = actions.JSONValueField(kind=dict, required=False)
        replaced = actions.JSONValueField(kind=list, required=False)
        new = actions.SystemField(kind="env_file", required=False)

        def clean_mail(self) -> dict[str, str]:
            """Names of variables, one for each part."""
            parts: dict[str, Any] = self.cleaned_data["mail"] or {}
            right = set(parts) == set(MAIL_PARTS) and all(isinstance(name, str) for name in parts.values())
            if parts and not right:
                raise forms.ValidationError(
                    f"Give the names of the variables of {', '.join(MAIL_PARTS)}, and nothing else."
                )
            return parts

        def clean(self) -> dict[str, Any]:
            """``replaced`` needs to know where the new values are."""
            cleaned: dict[str, Any] = super().clean() or {}
            if cleaned.get("replaced") and not cleaned.get("new"):
                self.add_error(
                    "new", "Name the env_file of the new environment: replaced: is compared with it."
                )
            return cleaned

    def preview(self, params: SecretsRevokedParams) -> actions.Preview:
        """The reads with each old key."""
        lines = [
            f"GET {provider.system['url']}{provider.read_path} with the old {provider.key_variable}, "
            "and with the new one"
            for provider in select_providers(params.context, params.providers)
        ]
        if params.login:
            lines.append(f"Connect to {postgres.address(params.login['url'])} with the old login.")
        if params.database:
            lines.append(f"Connect with the old {params.database}.")
        if params.mail:
            lines.append(f"Sign in at {params.mail['server']} as {params.mail['user']}; no mail is sent.")
        if params.replaced and params.new:
            lines.append(f"Look for the values of {', '.join(params.replaced)} in {params.new['path']}.")
        return actions.Preview(lines, warnings=["These only read. A key that still works is red."])

    def run(
        self, params: SecretsRevokedParams, report: actions.RunReport[SecretsRevokedEvidence]
    ) -> actions.Outcome:
        """Tries all keys; a verdict names each that still works, or of which nothing can be said."""
        old = _read_old_values(params.export)
        report.secret(*filter(None, old.values()))
        facts = []
        for fact in _try_all(params, old):
            report.raise_if_cancelled()
            report.log(f"{'✓' if fact['refused'] else '✗'} {fact['name']}: {fact['said']}")
            facts.append(fact)
        report.evidence({"revoked": facts})
        wrong = [f"{fact['name']}: {fact['said']}" for fact in facts if not fact["refused"]]
        if wrong:
            return actions.Outcome(False, " ".join(wrong))
        return actions.Outcome(True, f"Refused or replaced: {', '.join(fact['name'] for fact in facts)}.")


def _try_all(params: SecretsRevokedParams, old: Values) -> Iterator[RevokedFacts]:
    for provider in select_providers(params.context, params.providers):
        key = old.get(provider.key_variable) or ""
        yield old_secrets.check_payment_key(provider, key, params.context.rehearsal)
    if params.login:
        yield old_secrets.check_database_login(params.login["url"])
    if params.database:
        yield _check_database(old, params.database)
    if params.mail:
        yield old_secrets.check_mail_login(old, params.mail)
    if params.replaced and params.new:
        new = env_file.read_settings(Path(params.new["path"]), params.new.get("reader"))
        for name in params.replaced:
            yield old_secrets.check_replaced_value(str(name), old, new)


def _check_database(old: Values, variable: str) -> RevokedFacts:
    if not (url := old.get(variable)):
        said = "is not in the export: whether its login is refused is not known."
        return {"name": f"the old {variable}", "refused": False, "said": said}
    return old_secrets.check_database_login(url)


def _read_old_values(export: actions.EarlierItem[EnvExportEvidence]) -> dict[str, str | None]:
    """The old environment's variables, decrypted. Raises `Problem` when the export is not here."""
    facts = export.evidence.get("export")
    if not facts:
        raise Problem(
            f"“{export.key}” has left no export.",
            means="The old keys are not known, so they cannot be tried.",
            next="Carry it out before the old environment is gone.",
        )
    path = export.context.artefacts.fetch(facts["path"], host=export.host)
    text = Credentials().decrypt(path.read_bytes()).decode("utf-8-sig")
    return dict(dotenv_values(stream=io.StringIO(text), interpolate=False))
