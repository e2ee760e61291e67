"""What can be asked of every payment provider, and which one a system is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.clients.http import Caller, Reply
from integrations.clients.payments.mode import Mode, mode_of_key
from integrations.errors import Problem
from integrations.systems import System, Systems


@dataclass(frozen=True)
class Payment:
    """One payment as the provider has it: its id there (needed for a refund), whether it was paid, and
    amount in minor units (kobo, cents) with its currency in capital letters."""

    reference: str
    identity: str
    paid: bool
    state: str
    minor: int
    currency: str
    refunded: bool = False


@dataclass(frozen=True)
class Account:
    """What a harmless read told: which mode the provider says it is in, and a sentence without secrets."""

    mode: Mode
    said: str


class Busy(Problem):
    """It asks for patience or has a fault of its own, for a while: ask again in ``seconds``."""

    seconds: float = 5.0


class Provider:
    """One provider behind a system of kind ``payments``."""

    name = ""
    read_path = ""  # answers only to a valid key, and changes nothing
    refunds = True  # whether its API gives money back

    def __init__(self, system: System, caller: Caller) -> None:
        self.system, self.caller = system, caller

    @property
    def mode(self) -> Mode:
        """What the key's prefix says."""
        return mode_of_key(self.name, self.system["secret_key"])

    def headers(self, key: str) -> dict[str, str]:
        """How this provider is shown a key."""
        return {"Authorization": f"Bearer {key}"}

    def account(self) -> Account:
        """The harmless read. Raises `Problem` when the key is refused, or the answer is no JSON."""
        reply = self.read_with(self.system["secret_key"])
        if reply.status in (401, 403):
            raise Problem(
                f"{self.name.capitalize()} refuses the key of “{self.system.name}” ({reply.status}).",
                means=f"It says: {reply.says()}",
                next="Another estate's key, a revoked one, or one with a blank in it: compare fingerprints.",
            )
        body = self.checked(reply)
        try:
            return self.understood(body)
        except (KeyError, TypeError, AttributeError):
            raise Problem(
                f"{self.name.capitalize()} answers {self.read_path} in another shape than it documents.",
                means="The key was taken, and whose it is cannot be told.",
                next="Check url: of the system; it may lead to something else.",
            ) from None

    def read_with(self, key: str) -> Reply:
        """The harmless read by some key: any status is an answer."""
        return self.caller.ask(self.system["url"], self.read_path, headers=self.headers(key))

    def understood(self, body: Mapping[str, Any]) -> Account:
        """What the harmless read says of the account."""
        raise NotImplementedError

    def begin(self, reference: str, minor: int, currency: str, back: str) -> str:
        """Begins a payment, once for a reference; the address of its checkout page."""
        raise NotImplementedError

    def look(self, reference: str) -> Payment | None:
        """The payment of that reference; None when there is none."""
        raise NotImplementedError

    def refund(self, payment: Payment) -> str:
        """Gives it back, once; the provider's word for its state."""
        raise NotImplementedError

    def post(
        self, path: str, send: Any = None, form: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """A write by the key; the answer's body. Raises `Problem` in the provider's words."""
        given = {**self.headers(self.system["secret_key"]), **(headers or {})}
        reply = self.caller.ask(self.system["url"], path, send=send, form=form, headers=given)
        return self.checked(reply)

    def get(self, path: str) -> Any | None:
        """A read by the key; None for what is not there."""
        reply = self.caller.ask(self.system["url"], path, headers=self.headers(self.system["secret_key"]))
        return None if reply.status == 404 else self.checked(reply)

    def checked(self, reply: Reply) -> Any:
        """The body as JSON. Raises `Problem` for every refusal."""
        if reply.status == 429:
            told = reply.headers.get("retry-after", "")
            busy = Busy(
                f"{self.name.capitalize()} asks for patience (429).",
                means="Too many requests came with this key; nothing was done.",
                next=f"Wait {f'{told} seconds' if told.isdecimal() else 'a while'}, then start this again.",
            )
            busy.seconds = float(told) if told.isdecimal() else Busy.seconds
            raise busy
        if not reply.ok:
            fault = reply.status >= 500
            raise (Busy if fault else Problem)(
                f"{self.name.capitalize()} answered {reply.status}: {reply.says()}",
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


def provider_of(system: System, systems: Systems) -> Provider:
    """The provider behind a system. Raises `Problem` for one that the panel does not speak to."""
    from integrations.clients.payments import fincra, flutterwave, paystack, stripe

    known: dict[str, type[Provider]] = {
        "stripe": stripe.Stripe,
        "paystack": paystack.Paystack,
        "fincra": fincra.Fincra,
        "flutterwave": flutterwave.Flutterwave,
    }
    return known[system.driver()](system, Caller.of(systems))
