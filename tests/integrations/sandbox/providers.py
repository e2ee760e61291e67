"""The stand-ins of the providers as one real server, and the systems that lead to them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from integrations.clients.http import HttpClient
from integrations.sandbox import provider_keys
from tests.integrations.clients.proxies import answers
from tests.ports import free_port
from tests.waiting import wait_for

PAYMENTS = ("stripe", "paystack", "fincra", "flutterwave")
PATHS = {
    "stripe": "/stripe/v1",
    "paystack": "/paystack",
    "fincra": "/fincra",
    "flutterwave": "/flutterwave/v3",
}


class World:
    """Their address, and the keys that they take."""

    def __init__(self, url: str, keys: dict[str, str]) -> None:
        self.url, self.keys = url, keys

    def payments(self, provider: str, **changed: str) -> dict[str, str]:
        """The settings of a system of kind payments."""
        key = self.keys[f"{provider.upper()}_SECRET_KEY"]
        settings = {
            "kind": "payments",
            "provider": provider,
            "url": self.url + PATHS[provider],
            "secret_key": key,
        }
        return {**settings, **changed}

    def oauth(self, provider: str, base: str, **changed: str) -> dict[str, str]:
        """The settings of a system of kind oauth, as the shipped runbook has them."""
        given = {
            name.removeprefix(f"{provider.upper()}_").lower(): value
            for name, value in self.keys.items()
            if name.startswith(f"{provider.upper()}_")
        }
        token = {"google": "/token", "facebook": "/oauth/access_token", "apple": "/auth/token"}[provider]
        url = f"{self.url}/{provider}"
        settings = {"kind": "oauth", "provider": provider, "url": url, "token_url": url + token}
        return {**settings, "redirect": f"{base}/{provider}/callback", **given, **changed}

    @contextmanager
    def mood(self, provider: str, mood: str) -> Iterator[None]:
        """While the provider is in that mood."""
        self.tell(provider, mood)
        try:
            yield
        finally:
            self.tell(provider, "well")

    def tell(self, provider: str, mood: str) -> None:
        assert HttpClient(["127.0.0.1"]).request(self.url, f"/control/{provider}", send={"mood": mood}).ok


@contextmanager
def providers(**more: str) -> Iterator[World]:
    """All of them, while they run; ``more`` stands in their environment."""
    port, keys = free_port(), provider_keys.new()
    child = subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox.providers"],
        env={**os.environ, **keys, **more, "PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url))
        yield World(url, keys)
    finally:
        child.terminate()
        child.wait(90)
