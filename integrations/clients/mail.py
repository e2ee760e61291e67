"""Asks a mail server whether it accepts a login. Nothing is ever sent."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from dataclasses import dataclass
from enum import StrEnum

TIMEOUT = 10  # seconds
IMPLICIT_TLS_PORT = 465
REFUSED_CODES = (530, 534, 535)  # RFC 4954: authentication required, too weak, credentials invalid


class LoginAnswer(StrEnum):
    """What became of a login."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class MailLogin:
    """A login at a mail server, as an application's settings have it."""

    server: str
    port: int
    user: str
    password: str


def try_login(login: MailLogin) -> tuple[LoginAnswer, str]:
    """The answer of the server to AUTH, and a sentence without secrets.

    The password is sent only through TLS, or to this machine. RFC 5321, RFC 3207 (STARTTLS), RFC 4954 (AUTH).
    """
    try:
        with _connect(login) as session:
            session.ehlo()
            if session.has_extn("starttls"):
                session.starttls(context=ssl.create_default_context())
                session.ehlo()
            elif login.port != IMPLICIT_TLS_PORT and not _is_loopback(login.server):
                return LoginAnswer.NOT_KNOWN, "offers no TLS: the password was not sent in clear text."
            session.login(login.user, login.password)
    except smtplib.SMTPAuthenticationError as error:
        code, said = error.smtp_code, _first_line(error.smtp_error)
        answer = LoginAnswer.REFUSED if code in REFUSED_CODES else LoginAnswer.NOT_KNOWN
        return answer, f"answers {code} {said}"
    except smtplib.SMTPNotSupportedError:
        return LoginAnswer.NOT_KNOWN, "offers no way to sign in."
    except smtplib.SMTPResponseException as error:
        return LoginAnswer.NOT_KNOWN, f"answers {error.smtp_code} {_first_line(error.smtp_error)}"
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return LoginAnswer.NOT_KNOWN, f"cannot be asked: {_first_line(str(error)) or type(error).__name__}"
    return LoginAnswer.ACCEPTED, "accepts it."


def _connect(login: MailLogin) -> smtplib.SMTP:
    if login.port == IMPLICIT_TLS_PORT:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(login.server, login.port, timeout=TIMEOUT, context=context)
    return smtplib.SMTP(login.server, login.port, timeout=TIMEOUT)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _first_line(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return text.strip().partition("\n")[0].strip()
