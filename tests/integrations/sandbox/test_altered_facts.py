"""What both stacks were recorded to send is told apart from what was once assumed of them."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from integrations.actions.bullmq_schedules import WantedSchedule, find_wrong_schedules
from integrations.clients.bullmq import JobSchedule
from integrations.clients.http import Response
from integrations.sandbox.facts import load_facts
from integrations.systems import Systems
from integrations.traffic.dual_run.field_comparison import compare_answers
from integrations.traffic.dual_run.read_rules import parse_read_rules
from integrations.traffic.traffic_probe import is_answer_from
from tests.customer_runbook import customer_runbook
from tests.integrations.sandbox import recorded_answers

TEXT = customer_runbook()
ITEMS = {item["key"]: item for phase in TEXT["phases"] for item in phase["items"]}


def test_answers_without_the_recorded_headers_are_nobodys() -> None:
    systems = Systems(TEXT["systems"], {"API_URL": "http://a", "LEGACY_APP_URL": "http://b"})
    recorded = recorded_answers.load("health-live")["response"]
    ours = {name.lower(): value for name, value in recorded["headers"]}

    def fits(headers: Mapping[str, str], body: Any = recorded["body"]) -> bool:
        reply = Response(200, "application/json", json.dumps(body).encode(), 1.0, dict(headers))
        return is_answer_from(reply, "/health/live", systems["api"])

    assert fits(ours)
    assert not fits({"server": "new-api", "content-type": "application/json"})
    assert not fits(ours, {"status": "ok"})
    old = {"access-control-allow-origin": "*", "vary": "Cookie", "server": "gunicorn"}
    for headers, body, right in (
        (old, b"[]", True),
        ({"server": "old-app"}, b"[]", False),
        (ours, b"[]", False),
    ):
        reply = Response(200, "application/json", body, 1.0, headers)
        assert is_answer_from(reply, "/api/events.json", systems["old-app"]) is right


def test_events_under_other_names_differ() -> None:
    """The recorded answers of both stacks, of one database: only the plans of services differ."""
    (rule,) = parse_read_rules(ITEMS["watch-pilot"]["params"]["reads"])
    old = recorded_answers.load("old--events-json")["response"]["body"][:2]
    new = recorded_answers.load("events-list")["response"]["body"]
    known = compare_answers(rule, old, new).differences
    assert {re.sub(r"\[.*?\]", "", one.path) for one in known} == {"events.json.service_segments.title"}
    renamed = [{**one, "starts_at": one["startsAt"], "startsAt": None} for one in new["data"]]
    more = compare_answers(rule, old, {**new, "data": renamed}).differences
    assert {"start", "starts_at"} <= {one.path.rpartition(".")[2] for one in more}


def test_schedules_under_other_names_are_missing() -> None:
    facts = load_facts("queues.json")["schedules"]["list"]
    patterns = {one["job"]: one["pattern"].rpartition(" or ")[2] for one in facts}
    found = [
        JobSchedule(str(n), job, True, 60, pattern, "next", 3, "")
        for n, (job, pattern) in enumerate(patterns.items())
    ]
    params = ITEMS["watch-queue"]["params"]
    wanted = [WantedSchedule({**one, "cron": patterns[one["job"]]}) for one in params["schedules"]]
    assert find_wrong_schedules(wanted, found, params["attempts"]) == []
    names = ("prayer-notifications", "kpi-digest", "automations")
    invented = [replace(one, name=name) for one, name in zip(found, names, strict=True)]
    assert len(find_wrong_schedules(wanted, invented, params["attempts"])) == len(wanted)


def columns(name: str) -> dict[str, dict[str, bool]]:
    """Of each recorded table, whether each column may be NULL."""
    tables = load_facts(name)["tables"]
    return {key: {one["name"]: one["nullable"] for one in table["columns"]} for key, table in tables.items()}


def test_the_declared_differences_are_those_of_the_recorded_schemas() -> None:
    old, new = columns("old_schema.json"), columns("new_schema.json")
    declared = ITEMS["fingerprint-before"]["params"]["declared"]
    both = [table for table in new if table in old]
    added = {(table, column) for table in both for column in new[table].keys() - old[table].keys()}
    assert {(one["table"], one["column"]) for one in declared if one["kind"] == "new_column"} == added
    filled = [one for one in declared if one["kind"] in ("null_is_filled", "null_is_default")]
    required = {
        (table, column)
        for table in both
        for column in new[table].keys() & old[table].keys()
        if old[table][column] and not new[table][column]
    }
    for table, column in required:
        assert [one for one in filled if one["table"] in ("*", table) and one["column"] == column], column
    tables = {one["table"] for one in declared if one["kind"] == "new_table"} - {"_prisma_migrations"}
    assert tables == new.keys() - old.keys() - {"_prisma_migrations"}
    assert [one["table"] for one in declared if one["kind"] == "dropped_table"] == sorted(
        old.keys() - new.keys()
    )


def test_columns_with_personal_data_are_masked() -> None:
    """Names, addresses and credentials of both recorded schemas; `*` stands for any part of a name."""
    old, new = columns("old_schema.json"), columns("new_schema.json")
    personal = ITEMS["fingerprint-before"]["params"]["personal"]
    found = {f"{table}.{column}" for schema in (old, new) for table in schema for column in schema[table]}
    assert not [pattern for pattern in personal if not fnmatch.filter(found, pattern)]
    words = re.compile(
        "email|phone|password|token|credentials|first_name|last_name|address|birth|provider_id$"
    )
    missed = {one for one in found if words.search(one.partition(".")[2])}
    missed = {one for one in missed if not any(fnmatch.fnmatch(one, pattern) for pattern in personal)}
    assert missed == {"churches.address"}, "a church's address is public"
