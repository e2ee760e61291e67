"""What stands in each column of the old database, as SQL of the row's number and the seed alone."""

from __future__ import annotations

import json
from dataclasses import dataclass

from integrations.sandbox.legacy import words
from integrations.sandbox.legacy.expressions import (
    any_of,
    day,
    loose,
    moment,
    one_to_one,
    person,
    phone,
    pick,
    ref,
    some,
    when,
    yes,
)


@dataclass(frozen=True)
class Table:
    """A table, how many of a thousand rows are its (``share``) or how many it has at least, its columns."""

    name: str
    share: int
    least: int
    columns: dict[str, str]


def _stamps(name: str) -> dict[str, str]:
    return {"created_at": when(f"{name}.c"), "updated_at": when(f"{name}.u")}


CURRENCIES = ["NGN", "NGN", "GHS", "USD", "KES", "EUR", "GBP", "ZAR"]
CONFIG = json.dumps({"mode": "test", "retry": {"max": 3, "wait": [1, 5, 25]}})
BY_PROVIDER = f"{any_of('us.h?', 100)} >= 94"  # users who came by Google or another: they have no password
METHOD = pick("do.p", words.METHODS)
STATUS = (  # only the webhook of Fincra ever sets success; gifts by the others stay pending or failed
    f"CASE WHEN {METHOD} = 'fincra' THEN {pick('do.s', ['success', 'success', 'pending', 'failed'])}"
    f" ELSE {pick('do.o', ['pending', 'pending', 'failed'])} END"
)
REFERENCE = "md5('gift ' || i || ' ' || pg_temp.h(i, 7, 1000000))::uuid::text"

TABLES = [
    Table("churches", 0, 12, {
        "name": pick("ch.n", words.CHURCHES) + " || ' ' || i",
        "address": some("ch.a", 80, pick("ch.a", words.PLACES)),
        "created_at": when("ch.c"),
    }),
    Table("users", 60, 40, {
        "username": "lower(" + pick("us.n", words.FIRST_NAMES) + ") || i",
        # kept as typed: some with capitals, which the new API looks for in small letters
        "email": f"CASE WHEN {any_of('us.e', 100)} < 4 THEN 'User' || i || '@People.invalid'"
        " ELSE 'user' || i || '@people.invalid' END",
        "password_hash": some("us.h", 94, "(%(hashes)s::text[])[1 + " + any_of("us.h", "{hashes}") + "]"),
        "is_admin": f"{any_of('us.ad', 100)} < 2",
        "notification_preferences": loose("us.np", words.PREFERENCES),
        "auth_provider": f"CASE WHEN {BY_PROVIDER} THEN {pick('us.ap', ['google', 'facebook'])} END",
        "auth_provider_id": f"CASE WHEN {BY_PROVIDER} THEN {any_of('us.ai', 10**9)}::text || i END",
    }),
    Table("households", 50, 20, {
        "name": pick("ho.n", words.LAST_NAMES) + " || ' family'",
        "primary_email": some("ho.e", 60, "'household' || i || '@people.invalid'"),
        "primary_phone": phone("ho.p"),
        "address_line1": some("ho.a", 75, pick("ho.a", words.PLACES)),
        "address_line2": some("ho.b", 10, pick("ho.b", ["Flat 2", "Block C", "c/o the parish office"])),
        "city": some("ho.c", 75, pick("ho.c", words.CITIES)),
        "state": some("ho.s", 60, pick("ho.s", words.STATES)),
        "postal_code": some("ho.z", 40, f"lpad({any_of('ho.z', 1_000_000)}::text, 6, '0')"),
        "notes": some("ho.o", 20, pick("ho.o", words.NOTES)),
        "created_at": when("ho.r"),
    }),
    Table("members", 150, 60, {
        "first_name": pick("me.f", words.FIRST_NAMES),
        "last_name": some("me.l", 97, pick("me.l", words.LAST_NAMES)),
        "email": "'member' || i || '@people.invalid'",
        "phone": phone("me.p"),
        "birth_date": some("me.b", 80, f"date '1935-01-01' + {any_of('me.b', 30_000)}"),
        "gender": some("me.g", 70, pick("me.g", ["female", "male"])),
        "marital_status": some("me.ms", 60, pick("me.ms", ["single", "married", "widowed"])),
        "membership_status": some("me.s", 95, pick("me.s", ["guest", "member", "member", "inactive"])),
        "assimilation_stage": some("me.as", 70, pick("me.as", words.STAGES)),
        "campus": some("me.ca", 80, pick("me.ca", words.CAMPUSES)),
        "milestones": loose("me.m", words.MILESTONES),
        "notes": some("me.no", 25, pick("me.no", words.NOTES)),
        "preferred_contact_method": some("me.pc", 60, pick("me.pc", ["email", "phone", "sms"])),
        "joined_at": some("me.j", 80, day("me.j")),
        "last_interaction_at": some("me.li", 50, moment("me.li")),
        "next_follow_up_date": some("me.nf", 20, moment("me.nf")),
        **_stamps("me"),
        "user_id": one_to_one("me.us", 40, "users"),
        "household_id": some("me.ho", 80, ref("me.ho", "households")),
    }),
    Table("care_interactions", 60, 30, {
        "member_id": ref("ca.m", "members"),
        "interaction_type": pick("ca.t", ["call", "visit", "message", "prayer_request"]),
        "interaction_date": moment("ca.i"),
        "notes": some("ca.n", 80, pick("ca.n", words.NOTES)),
        "follow_up_required": yes("ca.f", 25),
        "follow_up_date": some("ca.fd", 25, moment("ca.fd")),
        "created_by_id": some("ca.s", 85, ref("ca.s", "users")),
        "source": some("ca.so", 60, pick("ca.so", ["prayer_form", "phone", "visit"])),
        "extra_data": loose("ca.d", words.DETAILS),
        "created_at": when("ca.c"),
    }),
    Table("prayer_requests", 100, 30, {
        "name": person("pr.n"),
        "email": "'prayer' || i || '@people.invalid'",
        "request": pick("pr.r", words.PRAYERS),
        "created_at": when("pr.c"),
        "is_public": yes("pr.p", 60),
    }),
    Table("ministry_departments", 0, 24, {
        "name": pick("mi.n", words.MINISTRIES) + " || ' ' || i",
        "description": some("mi.d", 70, pick("mi.d", words.NOTES)),
        "lead_id": some("mi.l", 80, ref("mi.l", "users")),
        **_stamps("mi"),
    }),
    Table("volunteer_roles", 0, 120, {
        "department_id": ref("vr.d", "ministry_departments"),
        "name": pick("vr.t", words.SKILLS),
        "description": some("vr.de", 50, pick("vr.de", words.NOTES)),
        "coordinator_id": some("vr.co", 70, ref("vr.co", "users")),
        "needed_volunteers": some("vr.c", 90, f"1 + {any_of('vr.c', 12)}"),
        "is_active": yes("vr.a", 90),
        **_stamps("vr"),
    }),
    Table("volunteer_assignments", 60, 30, {
        "role_id": ref("va.r", "volunteer_roles"),
        "volunteer_id": ref("va.v", "users"),
        "event_id": some("va.e", 60, ref("va.e", "events")),
        "start_date": some("va.st", 90, day("va.st")),
        "end_date": some("va.en", 60, day("va.en")),
        "notes": some("va.n", 30, pick("va.n", words.NOTES)),
        **_stamps("va"),
    }),
    Table("events", 25, 20, {
        "title": pick("ev.t", words.EVENTS),
        "description": some("ev.de", 60, pick("ev.de", words.EVENT_TEXTS)),
        "start_date": moment("ev.s"),
        "end_date": moment("ev.s") + " + interval '2 hours'",
        "location": some("ev.l", 85, pick("ev.l", words.PLACES)),
        "campus": some("ev.c", 80, pick("ev.c", words.CAMPUSES)),
        "recurrence_rule": some("ev.r", 30, pick("ev.r", ["FREQ=WEEKLY;BYDAY=SU", "FREQ=MONTHLY"])),
        "recurrence_end_date": some("ev.r", 10, moment("ev.re")),
        "service_segments": loose("ev.se", words.SEGMENTS),
        "ministry_tags": loose("ev.mt", words.TAGS),
        "department_id": some("ev.d", 60, ref("ev.d", "ministry_departments")),
        "volunteer_role_id": some("ev.v", 40, ref("ev.v", "volunteer_roles")),
    }),
    Table("sermons", 5, 10, {
        "title": pick("se.t", words.SERMONS),
        "description": some("se.d", 60, pick("se.d", words.NOTES)),
        "preacher": some("se.p", 95, person("se.p")),
        "date": when("se.pr"),
        "media_url": some("se.m", 80, "'https://media.invalid/sermons/' || i || '.mp3'"),
        "media_type": some("se.mt", 90, pick("se.mt", ["audio", "video"])),
    }),
    Table("gallery", 5, 10, {
        "title": some("ga.t", 90, pick("ga.t", words.EVENTS)),
        "image_url": "'https://media.invalid/gallery/' || i || '.jpg'",
        "description": some("ga.c", 50, pick("ga.c", words.SERMONS)),
        "created_at": when("ga.cr"),
    }),
    Table("donations", 300, 100, {
        "email": "'donor' || i || '@people.invalid'",
        "amount": f"(100 + {any_of('do.a', 5_000_000)}) / 100.0",
        "currency": f"CASE WHEN {METHOD} = 'paystack' THEN 'NGN' ELSE {pick('do.cu', CURRENCIES)} END",
        "reference": some("do.r", 99, REFERENCE),
        "status": some("do.st", 99, STATUS),
        "payment_method": METHOD,
        "transaction_id": f"CASE WHEN {METHOD} = 'paystack' AND {any_of('do.r?', 100)} < 99 THEN {REFERENCE}"
        f" WHEN {METHOD} = 'stripe' THEN 'cs_test_' || md5('stripe ' || i) END",
        "error_message": f"CASE WHEN {STATUS} = 'failed' THEN {pick('do.em', words.FAILURES)} END",
        "payment_info": loose("do.pi", words.PAYMENT),
        **_stamps("do"),
    }),
    Table("service_integrations", 0, len(words.INTEGRATIONS), {
        **{
            column: "(ARRAY[" + ", ".join(f"'{row[place]}'" for row in words.INTEGRATIONS) + "])[i]"
            for place, column in enumerate(("service", "provider", "display_name"))
        },
        "config": some("si.c", 80, f"'{CONFIG}'::json"),
        "is_active": f"{any_of('si.e', 100)} < 60",
        **_stamps("si"),
    }),
    Table("settings", 0, 1, {
        "business_name": "'Covenant Connect'",
        "logo_url": "'https://media.invalid/logo.svg'",
        "theme_preference": "NULL",
        "addresses": "'null'::json",
        "social_media_links": "NULL",
        "contact_info": """'{"email": "office@covenant.invalid", "phone": null}'::json""",
        "created_at": moment("st.c"),
        "updated_at": moment("st.u"),
    }),
    Table("automations", 0, 20, {
        "name": pick("au.n", ["Welcome", "Birthday", "Missed three Sundays", "Thank the donor"]),
        "trigger": pick("au.t", ["member.created", "donation.completed", "prayer.created", "weekly"]),
        "description": some("au.d", 50, pick("au.d", words.NOTES)),
        "is_active": yes("au.a", 80),
        "default_channel": some("au.c", 80, pick("au.c", ["email", "sms"])),
        "target_department": some("au.td", 50, pick("au.td", words.MINISTRIES)),
        "trigger_filters": loose("au.f", words.DETAILS),
        **_stamps("au"),
    }),
    Table("automation_steps", 0, 60, {
        "automation_id": ref("as.a", "automations"),
        "title": some("as.t", 80, pick("as.t", ["Write", "Wait", "Tell the pastor"])),
        "action_type": pick("as.at", ["email", "sms", "task"]),
        "channel": some("as.c", 60, pick("as.c", ["email", "sms"])),
        "department": some("as.de", 40, pick("as.de", words.MINISTRIES)),
        '"order"': some("as.p", 95, any_of("as.p", 5)),
        "delay_minutes": some("as.d", 90, any_of("as.d", 10_000)),
        "config": loose("as.co", words.DETAILS),
        **_stamps("as"),
    }),
    Table("facilities", 0, 16, {
        "name": pick("fa.n", ["Hall", "Chapel", "Kitchen", "Room"]) + " || ' ' || i",
        "location": some("fa.l", 80, pick("fa.l", words.PLACES)),
        "capacity": any_of("fa.ca", 900),
        "description": some("fa.d", 40, pick("fa.d", words.NOTES)),
        "is_active": yes("fa.ac", 95),
    }),
    Table("resources", 0, 80, {
        "name": pick("re.n", words.THINGS),
        "category": some("re.c", 70, pick("re.c", ["av", "furniture", "transport"])),
        "quantity_available": f"1 + {any_of('re.q', 200)}",
        "description": some("re.d", 30, pick("re.d", words.NOTES)),
        "facility_id": some("re.f", 90, ref("re.f", "facilities")),
        "is_active": yes("re.av", 90),
    }),
    Table("facility_reservations", 20, 15, {
        "event_id": ref("fr.e", "events"),
        "facility_id": ref("fr.f", "facilities"),
        "ministry_name": pick("fr.m", words.MINISTRIES),
        "start_time": moment("fr.st"),
        "end_time": moment("fr.st") + " + interval '3 hours'",
        "status": pick("fr.s", ["requested", "approved", "declined"]),
    }),
    Table("resource_allocations", 20, 15, {
        "reservation_id": ref("ra.r", "facility_reservations"),
        "resource_id": ref("ra.re", "resources"),
        "quantity_requested": f"1 + {any_of('ra.q', 20)}",
        "quantity_approved": some("ra.qa", 60, f"1 + {any_of('ra.qa', 20)}"),
        "notes": some("ra.n", 30, pick("ra.n", words.NOTES)),
    }),
    Table("attendance_records", 145, 40, {
        "event_id": ref("at.e", "events"),
        "role_id": some("at.r", 60, ref("at.r", "volunteer_roles")),
        "volunteer_id": some("at.v", 60, ref("at.v", "users")),
        "check_in_time": when("at.ch"),
        "expected_attendees": some("at.x", 70, any_of("at.x", 400)),
        "checked_in_count": any_of("at.n", 400),
        "notes": some("at.o", 15, pick("at.o", words.NOTES)),
    }),
]  # fmt: skip
