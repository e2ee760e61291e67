"""The old application's session: a signed cookie with the forms' token and messages for the next page."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from typing import Any

from integrations.sandbox.serving import Answer

COOKIE = "session"


class Session:
    """What the cookie of one request holds; the answer carries it again when it was changed."""

    def __init__(self, secret: str, cookie: str = "") -> None:
        self.secret = secret.encode()
        self.values: dict[str, Any] = self._read(cookie)
        self._before = json.dumps(self.values)

    def _read(self, header: str) -> dict[str, Any]:
        try:
            text = SimpleCookie(header)[COOKIE].value
            packed, _, signature = text.partition(".")
            if not hmac.compare_digest(signature, self._sign(packed)):
                return {}
            found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(packed))
        except (CookieError, KeyError, ValueError):
            return {}
        return found

    def _sign(self, packed: str) -> str:
        return hmac.new(self.secret, packed.encode(), hashlib.sha256).hexdigest()

    @property
    def token(self) -> str:
        """The token of this session's forms; made with the first form."""
        found: str = self.values.setdefault("csrf_token", secrets.token_hex(20))
        return found

    def accepts(self, token: str) -> bool:
        """Whether a form was given out in this session."""
        kept = self.values.get("csrf_token", "")
        return bool(kept) and hmac.compare_digest(kept, token)

    def add_message(self, text: str) -> None:
        """A message for the next page."""
        self.values.setdefault("messages", []).append(text)

    def take_messages(self) -> list[str]:
        """The messages, which are shown once."""
        found: list[str] = self.values.pop("messages", [])
        return found

    def attach_to(self, answer: Answer) -> Answer:
        """The answer, with a cookie if the session was changed."""
        text = json.dumps(self.values)
        if text == self._before:
            return answer
        packed = base64.urlsafe_b64encode(text.encode()).decode()
        cookie = f"{COOKIE}={packed}.{self._sign(packed)}; HttpOnly; Path=/; SameSite=Lax"
        return replace(answer, headers={**answer.headers, "Set-Cookie": cookie})
