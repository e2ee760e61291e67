"""The sign-in of login.canary: what must work, what must be refused, and what no answer may hold."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from integrations import actions
from integrations.clients.http import Response
from integrations.environment.api_sessions import ApiSessions
from integrations.json_places import walk_texts

#: how the hashes of argon2, bcrypt, scrypt and PBKDF2 begin, as their libraries write them
HASH = re.compile(r"\$(argon2|2[abxy]\$|scrypt|pbkdf2)|(pbkdf2|scrypt):")


@dataclass
class CanaryFindings:
    """What the requests showed; ``wrong`` are sentences, the first is why nobody could sign in."""

    status: int = 0
    signed_in: bool = False
    signed_out: bool = False
    refuses_wrong_password: bool = False
    leaks: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class CanarySignIn:
    """One account's way in and out. ``report`` masks the tokens."""

    def __init__(self, sessions: ApiSessions, email: str, password: str, report: actions.Report) -> None:
        self.sessions, self.email, self.password, self.report = sessions, email, password, report
        self.findings = CanaryFindings()
        self.refusal: Response | None = None  # the answer to the right password, where it is no sign-in

    def run(self) -> CanaryFindings:
        """Signs in, reads the session, signs out; then tries what has to be refused."""
        token = self._sign_in()
        if token:
            self.report.secret(token)
            self._read_session(token)
            self._sign_out(token)
        self._try_wrong_password()
        self._try_without_fields()
        if self.findings.leaks:
            self._add(
                f"Answers hold the hash of the password ({', '.join(self.findings.leaks)}): whoever sees one "
                "can guess the password without asking the API. Leave it out of the answers."
            )
        return self.findings

    def _sign_in(self) -> str:
        """The token; "" when there is none."""
        reply = self.sessions.sign_in(self.email, self.password)
        self.findings.status = reply.status
        self._log("POST", self.sessions.shape.path, reply)
        if not reply.ok:
            self.refusal = reply
            return ""
        token = self.sessions.token_of(reply)
        self._look_for_hashes(reply)
        if not token:
            self._add(f"the answer to the sign-in has no token at {self.sessions.shape.token}.")
        elif (named := self.sessions.email_of(reply)).lower() != self.email.lower():
            place = self.sessions.shape.email
            self._add(f"the answer to the sign-in names {named or 'nobody'} at {place}, not {self.email}.")
        return token

    def _read_session(self, token: str) -> None:
        reply = self.sessions.read(token)
        self._log("GET", self.sessions.shape.session, reply)
        self._look_for_hashes(reply)
        if not reply.ok:
            self._add(f"the session cannot be read ({reply.status} “{reply.error_text()}”).")
        elif self.sessions.session_email_of(reply).lower() != self.email.lower():
            self._add(f"the session does not name {self.email} at {self.sessions.shape.session_email}.")
        else:
            self.findings.signed_in = True

    def _sign_out(self, token: str) -> None:
        if not self.sessions.shape.sign_out:
            return
        reply = self.sessions.sign_out(token)
        self._log("POST", self.sessions.shape.sign_out, reply)
        if not reply.ok:
            self._add(f"signing out is answered by {reply.status} “{reply.error_text()}”.")
            return
        after = self.sessions.read(token)
        self._log("GET", f"{self.sessions.shape.session} after signing out", after)
        if self.sessions.session_email_of(after):
            self._add("the session still names the account after signing out: the token was not ended.")
        elif after.status >= 500:
            self._add(f"the ended session is answered by {after.status} “{after.error_text()}”.")
        else:
            self.findings.signed_out = True

    def _try_wrong_password(self) -> None:
        reply = self.sessions.sign_in(self.email, secrets.token_urlsafe(16))
        self._log("POST", f"{self.sessions.shape.path} with a wrong password", reply)
        self.findings.refuses_wrong_password = 400 <= reply.status < 500
        if reply.ok:
            token = self.sessions.token_of(reply)
            if token and self.sessions.shape.sign_out:
                self.report.secret(token)
                self.sessions.sign_out(token)
            self._add("a wrong password is accepted: anybody can sign in as anybody.")
        elif reply.status >= 500 and self.refusal is None:
            self._add(f"a wrong password is answered by {reply.status}, as a failure of the API.")

    def _try_without_fields(self) -> None:
        reply = self.sessions.sign_in_without_fields()
        self._log("POST", f"{self.sessions.shape.path} without fields", reply)
        if not 400 <= reply.status < 500:
            self._add(
                f"a sign-in without fields is answered by {reply.status}, as a failure of the API: a form "
                "that was sent half filled in looks like an outage. Check the fields, and answer 400."
            )

    def _look_for_hashes(self, reply: Response) -> None:
        try:
            texts = list(walk_texts(reply.json()))
        except ValueError:
            return
        found = [place for place, text in texts if HASH.match(text)]
        self.findings.leaks += [place for place in found if place not in self.findings.leaks]

    def _add(self, sentence: str) -> None:
        self.findings.wrong.append(sentence[:1].upper() + sentence[1:])

    def _log(self, method: str, what: str, reply: Response) -> None:
        self.report.log(f"{method} {what}: {reply.status} in {reply.ms:.0f} ms")
