"""The API's routes for the admin pages: the recorded API has none; the repair `admin-routes` adds them.

Their shapes are what the pages expect (`customer/frontend_figures.json`).
"""

from __future__ import annotations

from collections.abc import Mapping

import argon2

from integrations.sandbox.new_database import ApiDatabase, Row
from integrations.sandbox.new_errors import not_found
from integrations.sandbox.new_routes import Route, has_route
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Asked

ROUTES: tuple[Route, ...] = (
    ("GET", "/admin/reports/metrics"),
    ("GET", "/admin/care/follow-ups"),
    ("GET", "/admin/users"),
    ("POST", "/admin/users"),
    ("PATCH", "/admin/users/{id}"),
    ("DELETE", "/admin/users/{id}"),
)
ATTENDANCE = """
SELECT coalesce(sum(expected_attendees), 0) AS total_expected,
       coalesce(sum(checked_in_count), 0) AS total_checked FROM attendance_records
"""
FOLLOW_UPS = """
SELECT c.id, m.first_name || ' ' || m.last_name AS member_name, interaction_type, interaction_date, c.notes,
       follow_up_required, follow_up_date
FROM care_interactions c JOIN members m ON m.id = member_id ORDER BY interaction_date DESC, c.id DESC LIMIT %s
"""
COLUMNS = "id, username, email, is_admin, created_at, updated_at"
USERS = f"SELECT {COLUMNS} FROM users ORDER BY username"
CREATE = f"""
INSERT INTO users (username, email, password_hash, is_admin) VALUES (%s, lower(%s), %s, %s)
RETURNING {COLUMNS}
"""
UPDATE = f"""
UPDATE users SET username = coalesce(%s, username), email = coalesce(lower(%s), email),
       password_hash = coalesce(%s, password_hash), is_admin = coalesce(%s, is_admin)
WHERE id::text = %s RETURNING {COLUMNS}
"""
DELETE = f"DELETE FROM users WHERE id::text = %s RETURNING {COLUMNS}"


class AdminRoutes:
    """What the admin pages read and save."""

    def __init__(self, database: ApiDatabase, repairs: AppliedRepairs) -> None:
        self.database, self.repairs = database, repairs

    @property
    def routes(self) -> tuple[Route, ...]:
        """None before the repair."""
        return ROUTES if self.repairs.has("admin-routes") else ()

    def answer(self, asked: Asked) -> Answer | None:
        """None for what is none of its routes."""
        if not has_route(self.routes, asked):
            return None
        if asked.method != "GET":
            return self._save(asked)
        if asked.path == "/admin/users":
            return Answer(200, self.database.read(USERS))
        if asked.path == "/admin/care/follow-ups":
            return Answer(200, self.database.read(FOLLOW_UPS, int(asked.query.get("limit", 10))))
        return Answer(200, self._read_metrics())

    def _save(self, asked: Asked) -> Answer:
        key, given = asked.path.rpartition("/")[2], asked.json() if asked.body else {}
        if asked.method == "POST":
            return Answer(201, self.database.read(CREATE, *_columns(given))[0])
        values = [*_columns(given), key] if asked.method == "PATCH" else [key]
        rows = self.database.read(UPDATE if asked.method == "PATCH" else DELETE, *values)
        return Answer(200, rows[0]) if rows else not_found("User not found")

    def _read_metrics(self) -> Row:
        attendance = self.database.read(ATTENDANCE)[0]
        members = self.database.read("SELECT count(*) AS n FROM members")[0]["n"]
        return {
            "attendance": {**attendance, "attendance_rate": 0, "campuses": []},
            "volunteers": {"roles": [], "departments": [], "overall_rate": 0},
            "giving": {"total": 0, "by_currency": {}, "by_method": {}, "monthly": []},
            "assimilation": {"total_members": members, "stages": [], "campuses": []},
        }


def _columns(given: Mapping[str, object]) -> list[object]:
    """Name, address, hash of the password and right, each None where it is not given."""
    password = given.get("password")
    hashed = argon2.PasswordHasher().hash(str(password)) if password else None
    return [given.get("username"), given.get("email"), hashed, given.get("is_admin")]
