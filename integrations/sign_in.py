"""How an application signs people in: its requests, and where its answers hold the token and the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

SETTINGS = ("path", "send", "token", "email", "session", "sign_out", "header")
EXAMPLE = "{path: /login, token: token, email: user.email, session: {path: '/session/{token}', email: email}}"
SEND = {"email": "{email}", "password": "{password}"}
HEADER = "Authorization: Bearer {token}"


@dataclass(frozen=True)
class SignInShape:
    """The setting ``sign_in:`` of a system of kind ``http``.

    ``send`` and ``sign_out_send`` are sent as JSON; ``token``, ``email`` and ``session_email`` are the places
    in the answers, with dots between names. ``sign_out`` is "" where the application has no such request.
    """

    path: str
    send: Mapping[str, str]
    token: str
    email: str
    session: str
    session_email: str
    sign_out: str
    sign_out_send: Mapping[str, str]
    header: str

    @classmethod
    def parse(cls, given: Any) -> SignInShape:
        """Reads the setting. Raises ValueError with a sentence."""
        if not isinstance(given, Mapping):
            raise ValueError(f"must look like {EXAMPLE}.")
        if unknown := sorted(map(str, set(given) - set(SETTINGS))):
            raise ValueError(f"has no setting {', '.join(unknown)}; it has: {', '.join(SETTINGS)}.")
        session, sign_out = _mapping(given, "session"), _mapping(given, "sign_out")
        shape = cls(
            _path(given, "path"),
            _mapping(given, "send") or SEND,
            _text(given, "token"),
            _text(given, "email"),
            _path(session, "path"),
            _text(session, "email"),
            _path(sign_out, "path") if sign_out else "",
            _mapping(sign_out, "send"),
            str(given.get("header") or HEADER),
        )
        if ":" not in shape.header or "{token}" not in shape.header:
            raise ValueError(f"header is “name: value with {{token}}”, such as “{HEADER}”.")
        return shape

    def credentials(self, email: str, password: str) -> dict[str, str]:
        """What is sent to sign in."""
        return _filled(self.send, email=email, password=password)

    def session_path(self, token: str) -> str:
        """Where the session of this token is read."""
        return self.session.replace("{token}", quote(token, safe=""))

    def sign_out_body(self, token: str) -> dict[str, str]:
        """What is sent to end the session of this token."""
        return _filled(self.sign_out_send, token=token)

    def headers(self, token: str) -> dict[str, str]:
        """By which a request shows that it is signed in."""
        name, _, value = self.header.partition(":")
        return {name.strip(): value.strip().replace("{token}", token)}


def _filled(texts: Mapping[str, str], **values: str) -> dict[str, str]:
    filled = {}
    for name, text in texts.items():
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", value)
        filled[name] = text
    return filled


def _mapping(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = given.get(name) or {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{name} is a mapping; it must look like {EXAMPLE}.")
    return found


def _text(given: Mapping[str, Any], name: str) -> str:
    found = given.get(name)
    if not isinstance(found, str) or not found:
        raise ValueError(f"lacks {name}; it must look like {EXAMPLE}.")
    return found


def _path(given: Mapping[str, Any], name: str) -> str:
    found = _text(given, name)
    if not found.startswith("/"):
        raise ValueError(f"{name} begins with “/”: the host is the system's.")
    return found
