"""What the panel needs of every payment provider: prove a key, make a test payment, send a test webhook."""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from integrations.clients import load_drivers
from integrations.clients.http import HttpClient, Response
from integrations.clients.payments.mode import KeyMode
from integrations.clients.payments.signature_variant import SignatureVariant
from integrations.drivers import drivers_of
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer, reading_answer
from integrations.systems import System, Systems

TOTAL_UNKNOWN = "What it took since then is not known."
LOOK_INTO_DASHBOARD = "Look into its dashboard before this is started again, and check url: of the system."
TEST_PAYER = "cutover@people.invalid"  # a domain that never exists (RFC 2606): no receipt reaches anybody


@dataclass(frozen=True)
class Payment:
    """One payment as the provider has it.

    ``reference`` is ours; ``identity`` is the provider's id, which a refund needs; ``state`` is the
    provider's word. ``minor`` is the amount in minor units of ISO 4217 (kobo, cents), ``currency`` its code
    in capital letters.
    """

    reference: str
    identity: str
    paid: bool
    state: str
    minor: int
    currency: str
    refunded: bool = False


@dataclass(frozen=True)
class Account:
    """What a read with the key tells: the mode by the provider's word, and a text without secrets."""

    mode: KeyMode
    summary: str


@dataclass(frozen=True)
class WebhookEndpoint:
    """One registered webhook address: the provider's word for its state, its id, the events sent there."""

    address: str
    state: str
    identity: str
    events: tuple[str, ...] = ()

    def as_facts(self) -> dict[str, str]:
        """The endpoint as JSON values, for evidence."""
        facts = {"address": self.address, "state": self.state, "id": self.identity}
        return facts | ({"events": ", ".join(self.events)} if self.events else {})


class TooManyPayments(Exception):
    """The list of payments is too long to be summed; the message says how much was read."""


class ProviderBusy(Problem):
    """The provider limits requests or has a fault of its own: try again in ``seconds``."""

    seconds: float = 5.0


class PaymentProvider(ABC):
    """The provider of one system of kind ``payments``; the drivers are its subclasses."""

    read_path = ""  # a path that answers only to a valid key, and changes nothing
    refunds = True  # whether its API can refund a payment
    key_prefixes: Mapping[str, KeyMode] = {}  # where a key's prefix tells its mode
    total_pages = 5  # of a list of payments that `read_total` sums at most
    signature_lifetime = 0  # seconds after which its libraries refuse a webhook; 0: it signs no time
    webhook_key = "webhook_secret"  # the setting whose value signs its webhooks
    webhook_signature = ""  # its documented signature, for people
    signs_raw_body = True  # whether its documentation hashes the bytes that it sends

    def __init__(self, system: System, http_client: HttpClient) -> None:
        self.system, self.http_client = system, http_client

    # ── the account ──────────────────────────────────────────────────────────

    @property
    def name(self) -> str:
        """The driver's name, such as ``stripe``."""
        return self.system.driver()

    @property
    def key_variable(self) -> str:
        """The variable that holds the secret key in the environments; a runbook of before names none."""
        return self.system.get("variable") or f"{self.name.upper()}_SECRET_KEY"

    @property
    def mode(self) -> KeyMode:
        """The mode that the key's prefix tells, without asking the provider."""
        return self.mode_of_key(self.system["secret_key"])

    @classmethod
    def mode_of_key(cls, key: str) -> KeyMode:
        """The mode by prefix. Blanks around the key are ignored, as an HTTP header would lose them."""
        found = (mode for prefix, mode in cls.key_prefixes.items() if key.strip().startswith(prefix))
        return next(found, KeyMode.UNKNOWN)

    def headers(self, key: str) -> dict[str, str]:
        """The headers that carry a key."""
        return {"Authorization": f"Bearer {key}"}

    def read_account(self) -> Account:
        """Reads `read_path` with the key. Raises `Problem` when the key is refused."""
        reply = self.read_with_key(self.system["secret_key"])
        if reply.status in (401, 403):
            raise Problem(
                f"{self.name.capitalize()} refuses the key of “{self.system.name}” ({reply.status}).",
                means=f"It says: {reply.error_text()}",
                next="It is another environment's key, revoked, or has a blank in it: compare fingerprints.",
            )
        body = self.parse_reply(reply)
        with self.reading("The key was taken, and whose it is cannot be told."):
            return self.parse_account(JsonAnswer(body))

    def read_with_key(self, key: str) -> Response:
        """Reads `read_path` with any key and gives the answer, whatever its status."""
        return self.http_client.request(self.system["url"], self.read_path, headers=self.headers(key))

    def parse_account(self, body: JsonAnswer) -> Account:
        """The account in the answer to `read_path`; here for providers that list balances under ``data``.

        Raises ValueError for another shape.
        """
        balances = body.find("data")
        currencies = [one.at("currency").text() for one in balances.items()] if balances else []
        return Account(self.mode, f"balance in {', '.join(currencies) or 'no currency'}")

    # ── payments ─────────────────────────────────────────────────────────────

    @abstractmethod
    def create_checkout(self, reference: str, minor: int, currency: str, back: str) -> str:
        """Starts a payment and gives the address of its checkout page.

        The provider starts at most one payment for a reference. ``back`` is where the payer returns to.
        """

    @abstractmethod
    def find_payment(self, reference: str) -> Payment | None:
        """The payment with that reference; None when there is none."""

    @abstractmethod
    def refund(self, payment: Payment) -> str:
        """Refunds the whole payment, once; the provider's word for the state of the refund."""

    def read_total(self, since: datetime) -> dict[str, Decimal] | None:
        """What the provider took since then: currency → amount in major units.

        None where its API has no request for that. Raises `Problem` and `TooManyPayments`.
        """
        return None

    # ── webhooks ─────────────────────────────────────────────────────────────

    def list_webhook_endpoints(self) -> list[WebhookEndpoint] | None:
        """Every registered webhook address; None where no documented API tells them. Raises `Problem`."""
        return None

    @classmethod
    @abstractmethod
    def webhook_event(cls, mark: str) -> dict[str, Any]:
        """An event that books nothing, of a payment that does not exist; ``mark`` is its reference."""

    @classmethod
    @abstractmethod
    def paid_event(cls, reference: str, minor: int, currency: str) -> dict[str, Any]:
        """The event of a payment that succeeded; ``reference`` is the one that the provider gave it, or ours
        where it takes ours."""

    @classmethod
    def unpaid_event(cls, reference: str) -> dict[str, Any]:
        """An event of the same payment that must not book it."""
        return cls.webhook_event(reference)

    @classmethod
    @abstractmethod
    def sign_webhook(cls, body: bytes, secret: str, at: int) -> dict[str, str]:
        """The headers that sign a body; names in small letters, ``at`` in seconds of Unix time."""

    @classmethod
    def signature_variants(cls, body: bytes, secret: str, at: int) -> list[SignatureVariant]:
        """Other headers that the provider's documentation has: some must be accepted, some refused."""
        return []

    @classmethod
    def verify_webhook(cls, body: bytes, headers: Mapping[str, str], secret: str, now: float) -> bool:
        """Whether the headers sign this body; here for signatures that are the same at any time."""
        signed = cls.sign_webhook(body, secret, int(now))
        return all(
            hmac.compare_digest(value.encode(), headers.get(name, "").encode())
            for name, value in signed.items()
        )

    # ── requests ─────────────────────────────────────────────────────────────

    def post(
        self, path: str, send: Any = None, form: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Sends a POST with the key and gives the JSON body of the answer. Raises `Problem`."""
        given = {**self.headers(self.system["secret_key"]), **(headers or {})}
        reply = self.http_client.request(self.system["url"], path, send=send, form=form, headers=given)
        return self.parse_reply(reply)

    def get(self, path: str) -> Any | None:
        """Reads a path with the key; the JSON body, None for a 404. Raises `Problem`."""
        headers = self.headers(self.system["secret_key"])
        reply = self.http_client.request(self.system["url"], path, headers=headers)
        return None if reply.status == 404 else self.parse_reply(reply)

    def read_page(self, path: str, **query: Any) -> Any:
        """Reads a page of a list with the key. Raises `Problem` that names the path."""
        headers = self.headers(self.system["secret_key"])
        reply = self.http_client.request(self.system["url"], f"{path}?{urlencode(query)}", headers=headers)
        if not reply.ok:
            raise Problem(
                f"{self.system.name} answers {reply.status} “{reply.error_text()}” to {path}.",
                means="What it has of payments is not known.",
                next="429, 5xx: try again in a minute; otherwise check url: and secret_key: of the system.",
            )
        return self.parse_reply(reply)

    def reading(
        self, means: str = "What it has of the payment is not known."
    ) -> AbstractContextManager[None]:
        """Turns an answer of another shape than documented into a `Problem`."""
        return reading_answer(self.name.capitalize(), means=means, next=LOOK_INTO_DASHBOARD)

    def answer_text(self, answer: Any, *place: str) -> str:
        """A text in the answer to a request that changed something. Raises `Problem`, which says that."""
        with self.reading("The request was taken, so it may have been carried out."):
            return JsonAnswer(answer).at(*place).text()

    def parse_reply(self, reply: Response) -> Any:
        """The body as JSON. Raises `Problem` for every other status than 2xx, and for another format."""
        if reply.status == 429:
            raise self._too_many_requests(reply)
        if not reply.ok:
            fault = reply.status >= 500
            raise (ProviderBusy if fault else Problem)(
                f"{self.name.capitalize()} answered {reply.status}: {reply.error_text()}",
                means="It is not known what it did." if fault else "What was asked was not done.",
                next="Look into its dashboard; correct what it names, then start this again.",
            )
        try:
            return reply.json()
        except ValueError:
            raise Problem(
                f"{self.name.capitalize()} answered {reply.status} without JSON.",
                means="The address leads to something else.",
                next="Check url: of the system.",
            ) from None

    def _too_many_requests(self, reply: Response) -> ProviderBusy:
        retry_after = reply.headers.get("retry-after", "")
        wait = f"{retry_after} seconds" if retry_after.isdecimal() else "a while"
        busy = ProviderBusy(
            f"{self.name.capitalize()} asks for patience (429).",
            means="Too many requests came with this key; nothing was done.",
            next=f"Wait {wait}, then start this again.",
        )
        busy.seconds = float(retry_after) if retry_after.isdecimal() else ProviderBusy.seconds
        return busy


def provider_class(name: str) -> type[PaymentProvider]:
    """The class of a driver of kind ``payments``. Raises KeyError for an unknown name."""
    load_drivers()
    return drivers_of("payments")[name].implementation_of(PaymentProvider)


def get_payment_provider(system: System, systems: Systems) -> PaymentProvider:
    """The provider of a system of kind ``payments``. Raises `Problem` for an unknown driver."""
    load_drivers()
    found = system.registered_driver().implementation_of(PaymentProvider)
    return found(system, HttpClient.of(systems))


def detect_key_mode(provider: str, key: str) -> KeyMode:
    """The mode that a key's prefix tells. Raises KeyError for an unknown provider."""
    return provider_class(provider).mode_of_key(key)
