"""People who visit the public name of the sandbox all night, each through a connection of their own.

Settings: PUBLIC_URL; VISITS_PER_SECOND (default 5); PUBLIC_NAME and NAME_SERVER (address:port): where they
look the name up, and keep the answer as long as it says; FORMS_PER_SECOND (default 0): gifts, prayers and new
accounts, by the forms of the old application where it answers; FINCRA_SECRET_KEY: Fincra's reports of gifts.
VISITORS_PACE (default 1): what both rates are multiplied by.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import json
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Mapping
from types import FrameType
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

import requests

from integrations.clients.dns import query_server
from integrations.errors import Problem, Unreachable
from integrations.sandbox.forms import FormPage
from integrations.sandbox.legacy import words

PATHS = ("/", "/events", "/donate", "/prayers", "/api/events.json")
TIMEOUT = 5.0  # seconds
HERE = ("127.0.0.1", "127.0.0.2", "localhost")


class Address:
    """Where the public name leads, asked anew when the answer's time is over; without a name, as it was."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.url = environ["PUBLIC_URL"]
        self.name, self.server = environ.get("PUBLIC_NAME", ""), environ.get("NAME_SERVER", "")
        self.until = 0.0

    def now(self) -> str:
        """The address; the old answer stands when the name server is silent."""
        if self.name and time.monotonic() > self.until:
            with contextlib.suppress(Unreachable, Problem):
                found = query_server(self.server, self.name, "A")
                if found.values:
                    self.url = f"http://{found.values[0]}:{urlsplit(self.url).port}"
                    self.until = time.monotonic() + found.ttl
        return self.url


def visit(url: str) -> None:
    """One request; whatever comes back, the visitor goes away again."""
    assert urlsplit(url).hostname in HERE
    with (
        contextlib.suppress(OSError),
        urlopen(Request(url, headers={"Connection": "close"}), timeout=TIMEOUT) as it,
    ):
        it.read(100_000)


class WebsiteUser:
    """Fills in one form of the old application, as a browser does; the new stack has no such pages."""

    def __init__(self, base: str, fincra_key: str = "") -> None:
        self.base, self.fincra_key = base, fincra_key
        self.session = requests.Session()
        self.session.trust_env = False

    def fill_in(self, path: str, values: Mapping[str, str]) -> requests.Response | None:
        """Opens the page and sends its form. None where there is no such page or form."""
        assert urlsplit(self.base).hostname in HERE
        answer = self.session.get(self.base + path, timeout=TIMEOUT, allow_redirects=False)
        page = FormPage(answer.text) if answer.ok else None
        if page is None or page.action is None or "csrf_token" not in page.fields:
            return None
        there = urljoin(self.base + path, page.action)
        data = {**page.fields, **values}
        return self.session.post(there, data=data, timeout=TIMEOUT, allow_redirects=False)

    def give(self) -> None:
        """A gift; when it was taken by Fincra, Fincra reports it."""
        method = random.choice(["fincra", "fincra", "paystack", "stripe", "flutterwave"])
        currency = "NGN" if method == "paystack" else random.choice(["NGN", "GHS", "USD"])
        amount = f"{random.randint(500, 5_000_000) / 100:.2f}"
        gift = {"email": _address(), "amount": amount, "currency": currency, "payment_method": method}
        if method == "fincra":
            gift |= {"first_name": random.choice(words.FIRST_NAMES), "last_name": "X", "country": "NG"}
        answer = self.fill_in("/donate", gift)
        reference = answer.headers.get("location", "").rpartition("/")[2] if answer is not None else ""
        if method == "fincra" and self.fincra_key and len(reference) == 36:
            self._report(reference)

    def _report(self, reference: str) -> None:
        event = {"transactionId": uuid.uuid4().hex, "status": "successful", "reference": reference}
        body = json.dumps(event).encode()
        signature = hmac.new(self.fincra_key.encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-fincra-signature": signature, "content-type": "application/json"}
        self.session.post(f"{self.base}/webhooks/fincra", data=body, headers=headers, timeout=TIMEOUT)

    def pray(self) -> None:
        """A prayer request."""
        name = f"{random.choice(words.FIRST_NAMES)} {random.choice(words.LAST_NAMES)}"
        prayer = {"name": name, "email": _address(), "request": random.choice(words.PRAYERS)}
        self.fill_in("/prayers", {**prayer, "is_public": "on"})

    def register(self) -> None:
        """A new account."""
        self.register_as(_address(), uuid.uuid4().hex)

    def register_as(self, email: str, password: str) -> None:
        """An account with this address and password."""
        account = {"username": uuid.uuid4().hex[:12], "email": email, "password": password}
        self.fill_in("/register", {**account, "confirm_password": password})


def _address() -> str:
    return f"{uuid.uuid4().hex[:12]}@people.invalid"


def fill_in_forms(address: Address, per_second: float, fincra_key: str) -> None:
    """Sends form after form, whatever comes back. Never ends by itself."""
    while True:
        person = WebsiteUser(address.now(), fincra_key)
        # Few register: the hash of a password keeps the old application busy for a while.
        (act,) = random.choices([person.give, person.pray, person.register], weights=[9, 6, 1])
        with contextlib.suppress(requests.RequestException), person.session:
            act()
        time.sleep(1 / per_second)


def main() -> None:
    """Visits until SIGTERM."""
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)

    signal.signal(signal.SIGTERM, stop)
    address, pace = Address(os.environ), float(os.environ.get("VISITORS_PACE", "1"))
    visits = pace * float(os.environ.get("VISITS_PER_SECOND", "5"))
    forms = pace * float(os.environ.get("FORMS_PER_SECOND", "0"))
    if forms:
        values = (address, forms, os.environ.get("FINCRA_SECRET_KEY", ""))
        threading.Thread(target=fill_in_forms, args=values, daemon=True).start()
    for path in itertools.cycle(PATHS):
        if stopped:
            return
        visit(address.now() + path)
        time.sleep(1 / visits)


if __name__ == "__main__":
    main()
