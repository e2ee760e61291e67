"""The new side of a dual run may ask for a sign-in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from integrations.actions import Context, registry
from integrations.errors import Problem
from integrations.sandbox.serving import Answer, Asked, server_of
from tests.integrations.recorder import Recorder
from tests.ports import free_port

ACTION = registry()["dualrun.watch"]
ROWS = [{"id": 1, "title": "one"}]
SIGN_IN = {
    "path": "/login",
    "token": "token",
    "email": "email",
    "session": {"path": "/session/{token}", "email": "email"},
    "sign_out": {"path": "/logout", "send": {"token": "{token}"}},
}


class Side:
    """A stack with one list; with a password it asks for a sign-in."""

    def __init__(self, password: str = "") -> None:
        self.password, self.open, self.asked = password, False, list[str]()

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(f"{asked.method} {asked.path}")
        if asked.path == "/login":
            self.open = asked.json()["password"] == self.password
            return Answer(201 if self.open else 401, {"token": "a-token", "email": "a@x.invalid"})
        if asked.path == "/logout":
            self.open = False
            return Answer(201, {})
        right = asked.headers.get("authorization") == "Bearer a-token"
        return Answer(200, ROWS) if not self.password or (self.open and right) else Answer(401, {})


@pytest.fixture
def serve() -> Iterator[Callable[[Side], str]]:
    with ExitStack() as stack:

        def start(side: Side) -> str:
            port = free_port()
            server = stack.enter_context(server_of(port, side, name="side"))
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
            return f"http://127.0.0.1:{port}"

        yield start


def test_it_signs_in_before_the_reads_and_out_at_the_end(
    serve: Any, new_context: Callable[..., Context]
) -> None:
    new, report = Side("secret"), Recorder()
    systems = {
        "old": {"kind": "http", "url": serve(Side())},
        "new": {"kind": "http", "url": serve(new), "sign_in": SIGN_IN},
        "known": {"kind": "login", "email": "a@x.invalid", "password": "secret"},
        "stranger": {"kind": "login", "email": "a@x.invalid", "password": "another"},
    }
    given = {"old": "old", "new": "new", "reads": [{"old": "/x", "new": "/x", "key": "id"}], "seconds": 0}
    without = ACTION.run(ACTION.bind(given, new_context(systems)), Recorder())
    assert not without.ok
    outcome = ACTION.run(ACTION.bind({**given, "login": "known"}, new_context(systems)), report)
    assert outcome.ok, outcome.summary
    assert (new.asked[-3], new.asked[-1], new.open) == ("POST /login", "POST /logout", False)
    assert "Bearer a-token" in report.secrets
    with pytest.raises(Problem, match="cannot sign in: 401"):
        ACTION.run(ACTION.bind({**given, "login": "stranger"}, new_context(systems)), Recorder())
