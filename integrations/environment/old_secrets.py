"""Tries the secrets of an old environment where they were valid: each should be refused by now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from integrations.clients import mail, postgres
from integrations.clients.mail import LoginAnswer, MailLogin
from integrations.clients.payments import KeyMode, PaymentProvider, detect_key_mode, refuse_wrong_mode
from integrations.errors import Problem

REFUSED = (401, 403)
#: what `Problem.means` says when PostgreSQL refuses a login for good
LOGIN_REFUSALS = ("login is refused", "no such role", "may not log in")

Values = Mapping[str, str | None]


class RevokedFacts(TypedDict):
    """One old secret: whether it is refused, and a sentence."""

    name: str
    refused: bool
    said: str


def check_payment_key(provider: PaymentProvider, key: str, rehearsal: bool) -> RevokedFacts:
    """Sends the old key to its provider. A refusal counts only if the new key works at the same address."""
    try:
        refused, sentence = _try_payment_key(provider, key, rehearsal)
    except Problem as problem:  # of this provider only: the others are still tried
        refused, sentence = False, f"could not be tried: {problem.what}"
    return {"name": f"{provider.name}'s old key", "refused": refused, "said": sentence}


def _try_payment_key(provider: PaymentProvider, key: str, rehearsal: bool) -> tuple[bool, str]:
    """Whether the provider refuses the key, and a sentence. Raises `Problem` when it does not answer."""
    new_key = provider.system["secret_key"]
    if not key:
        return False, "is not in the export: whether it is revoked is not known."
    if key == new_key:
        return False, "is the new environment's key, too: rotate it first."
    if rehearsal and detect_key_mode(provider.name, key) == KeyMode.LIVE:
        return False, "is a live key, and this is a rehearsal: it was not sent. Rehearse with a test key."
    response = provider.read_with_key(key)
    if response.ok:
        return False, "still works: revoke it in the dashboard."
    if response.status not in REFUSED:
        return False, f"gets {response.status}, which proves nothing."
    refuse_wrong_mode(rehearsal, provider.mode, provider.system.name)
    control = provider.read_with_key(new_key)
    if not control.ok:
        return (
            False,
            f"gets {response.status}, but so does the new one ({control.status}): this proves nothing.",
        )
    return True, f"is refused ({response.status}), while the new one works."


def check_database_login(url: str) -> RevokedFacts:
    """Connects with an old address of the database. Raises `Problem` for one that cannot be read."""
    name = f"the old login of {postgres.address(url)}"
    try:
        with postgres.connect(url, readonly=True):
            remedy = "still gets in: DROP ROLE, or ALTER ROLE … NOLOGIN."
            return {"name": name, "refused": False, "said": remedy}
    except Problem as problem:
        refused = any(words in problem.means for words in LOGIN_REFUSALS)
        sentence = "is refused." if refused else f"cannot be tried: {problem.what} {problem.means}".strip()
        return {"name": name, "refused": refused, "said": sentence}


def check_mail_login(old: Values, variables: Mapping[str, str]) -> RevokedFacts:
    """Signs in at the mail server as the old environment did; no mail is sent.

    ``variables`` maps ``server``, ``port``, ``user`` and ``password`` to the names of their variables.
    """
    missing = [name for name in variables.values() if not old.get(name)]
    if missing:
        said = f"{', '.join(missing)} is not in the export: whether it is revoked is not known."
        return {"name": "the old mail login", "refused": False, "said": said}
    values = {part: str(old[name]) for part, name in variables.items()}
    name = f"the old mail login at {values['server']}:{values['port']}"
    if not values["port"].isdigit():
        said = f"{variables['port']} is no number: it could not be tried."
        return {"name": name, "refused": False, "said": said}
    login = MailLogin(values["server"], int(values["port"]), values["user"], values["password"])
    answer, said = mail.try_login(login)
    if answer == LoginAnswer.ACCEPTED:
        said = "still gets in: end the account, or give it another password."
    elif answer == LoginAnswer.NOT_KNOWN:
        said = f"The server {said} Whether it is revoked is not known."
    else:
        said = f"is refused ({said.removeprefix('answers ')})."
    return {"name": name, "refused": answer == LoginAnswer.REFUSED, "said": said}


def check_replaced_value(name: str, old: Values, new: Values) -> RevokedFacts:
    """A secret that no service can be asked about, such as one that signs sessions: the new environment must
    not have its value under any name."""
    facts: RevokedFacts = {"name": f"the old {name}", "refused": False, "said": ""}
    if not old.get(name):
        return {**facts, "said": "is not in the export: whether the new environment has it is not known."}
    if also := sorted(key for key, value in new.items() if value == old[name]):
        said = f"is in the new environment, too ({', '.join(also)}): set another value there."
        return {**facts, "said": said}
    return {**facts, "refused": True, "said": "is nowhere in the new environment."}
