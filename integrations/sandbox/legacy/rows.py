"""What stands in each column of the old database, as SQL of the row's number and the seed alone."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from integrations.sandbox.legacy import words

FIRST_DAY = "2019-01-06 07:30:00"
SECONDS = 216_000_000  # from the first day to the autumn of 2025


def any_of(name: str, n: int | str) -> str:
    """A number from 0 to n-1, by row and name; ``pg_temp.h`` has the seed in it (see seed.py)."""
    return f"pg_temp.h(i, {zlib.crc32(name.encode())}, {n})"


def pick(name: str, choices: Sequence[str], cast: str = "") -> str:
    """One of the texts."""
    listed = ", ".join("'" + choice.replace("'", "''") + "'" for choice in choices)
    picked = f"(ARRAY[{listed}])[1 + {any_of(name, len(choices))}]"
    return f"{picked}::{cast}" if cast else picked


def some(name: str, percent: int, value: str) -> str:
    """The value in that many of a hundred rows, NULL in the others."""
    return f"CASE WHEN {any_of(name + '?', 100)} < {percent} THEN {value} END"


def moment(name: str) -> str:
    """A moment with microseconds, which the new schema rounds to milliseconds."""
    return (
        f"(timestamp '{FIRST_DAY}' + {any_of(name, SECONDS)} * interval '1 second'"
        f" + {any_of(name + 'µ', 1_000_000)} * interval '1 microsecond')"
    )


def when(name: str) -> str:
    """A moment, or NULL in three rows of a hundred: Python's default was not always there."""
    return some(name, 97, moment(name))


def yes(name: str, percent: int = 50) -> str:
    """True, false, or NULL in eight rows of a hundred."""
    return some(name, 92, f"{any_of(name, 100)} < {percent}")


def loose(name: str, choices: Sequence[str]) -> str:
    """One of the json texts exactly as written, or NULL."""
    return some(name, 85, pick(name, choices, "json"))


def ref(name: str, table: str) -> str:
    """The id of a row of another table; ``{users}`` is filled with that table's number of rows."""
    return f"1 + {any_of(name, '{' + table + '}')}"


def person(name: str) -> str:
    """First and last name."""
    return f"{pick(name, words.FIRST_NAMES)} || ' ' || {pick(name + 'l', words.LAST_NAMES)}"


def phone(name: str) -> str:
    """A number that nobody has."""
    return some(name, 70, f"'+234 555 ' || lpad({any_of(name, 10_000_000)}::text, 7, '0')")


@dataclass(frozen=True)
class Table:
    """A table, how many of a thousand rows are its (``share``) or how many it has at least, its columns."""

    name: str
    share: int
    least: int
    columns: dict[str, str]


def _stamps(name: str) -> dict[str, str]:
    return {"created_at": when(f"{name}.c"), "updated_at": when(f"{name}.u")}


CURRENCIES = ["NGN", "NGN", "NGN", "GHS", "USD", "KES", "EUR", "GBP", "ZAR"]
STATUSES = ["completed", "completed", "completed", "pending", "failed", "refunded"]
CONFIG = json.dumps({"mode": "test", "retry": {"max": 3, "wait": [1, 5, 25]}})

TABLES = [
    Table("churches", 0, 12, {
        "name": pick("ch.n", words.CHURCHES) + " || ' ' || i",
        "address": some("ch.a", 80, pick("ch.a", words.PLACES)),
        "created_at": when("ch.c"),
    }),
    Table("users", 60, 40, {
        "email": "'user' || i || '@people.invalid'",
        "password_hash": some("us.h", 94, "(%(hashes)s::text[])[1 + " + any_of("us.h", "{hashes}") + "]"),
        "name": person("us.n"),
        "phone": phone("us.p"),
        "is_admin": yes("us.ad", 2),
        "is_active": yes("us.ac", 96),
        "notification_preference": loose("us.np", words.PREFERENCES),
        "church_id": some("us.ch", 90, ref("us.ch", "churches")),
        "last_login_at": some("us.ll", 60, moment("us.ll")),
        **_stamps("us"),
    }),
    Table("households", 50, 20, {
        "church_id": some("ho.ch", 95, ref("ho.ch", "churches")),
        "name": pick("ho.n", words.LAST_NAMES) + " || ' family'",
        "address": some("ho.a", 75, pick("ho.a", words.PLACES)),
        "phone": phone("ho.p"),
        **_stamps("ho"),
    }),
    Table("members", 150, 60, {
        "user_id": some("me.us", 40, ref("me.us", "users")),
        "household_id": some("me.ho", 80, ref("me.ho", "households")),
        "first_name": pick("me.f", words.FIRST_NAMES),
        "last_name": pick("me.l", words.LAST_NAMES),
        "email": some("me.e", 70, "'member' || i || '@people.invalid'"),
        "phone": phone("me.p"),
        "status": some("me.s", 95, pick("me.s", ["active", "active", "visitor", "moved", "deceased"])),
        "birth_date": some("me.b", 80, f"date '1935-01-01' + {any_of('me.b', 30_000)}"),
        "milestones": loose("me.m", words.MILESTONES),
        "is_baptised": yes("me.ba", 70),
        "joined_at": when("me.j"),
        **_stamps("me"),
    }),
    Table("care_interactions", 60, 30, {
        "member_id": ref("ca.m", "members"),
        "staff_id": some("ca.s", 85, ref("ca.s", "users")),
        "interaction_type": some("ca.t", 95, pick("ca.t", ["call", "visit", "message", "counselling"])),
        "notes": some("ca.n", 80, pick("ca.n", words.NOTES)),
        "follow_up_required": yes("ca.f", 25),
        "details": loose("ca.d", words.DETAILS),
        "interaction_date": when("ca.i"),
        "created_at": when("ca.c"),
    }),
    Table("prayer_requests", 100, 30, {
        "user_id": some("pr.u", 50, ref("pr.u", "users")),
        "name": person("pr.n"),
        "email": some("pr.e", 60, "'prayer' || i || '@people.invalid'"),
        "request": pick("pr.r", words.PRAYERS),
        "is_public": yes("pr.p", 60),
        "is_answered": yes("pr.a", 20),
        "tags": loose("pr.t", words.TAGS),
        **_stamps("pr"),
    }),
    Table("ministry_departments", 0, 24, {
        "church_id": some("mi.ch", 95, ref("mi.ch", "churches")),
        "name": pick("mi.n", words.MINISTRIES) + " || ' ' || i",
        "description": some("mi.d", 70, pick("mi.d", words.NOTES)),
        "lead_id": some("mi.l", 80, ref("mi.l", "users")),
        "settings": loose("mi.s", words.DETAILS),
        **_stamps("mi"),
    }),
    Table("volunteer_roles", 0, 120, {
        "department_id": ref("vr.d", "ministry_departments"),
        "title": pick("vr.t", words.SKILLS),
        "description": some("vr.de", 50, pick("vr.de", words.NOTES)),
        "requirements": loose("vr.r", words.TAGS),
        "capacity": some("vr.c", 90, any_of("vr.c", 12)),
        "is_active": yes("vr.a", 90),
        "created_at": when("vr.cr"),
    }),
    Table("volunteer_assignments", 60, 30, {
        "role_id": ref("va.r", "volunteer_roles"),
        "member_id": ref("va.m", "members"),
        "status": some("va.s", 93, pick("va.s", ["pending", "accepted", "declined"])),
        "hours": some("va.h", 90, f"{any_of('va.h', 4000)} / 100.0"),
        "notes": some("va.n", 30, pick("va.n", words.NOTES)),
        "starts_at": some("va.st", 90, moment("va.st")),
        "ends_at": some("va.en", 60, moment("va.en")),
        "created_at": when("va.c"),
    }),
    Table("events", 25, 20, {
        "church_id": some("ev.c", 95, ref("ev.c", "churches")),
        "department_id": some("ev.d", 60, ref("ev.d", "ministry_departments")),
        "title": pick("ev.t", words.EVENTS),
        "description": some("ev.de", 60, pick("ev.de", words.EVENT_TEXTS)),
        "location": some("ev.l", 85, pick("ev.l", words.PLACES)),
        "starts_at": when("ev.s"),
        "ends_at": some("ev.e", 70, moment("ev.e")),
        "recurrence_rule": some("ev.r", 30, pick("ev.r", ["FREQ=WEEKLY;BYDAY=SU", "FREQ=MONTHLY"])),
        "segments": loose("ev.se", words.SEGMENTS),
        "is_public": yes("ev.p", 80),
    }),
    Table("sermons", 5, 10, {
        "title": pick("se.t", words.SERMONS),
        "preacher": person("se.p"),
        "description": some("se.d", 60, pick("se.d", words.NOTES)),
        "preached_at": when("se.pr"),
        "media_url": some("se.m", 80, "'https://media.invalid/sermons/' || i || '.mp3'"),
        "media_type": some("se.mt", 90, pick("se.mt", ["audio", "video"])),
        "tags": loose("se.tg", words.TAGS),
        "created_at": when("se.c"),
    }),
    Table("gallery", 5, 10, {
        "title": pick("ga.t", words.EVENTS),
        "image_url": "'https://media.invalid/gallery/' || i || '.jpg'",
        "album": some("ga.a", 70, pick("ga.a", words.MINISTRIES)),
        "caption": some("ga.c", 50, pick("ga.c", words.SERMONS)),
        "details": loose("ga.d", words.DETAILS),
        "is_featured": yes("ga.f", 10),
        "created_at": when("ga.cr"),
    }),
    Table("donations", 300, 100, {
        "user_id": some("do.u", 55, ref("do.u", "users")),
        "church_id": some("do.c", 95, ref("do.c", "churches")),
        "donor_name": some("do.n", 85, person("do.n")),
        "donor_email": some("do.e", 75, "'donor' || i || '@people.invalid'"),
        "amount": f"(100 + {any_of('do.a', 5_000_000)}) / 100.0",
        "currency": pick("do.cu", CURRENCIES),
        "status": pick("do.s", STATUSES),
        "provider": some("do.p", 92, pick("do.p", words.SERVICES[:4])),
        "reference": "'CC-' || to_char(i, 'FM000000000')",
        "payment_info": loose("do.pi", words.PAYMENT),
        "is_anonymous": yes("do.an", 15),
        "message": some("do.m", 30, pick("do.m", words.MESSAGES)),
        **_stamps("do"),
    }),
    Table("service_integrations", 0, len(words.SERVICES), {
        "service": "(ARRAY[" + ", ".join(f"'{name}'" for name in words.SERVICES) + "])[i]",
        "config": some("si.c", 80, f"'{CONFIG}'::json"),
        "is_enabled": yes("si.e"),
        "last_sync_at": some("si.l", 60, moment("si.l")),
        "created_at": when("si.cr"),
    }),
    Table("settings", 0, 1, {
        "business_name": "'Covenant Connect'",
        "contact_email": "'office@covenant.invalid'",
        "default_currency": "NULL",
        "theme": """'{"primary": "#5b2a86", "dark": null}'::json""",
        "social_links": "NULL",
        "maintenance": "NULL",
        "updated_at": moment("st.u"),
    }),
    Table("automations", 0, 20, {
        "name": pick("au.n", ["Welcome", "Birthday", "Missed three Sundays", "Thank the donor"]),
        "description": some("au.d", 50, pick("au.d", words.NOTES)),
        "trigger": pick("au.t", ["member.created", "donation.completed", "prayer.created", "weekly"]),
        "trigger_filters": loose("au.f", words.DETAILS),
        "default_channel": some("au.c", 80, pick("au.c", ["email", "sms"])),
        "is_active": yes("au.a", 80),
        "created_by": some("au.b", 80, ref("au.b", "users")),
        "created_at": when("au.cr"),
    }),
    Table("automation_steps", 0, 60, {
        "automation_id": ref("as.a", "automations"),
        "title": some("as.t", 80, pick("as.t", ["Write", "Wait", "Tell the pastor"])),
        "action_type": pick("as.at", ["email", "sms", "task"]),
        "channel": some("as.c", 60, pick("as.c", ["email", "sms"])),
        "position": some("as.p", 95, any_of("as.p", 5)),
        "delay_minutes": some("as.d", 90, any_of("as.d", 10_000)),
        "config": loose("as.co", words.DETAILS),
    }),
    Table("facilities", 0, 16, {
        "church_id": some("fa.c", 95, ref("fa.c", "churches")),
        "name": pick("fa.n", ["Hall", "Chapel", "Kitchen", "Room"]) + " || ' ' || i",
        "location": some("fa.l", 80, pick("fa.l", words.PLACES)),
        "capacity": some("fa.ca", 85, any_of("fa.ca", 900)),
        "amenities": loose("fa.a", words.TAGS),
        "is_active": yes("fa.ac", 95),
        "created_at": when("fa.cr"),
    }),
    Table("resources", 0, 80, {
        "facility_id": some("re.f", 90, ref("re.f", "facilities")),
        "name": pick("re.n", words.THINGS),
        "category": some("re.c", 70, pick("re.c", ["av", "furniture", "transport"])),
        "quantity": some("re.q", 90, f"1 + {any_of('re.q', 200)}"),
        "attributes": loose("re.a", words.DETAILS),
        "is_available": yes("re.av", 90),
        "created_at": when("re.cr"),
    }),
    Table("facility_reservations", 20, 15, {
        "facility_id": ref("fr.f", "facilities"),
        "event_id": some("fr.e", 60, ref("fr.e", "events")),
        "requested_by": some("fr.r", 90, ref("fr.r", "users")),
        "title": pick("fr.t", words.EVENTS),
        "status": some("fr.s", 92, pick("fr.s", ["pending", "approved", "cancelled"])),
        "starts_at": moment("fr.st"),
        "ends_at": f"{moment('fr.st')} + {any_of('fr.len', 8)} * interval '30 minutes'",
        "details": loose("fr.d", words.DETAILS),
        "created_at": when("fr.c"),
    }),
    Table("resource_allocations", 20, 15, {
        "reservation_id": "1 + (i - 1) %% {facility_reservations}",
        "resource_id": "1 + (i * 7 + (i - 1) / {facility_reservations}) %% {resources}",
        "quantity": some("ra.q", 90, f"1 + {any_of('ra.q', 10)}"),
        "notes": some("ra.n", 20, pick("ra.n", words.NOTES)),
        "created_at": when("ra.c"),
    }),
    Table("attendance_records", 145, 40, {
        "event_id": ref("at.e", "events"),
        "member_id": some("at.m", 90, ref("at.m", "members")),
        "source": some("at.s", 90, pick("at.s", ["kiosk", "usher", "app"])),
        "is_first_time": yes("at.f", 6),
        "context": loose("at.c", words.DETAILS),
        "checked_in_at": when("at.ch"),
    }),
]  # fmt: skip
