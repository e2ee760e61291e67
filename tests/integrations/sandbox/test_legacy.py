"""The old database: its tables and quirks, the same rows for the same seed, and what bites."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from cutover.embedded import Postgres
from integrations.sandbox.legacy import seed
from integrations.sandbox.legacy.rows import TABLES
from integrations.sandbox.node import SOURCE
from integrations.sandbox.variables import CANARY
from tests.integrations.sandbox.estates import ROWS, Estate, estate_on

NAMES = {
    "users", "households", "members", "care_interactions", "prayer_requests", "ministry_departments",
    "volunteer_roles", "volunteer_assignments", "events", "sermons", "gallery", "churches", "donations",
    "service_integrations", "settings", "automations", "automation_steps", "facilities", "resources",
    "facility_reservations", "resource_allocations", "attendance_records",
}  # fmt: skip


def columns(estate: Estate) -> dict[tuple[str, str], tuple[str, bool]]:
    """(table, column) → type as PostgreSQL writes it, may it be NULL."""
    rows = estate.execute(
        "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), not a.attnotnull"
        " from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0"
    )
    return {(table, column): (kind, null) for table, column, kind, null in rows}


def digest(estate: Estate, table: str) -> str:
    where = f"where email <> '{CANARY}'" if table == "users" else ""
    query = f"select md5(string_agg(t::text, '|' order by id)) from (select * from {table} {where}) t"
    return str(estate.execute(query)[0][0])


def test_the_22_tables_have_as_many_rows_as_were_asked_for(estate: Estate) -> None:
    assert {table for table, _ in columns(estate)} == NAMES
    counts = [estate.execute(f"select count(*) from {name}")[0][0] for name in NAMES]
    assert sum(counts) == ROWS
    assert min(counts) >= 1


@pytest.mark.parametrize("rows", [1_000, 1_001, 200_000, 10_000_000])
def test_the_sizes_add_up(rows: int) -> None:
    found = seed.sizes(rows)
    assert sum(found.values()) == rows
    assert set(found) == NAMES
    assert all(found[table.name] >= table.least for table in TABLES)


def test_fewer_rows_than_the_small_tables_have_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        seed.sizes(999)


def test_the_types_are_those_of_sqlalchemy(estate: Estate) -> None:
    found = columns(estate)
    kinds = {kind for kind, _ in found.values()}
    assert not kinds & {"jsonb", "timestamp(3) without time zone"}
    assert found["donations", "payment_info"] == ("json", True)
    assert found["donations", "created_at"] == ("timestamp(6) without time zone", True)
    assert found["donations", "amount"] == ("numeric(10,2)", False)
    assert found["users", "is_admin"] == ("boolean", True)
    assert found["users", "email"] == ("character varying(120)", False)
    defaults = estate.execute(
        "select table_name, column_default from information_schema.columns"
        " where table_schema = 'public' and column_default is not null"
    )
    assert {default for _, default in defaults} == {f"nextval('{name}_id_seq'::regclass)" for name in NAMES}


def test_columns_that_must_not_be_null_on_the_new_side_hold_nulls(estate: Estate) -> None:
    sql = (SOURCE / "prisma/migrations/20250922022205_init/migration.sql").read_text()
    found, holding = columns(estate), []
    for table, body in re.findall(r'CREATE TABLE "(\w+)" \((.*?)\n\);', sql, re.S):
        for column in re.findall(r'"(\w+)" [^,\n]* NOT NULL', body):
            if found.get((table, column), ("", False))[1]:
                nulls = estate.execute(f"select count(*) from {table} where {column} is null")[0][0]
                holding += [f"{table}.{column}"] * bool(nulls)
    assert len(holding) > 40
    assert {"users.notification_preference", "donations.payment_info", "events.is_public"} <= set(holding)


def test_microseconds_json_texts_and_names_are_as_an_old_application_leaves_them(estate: Estate) -> None:
    fine = estate.execute(
        "select count(*) from donations where extract(microseconds from created_at)::int % 1000 > 0"
    )
    assert fine[0][0] > 0
    raw = {row[0] for row in estate.execute("select distinct payment_info::text from donations")}
    assert any(text and '"channel": "ussd", "channel": "ussd"' in text for text in raw)
    assert any(text and "\\u00e9" in text for text in raw)
    assert len(estate.execute("select distinct currency from donations")) >= 4
    assert len(estate.execute("select distinct status from donations")) == 4
    prayers = "".join(row[0] for row in estate.execute("select distinct request from prayer_requests"))
    assert all(sign in prayers for sign in ("'", '"', "\n", "\\", "🎉"))


def test_hashes_are_werkzeugs_and_the_canary_has_one_of_its_password(estate: Estate) -> None:
    stored = [row[0] for row in estate.execute("select distinct password_hash from users")]
    known = [text for text in stored if text]
    assert None in stored
    assert any(re.fullmatch(r"pbkdf2:sha256:600000\$[0-9a-f]{16}\$[0-9a-f]{64}", text) for text in known)
    assert (
        sum(bool(re.fullmatch(r"scrypt:32768:8:1\$[0-9a-f]{16}\$[0-9a-f]{128}", text)) for text in known) == 4
    )
    canary = estate.execute("select password_hash from users where email = %s", CANARY)[0][0]
    _, salt, made = canary.split("$")
    password = estate.sandbox.state.canary_password.encode()
    again = hashlib.scrypt(password, salt=salt.encode(), n=32768, r=8, p=1, maxmem=2**26)
    assert made == again.hex()


def test_sequences_go_on_after_the_last_row(estate: Estate) -> None:
    name = estate.copy()
    for table in NAMES:
        last = estate.execute(f"select max(id) from {table}", database=name)[0][0]
        following = estate.execute(f"select nextval(pg_get_serial_sequence('{table}', 'id'))", database=name)
        assert following[0][0] == last + 1, table


def test_the_same_seed_makes_the_same_rows_and_another_seed_others(
    estate: Estate, postgres_server: Postgres, tmp_path: Path
) -> None:
    with (
        estate_on(postgres_server, tmp_path / "same", rows=ROWS, seed=1) as same,
        estate_on(postgres_server, tmp_path / "other", rows=ROWS, seed=2) as other,
    ):
        assert [name for name in NAMES if digest(estate, name) != digest(same, name)] == []
        different = {name for name in NAMES if digest(estate, name) != digest(other, name)}
        assert NAMES - different <= {"settings", "service_integrations"}
