"""Signs in to an application over HTTP, reads the session and signs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from integrations.clients import http
from integrations.clients.http import Response
from integrations.errors import Problem
from integrations.json_places import find_value
from integrations.sign_in import SignInShape
from integrations.systems import System


class ApiSessions:
    """The requests at ``url``, in the shape of the system that answers there."""

    def __init__(self, url: str, shape: SignInShape) -> None:
        self.url, self.shape = url, shape

    def sign_in(self, email: str, password: str) -> Response:
        """Any status is a response. Raises `Unreachable` without one."""
        return http.request(self.url, self.shape.path, send=self.shape.credentials(email, password))

    def sign_in_without_fields(self) -> Response:
        """The same request with nothing in it."""
        return http.request(self.url, self.shape.path, send={})

    def read(self, token: str) -> Response:
        """The session of a token, ended or not."""
        return http.request(self.url, self.shape.session_path(token))

    def sign_out(self, token: str) -> Response:
        """Ends the session of a token."""
        return http.request(self.url, self.shape.sign_out, send=self.shape.sign_out_body(token))

    def token_of(self, response: Response) -> str:
        """The token that an answer to the sign-in holds; "" when there is none."""
        return _text_at(response, self.shape.token)

    def email_of(self, response: Response) -> str:
        """The address that an answer to the sign-in names."""
        return _text_at(response, self.shape.email)

    def session_email_of(self, response: Response) -> str:
        """The address that a session names; "" when it has ended."""
        return _text_at(response, self.shape.session_email) if response.ok else ""

    @contextmanager
    def signed_in(self, login: System) -> Iterator[Mapping[str, str]]:
        """Headers that show a sign-in as ``login``; the session is ended afterwards.

        Raises `Problem` when the sign-in is refused.
        """
        response = self.sign_in(login["email"], login["password"])
        token = self.token_of(response) if response.ok else ""
        if not token:
            raise Problem(
                f"{login['email']} cannot sign in: {response.status} “{response.error_text()}”.",
                means="What needs a sign-in was not requested.",
                next="Check the account and its password, and the item that signs in with it.",
            )
        try:
            yield self.shape.headers(token)
        finally:
            if self.shape.sign_out:
                self.sign_out(token)


def require_shape(api: System) -> SignInShape:
    """The system's ``sign_in:``. Raises `Problem` without it."""
    shape = api.sign_in()
    if shape is None:
        raise Problem(
            f"The system “{api.name}” does not say how to sign in.",
            means="Nothing was sent.",
            next="Add sign_in: to it in the runbook (docs/reference/runbook-file.md).",
        )
    return shape


def _text_at(response: Response, place: str) -> str:
    try:
        found = find_value(response.json(), place)
    except ValueError:
        return ""
    return found if isinstance(found, str) else ""
