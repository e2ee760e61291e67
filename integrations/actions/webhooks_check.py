"""Sends webhooks as the providers would and as a stranger would: only signed events may be accepted, once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.gift_fields import GiftApiField, signed_in_for_changes
from integrations.actions.path_fields import PathTemplateField
from integrations.actions.webhooks_booking import BookingTest
from integrations.clients import postgres
from integrations.clients.http import HttpClient, Response
from integrations.clients.payments import KeyMode, detect_key_mode, webhooks
from integrations.clients.payments.gift_api import GiftApi
from integrations.clients.payments.provider import provider_class
from integrations.clients.payments.webhook_probe import WebhookProbe, WebhookRoute
from integrations.systems import System

DUPLICATE = re.compile(r"duplicate|already|ignored", re.I)
NOTHING_CHANGED = "no gift changed"
ALGORITHMS = ("sha1", "sha256", "sha384", "sha512")


@dataclass(frozen=True)
class WebhooksCheckParams(actions.ActionParams):
    """The API, the database of the gifts, and names of the payment providers (empty: all)."""

    api: System
    database: System | None
    providers: list[Any]
    path: str
    unknown: list[int]
    expects: dict[str, dict[str, str]]
    gifts: str
    begin: System | None
    books: dict[str, dict[str, Any]]
    booked: str
    login: System | None

    @property
    def reference(self) -> str:
        """The reference of this attempt's events."""
        return f"cutover-{re.sub('[^0-9a-z]', '', self.context.attempt)[:20] or 'preview'}"

    def route(self, provider: str) -> WebhookRoute:
        """Where the API takes the events of a provider."""
        path = self.path.format(provider=provider)
        return WebhookRoute(self.api["url"], path, frozenset(self.unknown), self.expects.get(provider, {}))


@dataclass
class ProviderCheck:
    """One provider: the status of each request, and what is wrong (empty: nothing).

    ``doubled`` says how it was seen that a repeated event is ignored; empty when it could not be seen.
    """

    provider: str
    path: str
    statuses: dict[str, int] = field(default_factory=dict)
    doubled: str = ""
    booked: str = ""  # the test gift that an event booked, and that was taken back
    wrong: list[str] = field(default_factory=list)


class WebhooksCheckEvidence(TypedDict, total=False):
    """The checks, each with the fields of `ProviderCheck`, and the reference of the events."""

    webhooks: list[dict[str, Any]]
    reference: str


@actions.register
class WebhooksCheck(actions.Action[WebhooksCheckParams, WebhooksCheckEvidence]):
    """The event is about a payment that does not exist, so the API accepts it and books nothing."""

    key, title = "webhooks.check", "Check that the API accepts signed webhooks and refuses all others"
    public_params = frozenset({"providers", "unknown", "expects", "gifts", "begin", "books", "booked"})
    address_params = frozenset({"path"})
    is_check = True
    effect = actions.Effect.IDEMPOTENT  # the event's id is the attempt's: sent twice it is the same event
    deadline = timedelta(minutes=5)

    class Params(actions.ActionForm):
        """``api``: where the webhooks arrive; ``path``: the route, such as /webhooks/{provider};
        ``providers``: names of systems of kind payments (default all); ``unknown``:
        statuses by which the API answers a rightly signed event of an unknown gift, beside 2xx; ``expects``:
        where the API is known to check another signature than the provider documents: provider →
        {header, algorithm}, so that the verdict can name it; ``database`` and ``gifts``: a query of one row
        that changes when a gift changes, by which the check sees that a repeated event changes none.
        In a rehearsal, ``books`` lets events book a test gift: provider → {minor, currency}; ``begin``: the
        API that begins one, of kind gift_api; ``booked``: a query with %(id)s for its status; ``login``: who
        signs in at ``api`` to take the gift back."""

        api = actions.SystemField(kind="http")
        database = actions.SystemField(kind="postgres", required=False)
        providers = actions.JSONValueField(kind=list, required=False)
        path = PathTemplateField("provider")
        unknown = actions.JSONValueField(kind=list, required=False)
        expects = actions.JSONValueField(kind=dict, required=False)
        gifts = forms.CharField(required=False)
        begin = GiftApiField(required=False)
        login = actions.SystemField(kind="login", required=False)
        books = actions.JSONValueField(kind=dict, required=False)
        booked = forms.RegexField(r"\A[^%]*%\(id\)s[^%]*\Z", required=False)

        def clean_unknown(self) -> list[int]:
            """HTTP statuses that an API answers by itself; 400 and 401 say that the signature was refused."""
            statuses = self.cleaned_data["unknown"]
            if any(type(one) is not int or not 402 <= one <= 499 for one in statuses):
                raise forms.ValidationError("has to be a list of statuses from 402 to 499, such as [404].")
            return list(statuses)

        def clean_expects(self) -> dict[str, dict[str, str]]:
            """Two names for each provider."""
            for provider, given in self.cleaned_data["expects"].items():
                if not isinstance(given, dict) or set(given) != {"header", "algorithm"}:
                    raise forms.ValidationError(f"{provider} needs header: and algorithm:, nothing else.")
                if given["algorithm"] not in ALGORITHMS:
                    raise forms.ValidationError(f"algorithm: has to be one of {', '.join(ALGORITHMS)}.")
            return dict(self.cleaned_data["expects"])

        def clean_books(self) -> dict[str, dict[str, Any]]:
            """An amount for each provider."""
            for provider, given in self.cleaned_data["books"].items():
                if not isinstance(given, dict) or set(given) != {"minor", "currency"}:
                    raise forms.ValidationError(f"{provider} needs minor: and currency:, nothing else.")
            return dict(self.cleaned_data["books"])

        def clean(self) -> dict[str, Any]:
            """``books`` needs to know how a gift begins, and where its status is read."""
            cleaned = super().clean() or {}
            if cleaned.get("books") and not all(
                cleaned.get(name) for name in ("begin", "booked", "database")
            ):
                raise forms.ValidationError("books: needs begin:, booked: and database: too.")
            return cleaned

    def preview(self, params: WebhooksCheckParams) -> actions.Preview:
        """The requests for each provider."""
        lines = [
            f"POST {params.route(system.driver()).path}: {', '.join(_variants(system))}"
            for system in _providers(params)
        ]
        lines.append("The event is “failed” or “expired”, for a reference that nobody has: it books nothing.")
        if params.books and params.context.rehearsal:
            names = ", ".join(params.books)
            lines.append(f"{names}: let the API begin a test gift, book it by an event, and take it back.")
        return actions.Preview(lines, where=params.api["url"])

    def before(self, params: WebhooksCheckParams) -> dict[str, Any]:
        """The reference of this attempt's events."""
        return {"reference": params.reference}

    def run(
        self, params: WebhooksCheckParams, report: actions.RunReport[WebhooksCheckEvidence]
    ) -> actions.Outcome:
        """A route that is missing, accepts a stranger's event or refuses a signed one is a verdict; the
        other providers are still checked."""
        http_client = HttpClient.of(params.context.systems)
        checks = []
        systems = _providers(params)
        for number, system in enumerate(systems):
            report.raise_if_cancelled()
            report.progress(number, len(systems), system.driver())
            check = _check_provider(http_client, params, system)
            checks.append(check)
            statuses = ", ".join(f"{name} {status}" for name, status in check.statuses.items())
            report.log(f"{'✗' if check.wrong else '✓'} {check.path}: {statuses}")
        report.evidence({"webhooks": [asdict(check) for check in checks], "reference": params.reference})
        wrong = [f"{check.provider}: {' '.join(check.wrong)}" for check in checks if check.wrong]
        if wrong:
            return actions.Outcome(False, " ".join(wrong))
        names = ", ".join(check.provider for check in checks)
        unproven = f" {' '.join(_unproven(checks))}".rstrip()
        return actions.Outcome(
            True, f"{names}: signed events are accepted, all others are refused.{unproven}"
        )

    def probe(self, params: WebhooksCheckParams, before: Mapping[str, Any]) -> actions.Finding:
        """There is never an effect to find: the events book nothing."""
        return actions.Finding(
            actions.ProbeStatus.NOT_DONE, "Its events book nothing; sending them again is the same event."
        )


def _variants(system: System) -> list[str]:
    """The requests to one provider's route, in the order in which they are sent."""
    provider = provider_class(system.driver())
    variants = ["unsigned", "wrongly signed", "signed (twice)"]
    variants += ["with an old time"] if provider.signature_lifetime else []
    variants += [variant.name for variant in provider.signature_variants(b"", "", 0)]
    return variants + (["with line breaks in its body"] if provider.signs_raw_body else [])


def _unproven(checks: list[ProviderCheck]) -> list[str]:
    """What was booked, and what the check does not prove: an event that books nothing changes no gift."""
    booked = ", ".join(check.provider for check in checks if check.booked)
    unchanged = ", ".join(check.provider for check in checks if check.doubled == NOTHING_CHANGED)
    unseen = ", ".join(check.provider for check in checks if not check.doubled)
    sentences = [f"{booked}: an event booked a test gift, which was taken back."] if booked else []
    if unchanged:
        sentences.append(
            f"{unchanged}: the repeated event changed no gift; the answer does not say it was known."
        )
    if unseen:
        sentences.append(f"Not shown for {unseen}: that a repeated event is ignored.")
    return sentences


def _providers(params: WebhooksCheckParams) -> list[System]:
    return params.context.systems.select("payments", params.providers)


def _check_provider(http_client: HttpClient, params: WebhooksCheckParams, system: System) -> ProviderCheck:
    """All requests to one provider's route. A route that is missing or takes everything ends it at once."""
    provider = system.driver()
    probe = WebhookProbe(http_client, params.route(provider), system)
    check = ProviderCheck(provider, probe.route.path, probe.statuses)
    body = webhooks.make_event(provider, params.reference)
    check.wrong += probe.check_unsigned(body)
    if check.wrong:
        return check
    check.wrong += probe.check_forged(body)
    check.wrong += probe.check_old(body)
    gifts, refused = _read_gifts(params), probe.check_signed(body)
    check.wrong += refused
    if refused:
        return check  # whatever the body looks like, this provider's events are refused
    check.wrong += probe.check_formatted(webhooks.make_event(provider, params.reference, formatted=True))
    check.wrong += probe.check_schemes(body)
    again, gifts_after = probe.send("signed again", probe.sign(body)), _read_gifts(params)
    check.doubled = _how_ignored(again, gifts, gifts_after)
    check.wrong += _judge_repetition(probe, again, gifts, gifts_after)
    if not check.wrong and provider in params.books and params.context.rehearsal:
        check.wrong += _book(http_client, params, probe)
        check.booked = "" if check.wrong else params.reference
    return check


def _book(http_client: HttpClient, params: WebhooksCheckParams, probe: WebhookProbe) -> list[str]:
    """A test gift of one provider, with the provider's test key."""
    name = probe.system.driver()
    if detect_key_mode(name, probe.system["secret_key"]) == KeyMode.LIVE:
        return ["No test gift was begun, because the key is a live one."]
    assert params.begin is not None  # the form has seen to it

    def read_status(identity: str) -> str:
        row = _query(params, params.booked, {"id": identity})
        return str(row[0]) if row else ""

    # Random, because providers take a reference once, and an attempt may be carried out a second time.
    reference = f"{params.reference}-{secrets.token_hex(3)}"
    with signed_in_for_changes(params.api, params.login) as headers:
        api = GiftApi(http_client, params.begin, headers)
        return BookingTest(probe, api, read_status).run(reference, params.books[name])


def _read_gifts(params: WebhooksCheckParams) -> tuple[Any, ...] | None:
    """The row that changes when a gift changes; None where the runbook names no database or no query."""
    return _query(params, params.gifts) if params.database and params.gifts else None


def _query(
    params: WebhooksCheckParams, query: str, values: Mapping[str, str] | None = None
) -> tuple[Any, ...] | None:
    assert params.database is not None
    url = params.database["url"]
    with (
        postgres.explain_errors(url),
        postgres.connect(url, attempt=params.context.attempt, readonly=True) as connection,
    ):
        return connection.execute(query, values).fetchone()


def _how_ignored(response: Response, before: object, after: object) -> str:
    if response.ok and DUPLICATE.search(response.body[:2000].decode(errors="replace")):
        return "the answer says so"
    return NOTHING_CHANGED if before is not None and before == after else ""


def _judge_repetition(probe: WebhookProbe, response: Response, before: object, after: object) -> list[str]:
    """The second answer must be as good as the first, or the provider sends the event again for days."""
    if not probe.accepts(response):
        return [f"The same event again gets {response.status}: the provider would send it for days."]
    # After an “unknown” answer the event has changed nothing: what changed then are other people's gifts.
    if before != after and response.ok:
        return ["Gifts changed while an event that books nothing was sent twice: find out which."]
    return []
