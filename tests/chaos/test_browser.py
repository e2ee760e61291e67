"""The browser of chaos: what it reads of a page, and what it takes for an unexpected error."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.browser import Answer, Browser, NoAnswer, ServerFailed

PAGE = """
<form action="/a/start/"><input type="hidden" name="after" value="2"><input type="radio" name="r" value="x">
<input type="radio" name="found" value="DONE" checked><textarea name="note"></textarea></form>
<input name="outside" value="1"><form action="/b/"><input name="after" value="9"></form>
"""


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """Answers one request with these bytes, and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            near, _ = listener.accept()
            with near:
                near.recv(65536)
                near.sendall(answer)
                near.shutdown(socket.SHUT_WR)
                while near.recv(65536):  # to close with something unread would take the answer back
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def test_a_form_is_sent_as_a_page_has_it() -> None:
    page = Answer(200, "", PAGE)
    assert page.find_form("/start/") == ("/a/start/", {"after": "2", "found": "DONE", "note": ""})
    assert page.find_form("/sign/") is None


def test_a_redirect_to_the_sign_in_is_no_acknowledgement() -> None:
    assert Answer(302, "/cutovers/night-1/", "").is_redirect
    assert not Answer(302, "/accounts/login/?next=/", "").is_redirect
    assert not Answer(422, "", "").is_redirect


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 500 X\r\n\r\n<title>It failed</title>", ServerFailed),
        (b"", NoAnswer),
        (b"HTTP/1.1 302 X\r\nContent-Length: 9\r\n\r\n", NoAnswer),
    ],
)
def test_an_unexpected_error_and_a_lost_answer_are_told_apart(said: bytes, error: type[Exception]) -> None:
    with server(said) as port, pytest.raises(error):
        Browser(port, "ama", "").post("/x/", {"after": "0"})


def test_cookies_are_kept() -> None:
    browser = Browser(0, "ama", "")
    with server(b"HTTP/1.1 302 X\r\nSet-Cookie: sessionid=1; Path=/\r\nLocation: /y/\r\n\r\n") as port:
        browser.port = port
        assert browser.get("/x/").location == "/y/"
    assert browser.cookies == {"sessionid": "1"}
