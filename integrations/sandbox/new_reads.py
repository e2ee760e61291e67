"""The new API's lists and single records, column by column as Prisma names them.

The shapes: `customer/api.json` and `customer/answers/`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from integrations.sandbox.new_database import ApiDatabase, Row, number, without_nulls
from integrations.sandbox.new_errors import invalid_fields, not_found
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Asked

# Prisma always names every column of its model: a column that is missing fails the whole read.
#: as recorded: gifts with the same time come in no order (here not by their ids, on which nobody may rely)
DONATIONS = """
SELECT id, email, amount, currency, reference, status, payment_method, transaction_id, error_message,
       payment_info, created_at, updated_at, member_id
FROM donations ORDER BY created_at DESC, md5(id::text) LIMIT %s OFFSET %s
"""
EVENTS = """
SELECT id, title, description, start_date, end_date, location, campus, recurrence_rule, recurrence_end_date,
       service_segments, ministry_tags, department_id, volunteer_role_id, created_at, timezone, updated_at
FROM events ORDER BY start_date, id LIMIT %s OFFSET %s
"""
PRAYER_COLUMNS = (
    "id, name, email, request, created_at, is_public, follow_up_at, member_id, phone, status, updated_at"
)
PRAYER = f"SELECT {PRAYER_COLUMNS} FROM prayer_requests ORDER BY created_at DESC"
NEW_PRAYER = f"""
INSERT INTO prayer_requests (name, email, request, phone, member_id) VALUES (%s, %s, %s, %s, %s)
RETURNING {PRAYER_COLUMNS}
"""
CHURCH = (
    "SELECT id, name, address, created_at, timezone, country, state, city, settings, updated_at FROM churches"
)
SERMONS = """
SELECT id, title, description, preacher, date, media_url, media_type
FROM sermons ORDER BY date DESC LIMIT %s OFFSET %s
"""
PROVIDERS = """
SELECT id, type, name, credentials, is_active, created_at, updated_at FROM email_providers ORDER BY created_at
"""
INTEGRATIONS = (
    "SELECT id, provider, config, created_at, updated_at FROM integration_settings ORDER BY provider"
)
#: fixed text in memory: it answers on any database and proves nothing about one
HOME = {
    "heroTitle": "Welcome",
    "heroSubtitle": "A place to gather, to give and to be prayed for.",
    "highlights": ["Services every week", "Groups for everybody", "Prayer at any time"],
    "nextSteps": [
        {"label": label, "url": url}
        for label, url in (
            ("Dashboard", "/dashboard"),
            ("Events", "/events"),
            ("Give", "/donations"),
            ("Pray", "/prayer"),
            ("Admin", "/admin"),
            ("Plugin", "/solutions/wordpress-plugin"),
        )
    ],
}


class Reads:
    """Everything that is not an account, a payment, a webhook, a job or the API's health."""

    def __init__(self, database: ApiDatabase, repairs: AppliedRepairs) -> None:
        self.database, self.repairs = database, repairs
        self.lists: dict[str, Callable[[Mapping[str, str]], Answer]] = {
            "/donations": self._list_donations,
            "/events": self._list_events,
            "/events/calendar.ics": lambda query: self._read_calendar(),
            "/prayer/requests": lambda query: self._list_prayers(),
            "/churches": lambda query: self._list(CHURCH + " ORDER BY id", describe_church),
            "/content/home": lambda query: Answer(200, HOME),
            "/content/sermons": self._list_sermons,
            "/reports/dashboard": lambda query: self._report(),
            "/integrations": lambda query: self._list(INTEGRATIONS, describe_integration),
            "/email/providers": lambda query: self._list(PROVIDERS, describe_email_provider),
        }

    def answer(self, asked: Asked) -> Answer | None:
        """None for another path."""
        if asked.method == "GET" and asked.path in self.lists:
            return self.lists[asked.path](asked.query)
        if asked.method == "GET" and asked.path.startswith("/churches/"):
            return self._read_church(asked.path.removeprefix("/churches/"))
        if (asked.method, asked.path) == ("POST", "/prayer/requests"):
            return self._ask_for_prayer(asked.json() if asked.body else {})
        return None

    def _list(self, query: str, describe: Callable[[Row], Row]) -> Answer:
        return Answer(200, [describe(row) for row in self.database.read(query)])

    def _list_donations(self, query: Mapping[str, str]) -> Answer:
        """The one list that checks what it is asked for."""
        unknown = [f"property {name} should not exist" for name in query if name not in ("page", "pageSize")]
        small = [f"{name} must not be less than 1" for name in query if query[name] == "0"]
        if unknown or small:
            return invalid_fields([*unknown, *small])
        return self._page("donations", DONATIONS, query, describe_donation)

    def _list_events(self, query: Mapping[str, str]) -> Answer:
        describe = partial(describe_event, old_plans=self.repairs.has("event-segments"))
        return self._page("events", EVENTS, query, describe)

    def _read_calendar(self) -> Answer:
        """All events, as calendars read them."""
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Covenant Connect//EN"]
        for row in self.database.read(EVENTS, None, 0):
            begin, end = (row[name].strftime("%Y%m%dT%H%M%SZ") for name in ("start_date", "end_date"))
            lines += ["BEGIN:VEVENT", f"UID:{row['id']}", f"SUMMARY:{row['title']}"]
            lines += [f"DTSTART:{begin}", f"DTEND:{end}", "END:VEVENT"]
        text = "\n".join([*lines, "END:VCALENDAR"])
        return Answer(200, text, {"Content-Type": "text/calendar; charset=utf-8"})

    def _list_sermons(self, query: Mapping[str, str]) -> Answer:
        return self._page("sermons", SERMONS, query, describe_sermon, most=100)

    def _page(
        self,
        table: str,
        query: str,
        asked: Mapping[str, str],
        describe: Callable[[Row], Row],
        most: int | None = None,
    ) -> Answer:
        """A page that is no number raises ValueError, which ends as a 500, as it was recorded."""
        page, size = int(asked.get("page", 1)), int(asked.get("pageSize", 25))
        size = min(size, most) if most else size
        rows = self.database.read(query, size, (page - 1) * size)
        total = self.database.read(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        data = [describe(row) for row in rows]
        return Answer(200, {"data": data, "total": total, "page": page, "pageSize": size})

    def _list_prayers(self) -> Answer:
        """All of them on one page, also those that are not public."""
        data = [describe_prayer(row) for row in self.database.read(PRAYER)]
        return Answer(200, {"data": data, "total": len(data), "page": 1, "pageSize": len(data)})

    def _ask_for_prayer(self, given: Mapping[str, Any]) -> Answer:
        missing = [name for name in ("requesterName", "message") if not given.get(name)]
        if missing and self.repairs.has("missing-fields"):
            return invalid_fields([f"{name} must be a string" for name in missing])
        names = ("requesterName", "requesterEmail", "message", "requesterPhone", "memberId")
        row = self.database.read(NEW_PRAYER, *(given.get(name) for name in names))[0]
        return Answer(201, describe_prayer(row))

    def _read_church(self, key: str) -> Answer:
        rows = self.database.read(f"{CHURCH} WHERE id::text = %s", key)
        return Answer(200, describe_church(rows[0])) if rows else not_found("Church not found")

    def _report(self) -> Answer:
        """Four figures of the newest hundred gifts, over all currencies and statuses."""
        gifts = self.database.read(DONATIONS, 100, 0)
        events = self.database.read(EVENTS, 50, 0)
        prayers = self.database.read(PRAYER)
        figures = {
            "Total Giving": sum(float(gift["amount"]) for gift in gifts),
            "Completed Donations": sum(gift["status"] == "completed" for gift in gifts),
            "Upcoming Events": len(events),
            "Open Prayer Requests": sum(prayer["status"] != "answered" for prayer in prayers),
        }
        return Answer(200, {"kpis": [{"label": label, "value": value} for label, value in figures.items()]})


def describe_donation(row: Row) -> Row:
    """A gift, without its giver's address and its reference."""
    return {
        "id": str(row["id"]),
        "memberId": None if row["member_id"] is None else str(row["member_id"]),
        "amount": number(row["amount"]),
        "currency": row["currency"],
        "provider": row["payment_method"],
        "status": row["status"],
        "metadata": row["payment_info"] or {},
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


def describe_event(row: Row, *, old_plans: bool = False) -> Row:
    """An event; a segment without an id gets a new one at every answer, until ``old_plans`` are read."""
    plan = row["service_segments"] or []
    plan = [as_segment(one, number) for number, one in enumerate(plan)] if old_plans else plan
    optional = without_nulls({"description": row["description"], "recurrenceRule": row["recurrence_rule"]})
    return {
        "id": str(row["id"]),
        "title": row["title"],
        **optional,
        "startsAt": row["start_date"],
        "endsAt": row["end_date"],
        "timezone": row["timezone"],
        "segments": [describe_segment(one) for one in plan],
        "tags": row["ministry_tags"] or [],
        "location": row["location"] or "",
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


def as_segment(given: Any, number: int) -> Any:
    """A segment of the old application by the new names, with an id that stays."""
    if not isinstance(given, dict) or "title" not in given:
        return given
    minutes = re.match(r"\d+", str(given.get("duration") or ""))
    return {"id": str(number), "name": given["title"], "durationMinutes": int(minutes[0]) if minutes else 0}


def describe_segment(given: Any) -> Row:
    """A segment of the old application has other names: of it nothing is left."""
    known = given if isinstance(given, dict) else {}
    return {
        "id": known.get("id") or str(uuid.uuid4()),
        "name": known.get("name") or "Segment",
        "startOffsetMinutes": known.get("startOffsetMinutes") or 0,
        "durationMinutes": known.get("durationMinutes") or 0,
        "ownerId": known.get("ownerId"),
    }


def describe_prayer(row: Row) -> Row:
    """A request; whether it is public is not told."""
    return without_nulls(
        {
            "id": str(row["id"]),
            "requesterName": row["name"],
            "requesterEmail": row["email"],
            "requesterPhone": row["phone"],
            "memberId": row["member_id"],
            "message": row["request"],
            "status": row["status"],
            "followUpAt": row["follow_up_at"],
            "createdAt": row["created_at"],
            "updatedAt": row["updated_at"],
        }
    )


def describe_church(row: Row) -> Row:
    """A church."""
    named = {name: row[name] for name in ("name", "timezone", "address", "country", "state", "city")}
    times = {"createdAt": row["created_at"], "updatedAt": row["updated_at"]}
    return without_nulls({"id": str(row["id"]), **named, "settings": row["settings"] or {}, **times})


def describe_sermon(row: Row) -> Row:
    """A sermon; its id is a number."""
    named = {name: row[name] for name in ("id", "title", "description", "preacher", "date")}
    return {**named, "mediaUrl": row["media_url"], "mediaType": row["media_type"]}


def describe_integration(row: Row) -> Row:
    """Settings of an integration, keys in clear."""
    named = {name: row[name] for name in ("id", "provider", "config")}
    return {**named, "createdAt": row["created_at"], "updatedAt": row["updated_at"]}


def describe_email_provider(row: Row) -> Row:
    """A mail service, credentials in clear."""
    named = {name: row[name] for name in ("id", "type", "name", "credentials")}
    times = {"createdAt": row["created_at"], "updatedAt": row["updated_at"]}
    return {**named, "isActive": row["is_active"], **times}
