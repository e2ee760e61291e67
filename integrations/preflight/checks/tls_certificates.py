"""Certificates are trusted, name their host, and outlive the window."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from integrations.clients.tls import TlsClient, TlsServer
from integrations.errors import NotListening, Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.questions import TIMEOUT, Question, ask_all
from integrations.preflight.result import CheckResult
from integrations.preflight.start_order import find_later_start
from integrations.preflight.tls_targets import TlsTarget, find_targets

AFTERWARDS = timedelta(days=14)  # that a certificate has to last when no window is known, or after it
RENEW = "Renew it before the window; after the renewal check again (the server has to load it)."
#: pattern in OpenSSL's words → what to do
REMEDIES = (
    (r"expired", "Renew the certificate, and let the server load it."),
    (r"not yet valid", "Check the server's clock and ours; else use the certificate that is valid now."),
    (
        r"mismatch",
        "Get a certificate that names this host, or write the host that it names into the address.",
    ),
    (
        r"self-signed|self signed",
        "Use a certificate of a known authority, or put this one into the trust store of the worker and of "
        "every program that connects there.",
    ),
    (
        r"unable to get (local )?issuer|unable to verify the first",
        "Let the server send its intermediate certificates; for an authority of your own, put its root into "
        "the trust store of the worker and of every program that connects there.",
    ),
    (r"", "Use a certificate of a known authority for this name."),
)


@preflight_check(
    "tls.certificates", "Certificates are trusted and outlive the window", seconds=60, texts_shown=True
)
def check_certificates(scope: CheckScope) -> Iterator[CheckResult]:
    """One or two handshakes with each server; nothing is sent over the connection."""
    questions = []
    for target in find_targets(scope):
        asked = "the certificates in a TLS handshake, their names and dates, and whether clients trust them"
        question = Question(target.subject, asked, target.systems, target.items)
        questions.append((question, partial(_inspect, scope, target, question)))
    yield from ask_all(scope, questions)


def _inspect(scope: CheckScope, target: TlsTarget, question: Question) -> list[CheckResult]:
    authority = target.options.authority
    if target.verifies and authority and not Path(authority).is_file():
        remedy = "Put the authority's certificate there, or name its file in the address of the system."
        return [question.red(f"The file of its authorities, {authority}, is not there.", remedy)]
    try:
        found = TlsClient([target.host]).inspect(
            target.host, target.port, timeout=TIMEOUT, options=target.options
        )
    except NotListening as problem:
        return [_explain_silence(scope, target, question, problem)]
    refused = _relevant_error(found, target)
    if refused:
        return [_explain_refusal(question, found, refused)]
    return [_judge_dates(scope, question, found, target)]


def _explain_silence(
    scope: CheckScope, target: TlsTarget, question: Question, problem: Problem
) -> CheckResult:
    """Nobody listens: other checks say whether that is wrong; the certificate is not known."""
    new = [str(item.params.get("new", "")) for item in scope.items.values() if item.key in target.items]
    names = new if target.items else target.systems
    later = next((later for name in names if (later := find_later_start(scope, name))), None)
    if later:
        return question.amber(
            f"{problem.what} {later.describe()} Its certificate cannot be seen yet.",
            "Check again when it has been started.",
        )
    return question.unknown(f"{problem.what} {problem.means}", f"{problem.next} Then check again.")


def _relevant_error(found: TlsServer, target: TlsTarget) -> str:
    if not target.verifies:
        return ""
    if not target.checks_name and re.search("mismatch", found.verification_error):
        return ""
    return found.verification_error


def _explain_refusal(question: Question, found: TlsServer, refused: str) -> CheckResult:
    own = found.certificate
    names = ", ".join(own.names) or "no host"
    seen = (
        f"Clients refuse it: {refused}. It is {own.subject or 'without a name'}, issued by {own.issuer}, "
        f"for {names}, valid from {own.not_before:%Y-%m-%d %H:%M} to {own.not_after:%Y-%m-%d %H:%M} UTC; "
        f"the server sent {len(found.chain)} certificate(s)."
    )
    remedy = next(advice for pattern, advice in REMEDIES if re.search(pattern, refused, re.IGNORECASE))
    return question.red(seen, remedy)


def _judge_dates(scope: CheckScope, question: Question, found: TlsServer, target: TlsTarget) -> CheckResult:
    first = min(found.chain, key=lambda each: each.not_after)
    ends = f"{first.subject} ends on {first.not_after:%Y-%m-%d %H:%M} UTC"
    until = scope.window[1] if scope.window else None
    if first.not_after < scope.now and not target.verifies:
        return question.amber(f"{ends}, and its clients do not check it.", RENEW)
    if until and first.not_after < until:
        return question.red(f"{ends}, before the window does ({_text(until)}).", RENEW)
    if first.not_after < (until or scope.now) + AFTERWARDS:
        when = "after the window" if until else "from now"
        return question.amber(f"{ends}, less than {AFTERWARDS.days} days {when}.", RENEW)
    return question.green(f"{found.version}; {_describe_trust(target)}; {ends}.")


def _describe_trust(target: TlsTarget) -> str:
    if not target.verifies:
        return "its clients do not check the certificate, so its chain and name were not judged"
    return "trusted" if target.checks_name else "trusted; its clients do not compare the name"


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M %Z}".strip()
