"""An API that begins, confirms and refunds gifts: where it does so, and in which words, is the runbook's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.clients.http import UNCHANGED, HttpClient, Response, explain_effect
from integrations.clients.payments.provider import TEST_PAYER
from integrations.clients.payments.units import to_major_units
from integrations.json_answer import JsonAnswer
from integrations.systems import System

STATES = ("paid", "refunded", "cancelled")  # each a setting: the API's word for it


@dataclass(frozen=True)
class ApiGift:
    """A gift as the API answered: its id there, its status, the address of the checkout, and the reference by
    which the provider names the payment in its events."""

    id: str
    status: str
    address: str
    reference: str


class GiftRefused(Exception):
    """What the API answered instead of a gift: the status and its own words."""


class GiftUnanswered(GiftRefused):
    """The answer is none of the API's own, or cannot be read: whether it did what was asked is not known."""


class GiftApi:
    """A system of kind ``gift_api``. Its settings: ``begin``, the path of a POST with ``body``; ``id``,
    ``status``, ``address``, ``reference``, where these stand in its answer, such as ``metadata.url``;
    ``change``, the path of a PATCH with ``{id}``, that sends one of `STATES` under the name ``status``.

    ``body`` is a JSON object in which {amount} (a number of whole units), {currency}, {provider},
    {reference}, {email} and {back} are filled in. ``headers`` show a sign-in, for changes only: whoever gives
    has none.
    """

    def __init__(
        self, http_client: HttpClient, system: System, headers: Mapping[str, str] | None = None
    ) -> None:
        self.http_client, self.system, self.headers = http_client, system, headers or {}

    def begin(self, provider: str, reference: str, minor: int, currency: str, back: str) -> ApiGift:
        """Begins a gift. Raises `GiftRefused`."""
        values = {
            "amount": float(to_major_units(minor, currency)),
            "currency": currency,
            "provider": provider,
            "reference": reference,
            "email": TEST_PAYER,
            "back": back,
        }
        body = fill(json.loads(self.system["body"]), values)
        return self._read(self.http_client.request(self.system["url"], self.system["begin"], send=body))

    def change(self, gift: ApiGift, state: str) -> ApiGift:
        """Lets the API bring a gift into one of `STATES`, and ask the provider. Raises `GiftRefused`."""
        path = self.system["change"].format(id=gift.id)
        send = {self.system["status"]: self.word(state)}
        url, headers = self.system["url"], self.headers
        return self._read(self.http_client.request(url, path, method="PATCH", send=send, headers=headers))

    def word(self, state: str) -> str:
        """The API's word for one of `STATES`."""
        return self.system[state]

    def _read(self, reply: Response) -> ApiGift:
        if not reply.ok:
            kind = GiftRefused if _is_own(reply) else GiftUnanswered
            raise kind(f"{reply.status}: {reply.error_text()}")
        try:
            found = reply.json()
        except ValueError:
            raise GiftUnanswered(f"{reply.status} without JSON") from None
        try:
            values = [_at(found, self.system[name]) for name in ("id", "status", "address", "reference")]
        except ValueError as error:
            raise GiftUnanswered(f"{reply.status} with an answer that cannot be read: {error}") from None
        if not values[0] or not values[1]:
            raise GiftUnanswered(f"{reply.status} without {self.system['id']} or {self.system['status']}")
        return ApiGift(*values)


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """The body with its words filled in; a text that is one word alone takes the type of its value."""
    if isinstance(value, Mapping):
        return {name: fill(inner, values) for name, inner in value.items()}
    if not isinstance(value, str):
        return value
    if value.startswith("{") and value[1:-1] in values:
        return values[value[1:-1]]
    for name, text in values.items():
        value = value.replace(f"{{{name}}}", str(text))
    return value


def _at(found: Any, path: str) -> str:
    """The text or number at “a.b” as text; "" where there is none. Raises ValueError for another type."""
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return "" if found is None else JsonAnswer(found, path).name()


def _is_own(reply: Response) -> bool:
    """Is this error the API's own? It may answer 502 for its provider; a gateway answers that with a page."""
    if explain_effect(reply.status) == UNCHANGED:
        return True
    try:
        return isinstance(reply.json(), dict)
    except ValueError:
        return False
