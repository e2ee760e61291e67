"""Finds out whether an API takes a provider's webhooks: right ones, forged ones, old ones, formatted ones."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from integrations.clients.http import HttpClient, Response
from integrations.clients.payments import webhooks
from integrations.clients.payments.provider import PaymentProvider, provider_class
from integrations.clients.payments.webhooks import JSON, SignedWebhook
from integrations.systems import System

# Not 403: that may come from a firewall or a proxy, and says nothing about the API's own check.
REFUSED = (400, 401)
SECRET_UNSET = re.compile(r"not (?:been )?configured|missing secret|secret is not set", re.I)
RAW_BODY = "Enable the raw body in its framework (many have a setting rawBody: true), and let it hash that."
SIGNING_SETTINGS = ("webhook_secret", "secret_key")  # settings that an API may verify with, right or wrong


@dataclass(frozen=True)
class WebhookRoute:
    """Where an API takes the events of a provider, and what it answers there.

    ``unknown``: statuses beside 2xx for a rightly signed event whose reference nobody has.
    ``expects``: ``header`` and ``algorithm`` that this API is known to check instead of the documented ones.
    """

    url: str
    path: str
    unknown: frozenset[int] = frozenset()
    expects: Mapping[str, str] = field(default_factory=dict)


class WebhookProbe:
    """Requests to one route as one provider (``system``, of kind payments) and as a stranger would send them.

    ``statuses`` holds the status of each request by its name.
    """

    def __init__(self, http_client: HttpClient, route: WebhookRoute, system: System) -> None:
        self.http_client, self.route, self.system = http_client, route, system
        self.statuses: dict[str, int] = {}

    @property
    def provider(self) -> type[PaymentProvider]:
        """The class of the provider."""
        return provider_class(self.system.driver())

    @property
    def secret(self) -> str:
        """The secret that the provider signs with."""
        return self.system[self.provider.webhook_key]

    def send(self, name: str, request: SignedWebhook) -> Response:
        """One request; its status is kept under this name."""
        response = self.http_client.request(
            self.route.url, self.route.path, body=request.body, headers=request.headers
        )
        self.statuses[name] = response.status
        return response

    def sign(self, body: bytes, secret: str = "", at: float | None = None) -> SignedWebhook:
        """The body as the provider documents its signature."""
        return webhooks.sign_event(self.system.driver(), body, secret or self.secret, at)

    def accepts(self, response: Response) -> bool:
        """Whether the signature was accepted: a success, or the answer to an unknown reference."""
        return response.ok or response.status in self.route.unknown

    # ── what must be refused ─────────────────────────────────────────────────

    def check_unsigned(self, body: bytes) -> list[str]:
        """What is wrong with the route itself; empty when it refuses an unsigned event."""
        response = self.send("unsigned", SignedWebhook(body, JSON))
        if response.status in (404, 405):
            return [
                f"{self.route.path} does not take webhooks ({response.status} for an unsigned event): the "
                "route is wrong."
            ]
        if SECRET_UNSET.search(_text(response)):
            return ["Its webhook secret is not configured in the API: it would refuse every true event, too."]
        return self._judge_refusal("unsigned", response)

    def check_forged(self, body: bytes) -> list[str]:
        """What is wrong with the answer to a signature by another secret."""
        # A random secret and no variation of the true one, because APIs log what they refuse.
        forged = self.sign(body, secrets.token_hex(24))
        return self._judge_refusal("wrongly signed", self.send("wrongly signed", forged))

    def check_old(self, body: bytes) -> list[str]:
        """What is wrong with the answer to a true signature that is too old; empty where none has a time."""
        lifetime = self.provider.signature_lifetime
        if not lifetime:
            return []
        old = self.send("signed long ago", self.sign(body, at=time.time() - 2 * lifetime))
        if not self.accepts(old):
            return self._judge_refusal("signed long ago", old)
        return [
            f"A signature that is {2 * lifetime / 60:g} minutes old is accepted ({old.status}): whoever once "
            f"saw an event could send it again. Refuse signatures older than {lifetime / 60:g} minutes."
        ]

    def _judge_refusal(self, name: str, response: Response) -> list[str]:
        if self.accepts(response):
            return [
                f"An event that was {name} is accepted ({response.status}): anybody could book gifts. No go."
            ]
        if response.status not in REFUSED:
            return [
                f"An event that was {name} gets {response.status} instead of 400 or 401: "
                f"{response.error_text()}"
            ]
        return []

    # ── what must be accepted ────────────────────────────────────────────────

    def check_signed(self, body: bytes) -> list[str]:
        """What is wrong with the answer to an event as the provider signs it."""
        response = self.send("signed", self.sign(body))
        if self.accepts(response):
            return []
        if response.status not in REFUSED:
            return [
                f"A correctly signed event gets {response.status} ({response.error_text()}). If the API "
                "answers so to an event of a gift that it does not know, the signature was accepted: list "
                "the status under unknown:."
            ]
        return [self._explain_refusal(body, response)]

    def check_formatted(self, body: bytes) -> list[str]:
        """What is wrong when the same event is written with blanks and line breaks, and rightly signed."""
        if not self.provider.signs_raw_body:
            return []
        response = self.send("signed, formatted body", self.sign(body))
        if self.accepts(response):
            return []
        return [
            "A correctly signed event is refused when its JSON has line breaks, escapes and numbers as "
            f"providers write them ({response.status}: {response.error_text()}): the API hashes the body "
            f"that it has parsed and written again, not the bytes that {self.name} signed. It would refuse "
            f"true events. {RAW_BODY}"
        ]

    def check_schemes(self, body: bytes) -> list[str]:
        """What is wrong with the answers to the other headers that the provider's documentation has."""
        wrong = []
        for variant in self.provider.signature_variants(body, self.secret, int(time.time())):
            response = self.send(variant.name, SignedWebhook(body, {**JSON, **variant.headers}))
            if self.accepts(response) == variant.accepted:
                continue
            done = "is refused" if variant.accepted else "is accepted"
            wrong.append(f"An event that was {variant.name} {done} ({response.status}). {variant.why}")
        return wrong

    def _explain_refusal(self, body: bytes, response: Response) -> str:
        """Tries what the API may expect instead, so that the verdict names the cause."""
        expects = self.route.expects
        if expects:
            otherwise = webhooks.sign_otherwise(body, self.secret, expects["header"], expects["algorithm"])
            if self.accepts(self.send("signed as the API expects", otherwise)):
                return (
                    f"Your API expects a signature that {self.name} does not send: {expects['header']} "
                    f"(HMAC-{expects['algorithm'].upper()}). {self.name} documents "
                    f"{self.provider.webhook_signature}. Every true event would be refused "
                    f"({response.status}: {response.error_text()})."
                )
        style = self._rewritten_style(body)
        if style:
            return (
                f"A correctly signed event is refused ({response.status}: {response.error_text()}), and one "
                f"whose JSON is written {style} is accepted: the API hashes the body that it has parsed and "
                f"written again, not the bytes that {self.name} signed. {RAW_BODY}"
            )
        setting = self._other_secret(body)
        if setting:
            return (
                f"Your API verifies with another secret than {self.name} signs with: it accepts the value of "
                f"{setting}:, and {self.name} signs with that of {self.provider.webhook_key}:. Every true "
                "event would be refused. Give the API that value as its webhook secret, or, where it falls "
                "back to it, no webhook secret at all."
            )
        return (
            f"A correctly signed event is refused ({response.status}: {response.error_text()}): the API has "
            f"another webhook secret than the one here, or expects another signature than {self.name} sends "
            f"({self.provider.webhook_signature})."
        )

    def _rewritten_style(self, body: bytes) -> str:
        """The style of JSON in which the API accepts the event; empty for none."""
        for style, written in webhooks.rewrite_event(json.loads(body)).items():
            if self.accepts(self.send(f"signed, {style}", self.sign(written))):
                return style
        return ""

    def _other_secret(self, body: bytes) -> str:
        """The setting of the system whose value the API accepts instead; empty for none."""
        for setting in SIGNING_SETTINGS:
            value = self.system.get(setting)
            if not value or value == self.secret:
                continue
            if self.accepts(self.send(f"signed with {setting}", self.sign(body, value))):
                return setting
        return ""

    @property
    def name(self) -> str:
        """The provider's name, for sentences."""
        return self.system.driver().capitalize()


def _text(response: Response) -> str:
    return response.body[:2000].decode(errors="replace")
