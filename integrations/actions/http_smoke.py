"""Asks the new API whether it lives, is ready by its details, and serves every key read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

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
    SystemField,
    Values,
)
from integrations.clients.http import Answer, Service
from integrations.errors import Unreachable

#: The reads that showed the break that readiness does not see (400 on an unaligned database).
KEY_READS = [
    "/donations",
    "/events",
    "/prayer/requests",
    "/churches",
    "/content/home",
    "/reports/dashboard",
    "/tasks",
]


@register
class HttpSmoke(Action):
    """“Did not start”, “not ready” and “ready but wrong” are three different findings."""

    key, title, effect = "http.smoke", "Ask the API whether it lives, is ready and serves", Effect.PURE

    class Params(ActionForm):
        """The API, what to read, and how slow is too slow."""

        api = SystemField(kind="http", help_text="the API to ask")
        reads = JSONValueField(
            kind=list, initial=KEY_READS, required=False, help_text="paths that must answer 2xx with JSON"
        )
        max_ms = forms.FloatField(
            required=False, min_value=1, help_text="an answer slower than this many milliseconds is a no"
        )

        def clean_reads(self) -> list[str]:
            """Paths, each from the root."""
            reads: list[Any] = self.cleaned_data["reads"]
            bad = [r for r in reads if not (isinstance(r, str) and r.startswith("/") and "//" not in r)]
            if bad:
                raise forms.ValidationError(f"{bad[0]!r} is no path such as /donations.")
            return reads

    def preview(self, params: Values) -> Preview:
        """One line a question."""
        service = Service(params.api["url"])
        return Preview(
            [f"GET {path}" for path in ("/health/live", "/health/ready", *params.reads)], where=service.where
        )

    def run(self, params: Values, report: Report) -> Outcome:
        """Asks them all, even after the first that is wrong: a half-list of what is broken helps nobody."""
        service = Service(params.api["url"])
        answers: list[dict[str, Any]] = []
        try:
            findings = _health(service, answers, report)
        except Unreachable as gone:
            report.log(str(gone))
            report.evidence(where=service.where, answers=answers)
            return Outcome(False, f"The API did not start: {gone.what} {gone.next}")
        wrong = _reads(service, params, answers, report)
        report.evidence(where=service.where, answers=answers, not_ready=findings, wrong=wrong)
        return _verdict(findings, wrong, answers)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Questions leave nothing behind."""
        return Finding(Seen.NOT_DONE, "Asking changes nothing; it can be asked again at any time.")


def _health(service: Service, answers: list[dict[str, Any]], report: Report) -> list[str]:
    live = _ask(service, "/health/live", answers, report)
    ready = _ask(service, "/health/ready", answers, report)
    findings = [] if 200 <= live.status < 300 else [f"/health/live answers {live.status}"]
    return findings + _not_ready(ready)


def _not_ready(ready: Answer) -> list[str]:
    """What the details of readiness (Terminus) say against it, beyond the status of the answer."""
    found = ready.json if isinstance(ready.json, dict) else {}
    reasons = [] if ready.status == 200 and found.get("status") == "ok" else [_readiness(ready)]
    details = found.get("details")
    if not isinstance(details, dict):
        return [*reasons, "/health/ready gives no details: database and queue are unknown"]
    for name in ("database", "queue"):
        part = details.get(name)
        if not isinstance(part, dict):
            reasons.append(f"/health/ready says nothing about the {name}")
        elif part.get("status") != "up":
            reasons.append(f"the {name} is “{part.get('status')}”")
    pending = (details.get("database") or {}).get("pendingMigrations")
    if pending != 0:
        reasons.append(f"pendingMigrations is {pending if pending is not None else 'not told'}")
    return reasons


def _readiness(ready: Answer) -> str:
    status = ready.json.get("status") if isinstance(ready.json, dict) else "no JSON"
    return f"/health/ready answers {ready.status} ({status})"


def _reads(service: Service, params: Values, answers: list[dict[str, Any]], report: Report) -> list[str]:
    wrong = []
    for number, path in enumerate(params.reads, start=1):
        report.raise_if_cancelled()
        report.progress(number - 1, len(params.reads), path)
        try:
            answer = _ask(service, path, answers, report)
        except Unreachable as gone:
            report.log(str(gone))
            wrong.append(f"{path}: {gone.what}")
            continue
        if not answer.ok:
            wrong.append(f"{path} answers {answer.status}{_said(answer)}")
        elif params.max_ms and answer.milliseconds > params.max_ms:
            wrong.append(f"{path} took {answer.milliseconds:.0f} ms")
    report.progress(len(params.reads), len(params.reads), "asked everything")
    return wrong


def _said(answer: Answer) -> str:
    if not answer.is_json:
        return ", and no JSON"
    return f" “{answer.message()}”" if answer.message() else ""


def _ask(service: Service, path: str, answers: list[dict[str, Any]], report: Report) -> Answer:
    answer = service.get(path)
    answers.append({"path": path, "status": answer.status, "ms": answer.milliseconds})
    report.log(f"GET {path}: {answer.status} in {answer.milliseconds:.0f} ms{_said(answer)}")
    return answer


def _verdict(findings: list[str], wrong: list[str], answers: list[dict[str, Any]]) -> Outcome:
    if findings:
        more = f" {len(wrong)} reads are wrong as well." if wrong else ""
        return Outcome(False, f"The API is not ready: {'; '.join(findings)}.{more}")
    if wrong:
        return Outcome(
            False,
            f"The API says that it is ready, and is wrong: {'; '.join(wrong)}. "
            "Readiness does not notice a schema that was never aligned: look at the drift.",
        )
    slowest = max(answers, key=lambda answer: answer["ms"])
    return Outcome(
        True,
        f"Live, ready, and all {len(answers) - 2} key reads answer; "
        f"the slowest is {slowest['path']} with {slowest['ms']:.0f} ms.",
    )
