"""Checks the new environment's settings against the old: missing, unchanged, rotated, malformed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.env_export import EnvExportEvidence
from integrations.credentials import Credentials
from integrations.environment import env_file, secret_names
from integrations.errors import Problem
from integrations.systems import System


@dataclass(frozen=True)
class SecretsLedgerParams(actions.ActionParams):
    """The new environment file, and where the old values or their fingerprints are."""

    new: System
    old: System | None
    export: actions.EarlierItem[EnvExportEvidence] | None
    also: list[Any]
    same: dict[str, str]
    names: list[str]
    old_names: list[str]
    rules: dict[str, Any]
    rotate: dict[str, str]
    unset: list[str]
    optional: list[str]
    without_effect: dict[str, str]

    def find_unknown(self, settings: Iterable[str]) -> list[str]:
        """The settings that are in none of the runbook's lists; none where it has no list of others."""
        if not (self.optional or self.without_effect):
            return []
        known = {*self.names, *map(str, self.also), *self.optional, *self.without_effect, *self.same}
        return [name for name in settings if not secret_names.is_among(name, known)]


class SettingFacts(TypedDict):
    """One setting of the new environment.

    ``state`` is new, the same or rotated; ``fingerprint`` is keyed, or “empty”; ``wrong`` says what is
    wrong with the value, and is empty when nothing is.
    """

    name: str
    state: str
    fingerprint: str
    wrong: str


class LedgerFacts(TypedDict):
    """All settings, the names without a value, the names that only the old environment has, and the id of
    the key of the fingerprints."""

    settings: list[SettingFacts]
    missing: list[str]
    only_old: list[str]
    key: str


class SecretsLedgerEvidence(TypedDict, total=False):
    """The settings, and the expected names that the old environment lacks."""

    ledger: LedgerFacts
    old_missing: list[str]
    without_effect: dict[str, str]  # settings that the new stack reads in vain → why
    unknown: list[str]  # settings that are in none of the runbook's lists


@actions.register
class SecretsLedger(actions.ReadOnlyAction[SecretsLedgerParams, SecretsLedgerEvidence]):
    """Shows no value: a fingerprint under the panel's own key tells an unchanged value from another one."""

    key, title = "secrets.ledger", "Check the new environment's settings against the old"
    texts_shown = True
    public_params = frozenset(
        {"also", "same", "names", "old_names", "rules", "rotate", "unset", "optional", "without_effect"}
    )
    deadline = timedelta(minutes=2)

    class Params(actions.ActionForm):
        """``new``: the new environment file; ``old``: the old one, or ``export``: the item that kept it (its
        fingerprints are enough); ``names``: what the new environment needs (NAME* for at least one that
        begins so), ``also``: more of them; ``old_names``: what the old one should have; ``rules``: name →
        what its value has to be: a list of values, or apple_key, apple_key_in_lines, fincra_key,
        flutterwave_key, long_secret, origins, paystack_key, postgres_url, redis_url, seconds, stripe_key,
        stripe_webhook_secret; ``same``: name → the other name whose value it has to have, where it is set
        at all; ``rotate``: name → the old environment's name whose value it may not have; ``unset``: names
        that production may not set; ``optional``: names that it may have; ``without_effect``: name → why
        the new stack reads it in vain.
        With one of the last two, a name that is in none of the lists is reported."""

        new = actions.SystemField(kind="env_file")
        old = actions.SystemField(kind="env_file", required=False)
        export = actions.EvidenceField(action="env.export", required=False)
        also = actions.JSONValueField(kind=list, required=False)
        same = actions.JSONValueField(kind=dict, required=False)

        names = actions.JSONValueField(kind=list)
        old_names = actions.JSONValueField(kind=list, required=False)
        rules = actions.JSONValueField(kind=dict, required=False)
        rotate = actions.JSONValueField(kind=dict, required=False)
        unset = actions.JSONValueField(kind=list, required=False)
        optional = actions.JSONValueField(kind=list, required=False)
        without_effect = actions.JSONValueField(kind=dict, required=False)

        def clean_rules(self) -> dict[str, Any]:
            """Known words, or lists of values."""
            rules = dict(self.cleaned_data["rules"])
            unknown = [f"{name}: {rule}" for name, rule in rules.items() if not _is_rule(rule)]
            if unknown:
                known = ", ".join(sorted(secret_names.RULES))
                raise forms.ValidationError(f"{', '.join(unknown)} is no rule; there are {known}, and lists.")
            return rules

        def clean_same(self) -> dict[str, str]:
            """Names of settings on both sides."""
            pairs = self.cleaned_data["same"]
            if not all(isinstance(word, str) and word for pair in pairs.items() for word in pair):
                raise forms.ValidationError("has to be a mapping of names to names.")
            return dict(pairs)

    def preview(self, params: SecretsLedgerParams) -> actions.Preview:
        """The file that is read; none of its values is shown."""
        lines = [f"Read {params.new['path']}; compare {len(params.names)} names, by keyed fingerprints."]
        return actions.Preview(lines, where=params.new["path"])

    def run(
        self, params: SecretsLedgerParams, report: actions.RunReport[SecretsLedgerEvidence]
    ) -> actions.Outcome:
        """A verdict gives a remedy for each name that is missing or malformed."""
        found = env_file.read_system_file(params.new)
        report.secret(*filter(None, found.values.values()))
        credentials, old = Credentials(), _old_fingerprints(params, report)
        names = tuple(dict.fromkeys(map(str, (*params.names, *params.also))))
        settings = [
            _check_setting(name, value, old, credentials, params)
            for name, value in sorted(found.values.items())
        ]
        _compare_settings(settings, found.values, params.same)
        missing = secret_names.find_missing(names, found.values)
        old_missing = secret_names.find_missing(params.old_names, old)
        _log(settings, missing, old_missing, report)
        useless = {name: str(why) for name, why in params.without_effect.items() if name in found.values}
        unknown = params.find_unknown(found.values)
        _log_names(useless, unknown, report)
        only_old = sorted(set(old) - set(found.values))
        report.evidence(
            {
                "ledger": {
                    "settings": settings,
                    "missing": missing,
                    "only_old": only_old,
                    "key": credentials.key_id,
                },
                "old_missing": old_missing,
                "without_effect": useless,
                "unknown": unknown,
            }
        )
        return _verdict(settings, missing, env_file.describe_faults(found), unknown)


def _log_names(useless: Mapping[str, str], unknown: list[str], report: actions.Report) -> None:
    for name, why in useless.items():
        report.log(f"{name} has no effect: {why}")
    for name in unknown:
        report.log(f"{name} is in none of the runbook's lists: nothing may read it. Is it misspelt?")


def _log(
    settings: list[SettingFacts], missing: list[str], old_missing: list[str], report: actions.Report
) -> None:
    for setting in settings:
        mark = "✗" if setting["wrong"] else "✓"
        report.log(f"{mark} {setting['name']}: {setting['state']} {setting['wrong']}".rstrip())
    for name in missing:
        report.log(f"✗ {name}: missing")
    if old_missing:
        report.log(f"The old environment has no {', '.join(old_missing)}: nothing to compare these with.")


def _old_fingerprints(params: SecretsLedgerParams, report: actions.Report) -> dict[str, str]:
    """The old environment's fingerprints by name, from its file or from the evidence of its export."""
    if params.old:
        found = env_file.read_system_file(params.old)
        report.secret(*filter(None, found.values.values()))
        reason = env_file.describe_faults(found)
        if reason:
            raise Problem(
                f"{params.old['path']} cannot be compared. {reason}",
                means="Every name would look new, and no value would look unchanged.",
                next="Correct these lines (NAME=value, quotes closed), then start this again.",
            )
        credentials = Credentials()
        return {name: credentials.fingerprint(value, name) for name, value in found.values.items() if value}
    facts = params.export.evidence.get("export") if params.export else None
    return dict(facts.get("fingerprints", {})) if facts else {}


def _is_rule(rule: Any) -> bool:
    if isinstance(rule, list):
        return bool(rule) and all(isinstance(one, str) for one in rule)
    return isinstance(rule, str) and rule in secret_names.RULES


def _check_setting(
    name: str, value: str, old: Mapping[str, str], credentials: Credentials, params: SecretsLedgerParams
) -> SettingFacts:
    rehearsal, rule = params.context.rehearsal, params.rules.get(name, "")
    mark = credentials.fingerprint(value, name) if value else "empty"
    state = "new" if name not in old else "the same" if old[name] == mark else "rotated"
    wrong = secret_names.check_value(value, rule, rehearsal=rehearsal) if value else "is empty."
    if not wrong and state == "the same" and name in params.rotate:
        wrong = "is the old one: a person who knew it could sign in here."
    other = params.rotate.get(name, "")
    if not wrong and other in old and credentials.fingerprint(value, other) == old[other]:
        wrong = f"is the old environment's {other}: make a new one."
    if not wrong and name in params.unset and not rehearsal:
        wrong = "is set; in production it has to be unset."
    return {"name": name, "state": state, "fingerprint": mark, "wrong": wrong}


def _compare_settings(
    settings: list[SettingFacts], values: Mapping[str, str], same: Mapping[str, str]
) -> None:
    """Says of a setting that it differs from the one whose value it has to have."""
    for setting in settings:
        name = setting["name"]
        if not setting["wrong"] and name in same and values[name] != values.get(same[name]):
            setting["wrong"] = f"is not the value of {same[name]}: give it that value, or remove it."


def _verdict(
    settings: list[SettingFacts], missing: list[str], faults: str, unknown: list[str]
) -> actions.Outcome:
    reasons = [f"{faults} Correct them first."] if faults else []
    if missing:
        reasons.append(f"Missing: {', '.join(missing)}.")
    reasons += [f"{setting['name']} {setting['wrong']}" for setting in settings if setting["wrong"]]
    if reasons:
        return actions.Outcome(False, " ".join(reasons))
    states = [setting["state"] for setting in settings]
    counts = ", ".join(
        f"{states.count(state)} {state}" for state in ("the same", "rotated", "new") if state in states
    )
    note = f" Not known to the runbook: {', '.join(unknown)}." if unknown else ""
    return actions.Outcome(True, f"{len(settings)} settings are set and well-formed: {counts}.{note}")
