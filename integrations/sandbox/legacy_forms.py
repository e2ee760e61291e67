"""What the old application's forms write, and how each of them answers when the database refuses."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

import psycopg

from integrations.sandbox.legacy.seed import scrypt_hash
from integrations.sandbox.legacy_database import LegacyDatabase, Row, now
from integrations.sandbox.legacy_pages import redirect, show_again, show_error
from integrations.sandbox.legacy_session import Session
from integrations.sandbox.serving import Answer

NOT_SAVED = "That could not be saved. Please try again later."
METHODS = ("paystack", "fincra", "stripe", "flutterwave")

Form = Mapping[str, str]


class LegacyForms:
    """Each form by its path. ``checkout``: the address of the page that a payment provider gives for a gift;
    without one no provider can be reached, as when the facts were recorded."""

    def __init__(self, database: LegacyDatabase, checkout: str = "") -> None:
        self.database, self.checkout = database, checkout

    def find(self, path: str) -> Callable[[Form, Session], Answer] | None:
        """What answers a form that is sent to this path."""
        if plan := re.fullmatch(r"/events/plan/(\d+)", path):
            return lambda form, session: self._plan(int(plan[1]), form, session)
        return {
            "/prayers/submit": self._pray,
            "/donate/process": self._donate,
            "/login": self._sign_in,
            "/register": self._register,
            "/churches/add": self._add_church,
            "/admin/users/create": self._add_user,
            "/notifications/preferences": self._set_preferences,
        }.get(path)

    def _pray(self, form: Form, session: Session) -> Answer:
        row = {
            "name": form.get("name", ""),
            "email": form.get("email", ""),
            "request": form.get("request", ""),
            "is_public": "is_public" in form,
            "created_at": now(),
        }
        try:
            self._note_prayer(row, self.database.insert("prayer_requests", row))
            session.add_message("Thank you. We pray with you.")
        except psycopg.Error:
            session.add_message(NOT_SAVED)
        return redirect("/prayers")

    def _note_prayer(self, row: Row, number: int) -> None:
        """A prayer of somebody who is a member is noted with that member."""
        query = "SELECT id FROM members WHERE lower(email) = lower(%(email)s) LIMIT 1"
        for member in self.database.rows(query, {"email": row["email"]}):
            care = {
                "member_id": member["id"],
                "interaction_type": "prayer_request",
                "interaction_date": now(),
                "source": "prayer_form",
                "extra_data": {"prayer_request_id": number, "is_public": row["is_public"]},
                "created_at": now(),
            }
            self.database.insert("care_interactions", care)
            self.database.update("members", member["id"], {"last_interaction_at": now()})

    def _donate(self, form: Form, session: Session) -> Answer:
        """The row is committed as pending before the provider is asked."""
        try:
            amount = Decimal(form.get("amount", ""))
            row = _gift(form, amount)
            gift = self.database.insert("donations", row)
            return self._ask_provider(gift, row, session)
        except (psycopg.Error, InvalidOperation):
            session.add_message(NOT_SAVED)
            return redirect("/donate")

    def _ask_provider(self, gift: int, row: Row, session: Session) -> Answer:
        method, currency = row["payment_method"], row["currency"]
        refused = method not in METHODS or (method == "paystack" and currency != "NGN")
        if refused or not self.checkout:
            why = f"{method} cannot take this gift" if refused else f"{method} cannot be reached"
            self.database.update(
                "donations", gift, {"status": "failed", "error_message": why, "updated_at": now()}
            )
            session.add_message("The payment could not be started.")
            return redirect("/donate")
        address = f"{self.checkout}/{row['reference']}"
        # Paystack's answer has no number of its own: the old application keeps the reference again.
        number = row["reference"] if method == "paystack" else uuid.uuid4().hex
        info = {**row["payment_info"], "authorization_url": address, "provider_response": {"status": "ok"}}
        changed = {"transaction_id": number, "payment_info": info, "updated_at": now()}
        self.database.update("donations", gift, changed)
        return redirect(address)

    def _sign_in(self, form: Form, session: Session) -> Answer:
        """By e-mail and password, both compared as they were typed. Nothing is written."""
        query = "SELECT id, is_admin, password_hash FROM users WHERE email = %(email)s"
        try:
            found = self.database.rows(query, {"email": form.get("email", "")})
        except psycopg.Error:
            return show_error(500, "500 Internal Server Error")
        if not found or not _matches(found[0]["password_hash"], form.get("password", "")):
            return show_again("/login", "Invalid email or password.", session)
        session.values |= {"user": found[0]["id"], "admin": bool(found[0]["is_admin"])}
        session.add_message("You are signed in.")
        wanted = form.get("next", "")
        return redirect(wanted if wanted.startswith("/") and not wanted.startswith("//") else "/")

    def _register(self, form: Form, session: Session) -> Answer:
        try:
            self.database.insert("users", _account(form))
        except psycopg.Error:
            return show_again("/register", "The account could not be made.", session)
        session.add_message("You can sign in now.")
        return redirect("/login")

    def _add_church(self, form: Form, session: Session) -> Answer:
        row = {"name": form.get("name", ""), "address": form.get("address"), "created_at": now()}
        return self._insert_or_fail("churches", row, "/churches")

    def _add_user(self, form: Form, session: Session) -> Answer:
        return self._insert_or_fail("users", _account(form), "/admin/users")

    def _insert_or_fail(self, table: str, row: Row, then: str) -> Answer:
        try:
            self.database.insert(table, row)
        except psycopg.Error:
            return show_error(500, "500 Internal Server Error")
        return redirect(then)

    def _plan(self, event: int, form: Form, session: Session) -> Answer:
        tags = [tag.strip() for tag in form.get("ministry_tags", "").split(",") if tag.strip()]
        row = {"recurrence_rule": form.get("recurrence_rule") or None, "ministry_tags": tags}
        return self._update_or_message("events", event, row, f"/events/plan/{event}", session)

    def _set_preferences(self, form: Form, session: Session) -> Answer:
        chosen = {name: True for name in form if name != "csrf_token"}
        row = {"notification_preferences": chosen}
        return self._update_or_message("users", session.values["user"], row, "/profile", session)

    def _update_or_message(self, table: str, key: int, row: Row, then: str, session: Session) -> Answer:
        try:
            self.database.update(table, key, row)
            session.add_message("Saved.")
        except psycopg.Error:
            session.add_message(NOT_SAVED)
        return redirect(then)


def _gift(form: Form, amount: Decimal) -> Row:
    method = form.get("payment_method", "")
    names = ("first_name", "last_name", "country") if method == "fincra" else ()
    return {
        "email": form.get("email", ""),
        "amount": amount,
        "currency": form.get("currency", "USD"),
        "reference": str(uuid.uuid4()),
        "status": "pending",
        "payment_method": method,
        "payment_info": {name: form.get(name, "") for name in names},
        "created_at": now(),
        "updated_at": now(),
    }


def _account(form: Form) -> Row:
    return {
        "username": form.get("username", ""),
        "email": form.get("email", ""),
        "password_hash": scrypt_hash(form.get("password", ""), secrets.token_hex(8)),
        "is_admin": False,
    }


def _matches(stored: str | None, password: str) -> bool:
    """As werkzeug checks it: scrypt, or pbkdf2 of its earlier versions."""
    method, _, rest = (stored or "").partition("$")
    salt, _, digest = rest.partition("$")
    if method.startswith("scrypt:"):
        made = scrypt_hash(password, salt).rpartition("$")[2]
    elif method.startswith("pbkdf2:sha256:"):
        rounds = int(method.rpartition(":")[2])
        made = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds).hex()
    else:
        return False
    return secrets.compare_digest(made, digest)
