"""The setting `sign_in` of a system: what it fills in, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.errors import Problem
from integrations.sign_in import SignInShape
from integrations.systems import System

GIVEN = {
    "path": "/login",
    "token": "token",
    "email": "user.email",
    "session": {"path": "/session/{token}", "email": "email"},
    "sign_out": {"path": "/logout", "send": {"token": "{token}"}},
}


def test_it_fills_in_address_password_and_token() -> None:
    shape = SignInShape.parse(GIVEN)
    assert shape.credentials("a@x.invalid", "p{email}") == {"email": "a@x.invalid", "password": "p{email}"}
    assert shape.session_path("a/b c") == "/session/a%2Fb%20c"
    assert shape.sign_out_body("t") == {"token": "t"}
    assert shape.headers("t") == {"Authorization": "Bearer t"}
    own = SignInShape.parse({**GIVEN, "sign_out": None, "header": "X-Session: {token}"})
    assert (own.sign_out, own.headers("t")) == ("", {"X-Session": "t"})


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"path": "login"}, "path begins with “/”"),
        ({"token": ""}, "lacks token"),
        ({"session": {}}, "lacks path"),
        ({"session": "x"}, "session is a mapping"),
        ({"tokens": "x"}, "has no setting tokens"),
        ({"header": "Bearer {token}"}, "header is “name: value"),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=r"look like|begins with|has no setting|header is|mapping"):
        SignInShape.parse({**GIVEN, **change})
    with pytest.raises(Problem, match=wrong):
        System("api", "http", {"url": "http://x", "sign_in": {**GIVEN, **change}}, {}).sign_in()


def test_a_text_is_refused_and_a_system_without_the_setting_has_none() -> None:
    with pytest.raises(ValueError, match="must look like"):
        SignInShape.parse("/login")
    assert System("api", "http", {"url": "http://x"}, {}).sign_in() is None
