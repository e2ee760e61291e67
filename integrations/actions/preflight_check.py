"""Asks every system of the runbook what can be known before the window."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from integrations import actions
from integrations.actions.preflight_scope import preflight_scope
from integrations.preflight import EndedCheck, Verdict, registered_checks, run_checks
from integrations.preflight.runner import CHECKS_AT_ONCE, SEVERITY, TOTAL_SECONDS


@dataclass(frozen=True)
class PreflightCheckParams(actions.ActionParams):
    """There are none: the preflight asks about everything in the runbook."""


class PreflightFacts(TypedDict):
    """The results as the runner gives them (`integrations.preflight.EndedCheck`), the worst first."""

    results: list[dict[str, Any]]


class PreflightCheckEvidence(TypedDict, total=False):
    """The results, and the subjects of amber ones."""

    preflight: PreflightFacts
    warnings: list[str]


@actions.register
class PreflightCheck(actions.ReadOnlyAction[PreflightCheckParams, PreflightCheckEvidence]):
    """Red or unknown results make it red; amber ones are warnings.

    What a gate signs are subjects and verdicts. A later preflight with other verdicts, whoever asked for it,
    contradicts the evidence.
    """

    key, title = "preflight.check", "Run the preflight"
    deadline = timedelta(seconds=TOTAL_SECONDS + 60)

    class Params(actions.ActionForm):
        """Asks every system of the runbook what can be known before the window: logins, rights, versions,
        certificates, clocks, disks, rows that a schema change would refuse, rules that match nothing."""

    def preview(self, params: PreflightCheckParams) -> actions.Preview:
        """What would be asked, and with which load."""
        checks = registered_checks()
        lines = [f"{check.title} ({key})" for key, check in checks.items()]
        load = (
            f"{len(checks)} checks on {len(params.context.systems)} systems, at most {CHECKS_AT_ONCE} at "
            f"once and {TOTAL_SECONDS:g} s in all; one query at a time on each database server, read-only."
        )
        return actions.Preview([load, *lines])

    def run(
        self,
        params: PreflightCheckParams,
        report: actions.RunReport[PreflightCheckEvidence],
    ) -> actions.Outcome:
        """A check that cannot be asked is a result, not an error."""
        checks = registered_checks()
        results: list[dict[str, Any]] = []
        scope = preflight_scope(params.context, raise_if_cancelled=report.raise_if_cancelled)
        for done, ended in enumerate(run_checks(scope, checks.values()), 1):
            report.progress(done, len(checks), ended.check.title)
            _log(ended, report)
            results += ended.results
        _log_what_is_not_green(results, report)
        results.sort(key=lambda one: (SEVERITY.index(one["verdict"]), one["check"], one["subject"]))
        amber = [f"{one['subject']} ({one['title']})" for one in results if one["verdict"] == Verdict.AMBER]
        report.evidence({"preflight": {"results": results}, "warnings": amber})
        return _outcome(results)


def _log(ended: EndedCheck, report: actions.Report) -> None:
    counts = Counter(one["verdict"] for one in ended.results)
    words = ", ".join(f"{counts[verdict]} {verdict}" for verdict in SEVERITY if counts[verdict])
    report.log(f"{ended.check.key}: {words or 'nothing to ask'} in {ended.seconds:.1f} s")


def _log_what_is_not_green(results: list[dict[str, Any]], report: actions.Report) -> None:
    """The worst last: it is what people see at the end of a log."""
    for verdict in reversed(SEVERITY):
        for one in results:
            if one["verdict"] == verdict != Verdict.GREEN:
                report.log(f"{verdict.upper()} {one['subject']}: {one['seen']} Next: {one['change']}")


def _outcome(results: list[dict[str, Any]]) -> actions.Outcome:
    bad = [one for one in results if one["verdict"] in (Verdict.RED, Verdict.UNKNOWN)]
    counts = Counter(one["verdict"] for one in results)
    words = ", ".join(f"{counts[verdict]} {verdict}" for verdict in SEVERITY if counts[verdict])
    if not bad:
        return actions.Outcome(True, f"Nothing is red or unknown: {words or 'nothing to ask'}.")
    first = "; ".join(one["subject"] for one in bad[:3])
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return actions.Outcome(
        False,
        f"{words}. {first}{more}. The page “Problems” says of each what to change; then start it again.",
    )
