"""Requests one address and compares status, headers, content, duration and certificate with the runbook."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict
from urllib.parse import urlsplit

from django import forms

from integrations import actions
from integrations.clients import http
from integrations.clients.http import HttpClient, Response
from integrations.clients.tls import TlsClient
from integrations.json_values import MISSING, find_value, fits_rule, parse_rule, show_value
from integrations.systems import System

NOT_TRUSTED = "its certificate is not trusted"
METHODS = ("GET", "HEAD", "OPTIONS")  # those that change nothing
HEADER = re.compile(r"\A[A-Za-z0-9-]{1,80}\Z")


@dataclass(frozen=True)
class HttpCheckParams(actions.ActionParams):
    """The request, and what its answer has to be."""

    system: System
    path: str
    method: str
    send_headers: dict[str, str]
    status: list[int]
    headers: dict[str, Any]
    json: dict[str, Any]
    json_at_least: dict[str, Any]
    contains: list[str]
    lacks: list[str]
    max_ms: int | None
    certificate_days: int | None


class HttpFacts(TypedDict, total=False):
    """The answer, without its content; ``values`` are those that the runbook names."""

    address: str
    status: int
    bytes: int
    values: dict[str, Any]
    certificate_until: str


class HttpCheckEvidence(TypedDict, total=False):
    """What a run records; ``wrong`` lists what is not as expected."""

    http: HttpFacts
    wrong: list[str]


@actions.register
class HttpCheck(actions.ReadOnlyAction[HttpCheckParams, HttpCheckEvidence]):
    """Every expectation that the runbook names has to be met. Redirects are not followed."""

    key, title = "http.check", "Check an answer over HTTP"
    public_params = frozenset({"status", "headers", "json", "json_at_least", "contains", "lacks"})
    address_params = frozenset({"path"})
    deadline = timedelta(minutes=2)

    class Params(actions.ActionForm):
        """``system``: a system of kind http; ``path``: added to its address (default “”). ``method``: GET,
        HEAD or OPTIONS. ``send_headers``: header → value. ``status``: numbers that are right (default: every
        2xx). ``headers`` and ``json``: name or dotted path → present, absent, /pattern/, or the value itself.
        ``json_at_least``: dotted path → a number, or the least length of a list. ``contains`` and ``lacks``:
        patterns that the body must and must not have. ``max_ms``: the longest time in milliseconds.
        ``certificate_days``: days for which the certificate has to be valid and trusted (https only)."""

        system = actions.SystemField(kind="http")
        path = forms.RegexField(r"\A(/[^\s#]*)?\Z", max_length=2000, required=False)
        method = forms.ChoiceField(choices=[(word, word) for word in METHODS], required=False)
        send_headers = actions.JSONValueField(kind=dict, required=False)
        status = actions.JSONValueField(kind=list, required=False)
        headers = actions.JSONValueField(kind=dict, required=False)
        json = actions.JSONValueField(kind=dict, required=False)
        json_at_least = actions.JSONValueField(kind=dict, required=False)
        contains = actions.JSONValueField(kind=list, required=False)
        lacks = actions.JSONValueField(kind=list, required=False)
        max_ms = forms.IntegerField(min_value=1, max_value=10_000, required=False)
        certificate_days = forms.IntegerField(min_value=0, max_value=3650, required=False)

        def clean_send_headers(self) -> dict[str, str]:
            """Names and values on one line each."""
            given = self.cleaned_data["send_headers"]
            for name, value in given.items():
                if not HEADER.match(str(name)) or not isinstance(value, str) or re.search(r"[\r\n\0]", value):
                    raise forms.ValidationError(f"“{name}” has to be a header's name with one line of text.")
            return dict(given)

        def clean_status(self) -> list[int]:
            """Numbers from 100 to 599."""
            codes = self.cleaned_data["status"]
            if any(type(code) is not int or not 100 <= code <= 599 for code in codes):
                raise forms.ValidationError("must be numbers from 100 to 599.")
            return list(codes)

        def clean_headers(self) -> dict[str, Any]:
            """Rules by the names of headers in small letters."""
            given = _rules(self.cleaned_data["headers"])
            if any(not isinstance(rule, str) for rule in given.values()):
                raise forms.ValidationError("the values of headers are texts: put them in quotes.")
            return {name.lower(): rule for name, rule in given.items()}

        def clean_json(self) -> dict[str, Any]:
            """Rules by dotted paths."""
            return _rules(self.cleaned_data["json"])

        def clean_json_at_least(self) -> dict[str, Any]:
            """Numbers by dotted paths."""
            given = self.cleaned_data["json_at_least"]
            if any(isinstance(least, bool) or not isinstance(least, int | float) for least in given.values()):
                raise forms.ValidationError("each path needs a number.")
            return {str(path): least for path, least in given.items()}

        def clean_contains(self) -> list[str]:
            """Patterns."""
            return _patterns(self.cleaned_data["contains"])

        def clean_lacks(self) -> list[str]:
            """Patterns."""
            return _patterns(self.cleaned_data["lacks"])

        def clean(self) -> dict[str, Any]:
            """Nothing may be expected of a body that HEAD does not bring."""
            given = self.cleaned_data
            given["method"] = given.get("method") or "GET"
            named = [n for n in ("json", "json_at_least", "contains", "lacks") if given.get(n)]
            if given["method"] == "HEAD" and named:
                raise forms.ValidationError(f"An answer to HEAD has no body for {', '.join(named)}.")
            return given

    def preview(self, params: HttpCheckParams) -> actions.Preview:
        """The request and every expectation."""
        return actions.Preview(
            [f"{params.method} {_show_url(params)}", *_describe(params)], where=_show_url(params)
        )

    def run(self, params: HttpCheckParams, report: actions.RunReport[HttpCheckEvidence]) -> actions.Outcome:
        """An answer that is not as expected is a verdict; no answer at all is an error."""
        report.secret(*params.send_headers.values())
        facts: HttpFacts = {"address": _show_url(params)}
        wrong: list[str] = []
        if params.certificate_days is not None:
            facts["certificate_until"], wrong = _check_certificate(params, params.certificate_days)
        advice = ""
        if not any(NOT_TRUSTED in each for each in wrong):  # else no request comes through
            reply = _request(params, report)
            facts |= {"status": reply.status, "bytes": len(reply.body), "values": _values(params, reply)}
            wrong += _find_wrong(params, reply)
            advice = _advise(reply)
        for each in wrong:
            report.log(f"✗ {each}")
        report.evidence({"http": facts, "wrong": wrong})
        if wrong:
            return actions.Outcome(False, f"{_show_url(params)}: {'; '.join(wrong)}.{advice}")
        return actions.Outcome(True, f"{_show_url(params)} answers as expected.")


def _request(params: HttpCheckParams, report: actions.Report) -> Response:
    client = HttpClient.of(params.context.systems)
    reply = client.request(
        params.system["url"], params.path, method=params.method, headers=params.send_headers
    )
    report.log(f"{params.method} {_show_url(params)}: {reply.status} in {reply.ms:.0f} ms")
    return reply


def _show_url(params: HttpCheckParams) -> str:
    return http.display_url(params.system["url"].rstrip("/") + params.path)


def _describe(params: HttpCheckParams) -> Iterator[str]:
    yield f"Status: {', '.join(map(str, params.status)) or '2xx'}"
    yield from (f"Header {name}: {rule}" for name, rule in params.headers.items())
    yield from (f"JSON {path}: {rule}" for path, rule in params.json.items())
    yield from (f"JSON {path}: at least {least}" for path, least in params.json_at_least.items())
    yield from (f"The body has /{pattern}/" for pattern in params.contains)
    yield from (f"The body does not have /{pattern}/" for pattern in params.lacks)
    if params.max_ms:
        yield f"At most {params.max_ms} ms"
    if params.certificate_days is not None:
        yield f"The certificate is trusted, and valid for {params.certificate_days} more days"


def _find_wrong(params: HttpCheckParams, reply: Response) -> Iterator[str]:
    """A sentence without its full stop for each expectation that is not met."""
    if reply.status not in params.status if params.status else not reply.ok:
        said = f" “{reply.error_text()}”" if reply.body else ""
        yield f"it answers {reply.status}{said}, not {' or '.join(map(str, params.status)) or '2xx'}"
    for name, rule in params.headers.items():
        if not fits_rule(rule, value := reply.headers.get(name, MISSING)):
            yield f"the header {name} is {show_value(value)}, not {rule}"
    yield from _find_wrong_json(params, reply)
    body = reply.body.decode(errors="replace") if params.contains or params.lacks else ""
    yield from (f"the body has no /{p}/" for p in params.contains if not re.search(p, body))
    yield from (f"the body has /{p}/" for p in params.lacks if re.search(p, body))
    if params.max_ms and reply.ms > params.max_ms:
        yield f"it took {reply.ms:.0f} ms, more than {params.max_ms}"


def _find_wrong_json(params: HttpCheckParams, reply: Response) -> Iterator[str]:
    if not params.json and not params.json_at_least:
        return
    try:
        found = reply.json()
    except ValueError:
        yield f"the body is no JSON but {reply.content_type or 'of no type'}"
        return
    for path, rule in params.json.items():
        if not fits_rule(rule, value := find_value(found, path)):
            yield f"{path} is {show_value(value)}, not {rule}"
    for path, least in params.json_at_least.items():
        value = find_value(found, path)
        number = len(value) if isinstance(value, list) else value
        if isinstance(number, bool) or not isinstance(number, int | float) or number < least:
            shown = f"a list of {number}" if isinstance(value, list) else show_value(value)
            yield f"{path} is {shown}, not at least {least}"


def _values(params: HttpCheckParams, reply: Response) -> dict[str, Any]:
    """The values that the runbook compares, as evidence: numbers, texts, and the lengths of lists."""
    try:
        found = reply.json() if params.json or params.json_at_least else None
    except ValueError:
        return {}
    values = {path: find_value(found, path) for path in [*params.json, *params.json_at_least]}
    return {
        path: len(value) if isinstance(value, list | dict) else value
        for path, value in values.items()
        if value is not MISSING
    }


def _check_certificate(params: HttpCheckParams, days: int) -> tuple[str, list[str]]:
    """Until when the certificate is valid (ISO 8601), and what is wrong with it."""
    parts = urlsplit(params.system["url"])
    if parts.scheme != "https" or not parts.hostname:
        return "", ["its address is not https, so there is no certificate"]
    server = TlsClient.of(params.context.systems).inspect(parts.hostname, parts.port or 443)
    until, wrong = server.certificate.not_after, []
    if server.verification_error:
        wrong.append(f"{NOT_TRUSTED} ({server.verification_error})")
    left = (until - datetime.now(UTC)).days
    if left < days:
        wrong.append(f"its certificate ends in {left} days ({until:%Y-%m-%d}), and {days} are asked for")
    return until.isoformat(), wrong


def _advise(reply: Response) -> str:
    if 300 <= reply.status < 400:
        return " Redirects are not followed: name the address that it leads to, or expect the status."
    return ""


def _rules(given: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _checked(parse_rule, rule) for name, rule in given.items()}


def _patterns(given: list[Any]) -> list[str]:
    if not all(isinstance(pattern, str) and pattern for pattern in given):
        raise forms.ValidationError("each must be a text.")
    for pattern in given:
        _checked(lambda text: parse_rule(f"/{text}/"), pattern)
    return list(given)


def _checked(check: Callable[[Any], Any], value: Any) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
