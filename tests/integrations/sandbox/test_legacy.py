"""The old database: its tables and quirks, the same rows for the same seed, and what bites."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from cutover.embedded import Postgres
from integrations.sandbox.legacy import seed
from integrations.sandbox.legacy.rows import TABLES
from integrations.sandbox.state import CANARY
from tests.integrations.sandbox.catalogs import read_catalog, recorded
from tests.integrations.sandbox.environments import ROWS, SandboxEnvironment, environment_on

NAMES = {
    "users", "households", "members", "care_interactions", "prayer_requests", "ministry_departments",
    "volunteer_roles", "volunteer_assignments", "events", "sermons", "gallery", "churches", "donations",
    "service_integrations", "settings", "automations", "automation_steps", "facilities", "resources",
    "facility_reservations", "resource_allocations", "attendance_records",
}  # fmt: skip


def digest(environment: SandboxEnvironment, table: str) -> str:
    where = f"where email <> '{CANARY}'" if table == "users" else ""
    query = f"select md5(string_agg(t::text, '|' order by id)) from (select * from {table} {where}) t"
    return str(environment.execute(query)[0][0])


def test_the_old_database_is_the_recorded_one_object_by_object(environment: SandboxEnvironment) -> None:
    facts, found = recorded("old_schema"), read_catalog(environment.admin())
    for name, table in facts["tables"].items():
        assert found["tables"].get(name) == table, name
    assert set(found["tables"]) == set(facts["tables"])
    for part in ("count", "sequences", "other_objects"):
        assert found[part] == facts[part], part
    head = environment.execute("select version_num from alembic_version")
    assert head == [(facts["built_by_alembic"]["head"],)]


def test_the_22_tables_of_the_models_have_as_many_rows_as_were_asked_for(
    environment: SandboxEnvironment,
) -> None:
    counts = [environment.execute(f"select count(*) from {name}")[0][0] for name in NAMES]
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


def test_columns_that_must_not_be_null_on_the_new_side_hold_nulls(environment: SandboxEnvironment) -> None:
    holding = [
        name
        for name in recorded("new_schema")["changed_against_old"]["became_not_null"]
        if environment.execute(_counting(name, "is null"))[0][0]
    ]
    assert len(holding) > 30
    assert {"users.notification_preferences", "donations.payment_info", "donations.status"} <= set(holding)


def test_json_columns_hold_the_null_of_json_as_the_old_code_leaves_it(
    environment: SandboxEnvironment,
) -> None:
    for name in recorded("old_schema")["json_null_seen"]["json_null"]:
        assert environment.execute(_counting(name, "::text = 'null'"))[0][0], name


def _counting(name: str, condition: str) -> str:
    table, column = name.split(".")
    return f'select count(*) from {table} where "{column}" {condition}'


def test_gifts_have_the_states_references_and_methods_of_the_old_code(
    environment: SandboxEnvironment,
) -> None:
    facts = recorded("old_app")["donations"]
    states = {row[0] for row in environment.execute("select distinct status from donations")}
    assert states - {None} == set(facts["statuses"])
    by_method = dict(
        environment.execute(
            "select payment_method, count(*) from donations where status = 'success' group by 1"
        )
    )
    assert set(by_method) == {"fincra"}, "only the webhook of Fincra sets success"
    methods = environment.execute("select distinct payment_method from donations order by 1")
    assert methods == [("fincra",), ("flutterwave",), ("paystack",), ("stripe",)]
    wrong = environment.execute(
        "select count(*) from donations where length(reference) <> 36"
        " or payment_method = 'paystack' and (currency <> 'NGN' or transaction_id <> reference)"
    )
    assert wrong == [(0,)]


def test_nothing_that_the_new_side_makes_unique_is_there_twice(environment: SandboxEnvironment) -> None:
    twice = "select user_id from members where user_id is not null group by 1 having count(*) > 1"
    assert environment.execute(twice) == []
    capitals = environment.execute("select count(*) from users where email <> lower(email)")
    assert capitals[0][0] > 0, "the old code keeps capitals, which the new API does not find"


def test_microseconds_json_texts_and_names_are_as_an_old_application_leaves_them(
    environment: SandboxEnvironment,
) -> None:
    fine = environment.execute(
        "select count(*) from donations where extract(microseconds from created_at)::int % 1000 > 0"
    )
    assert fine[0][0] > 0
    raw = {row[0] for row in environment.execute("select distinct payment_info::text from donations")}
    assert any(text and '"channel": "ussd", "channel": "ussd"' in text for text in raw)
    assert any(text and "\\u00e9" in text for text in raw)
    assert len(environment.execute("select distinct currency from donations")) >= 4
    prayers = "".join(row[0] for row in environment.execute("select distinct request from prayer_requests"))
    assert all(sign in prayers for sign in ("'", '"', "\n", "\\", "🎉"))


def test_hashes_are_werkzeugs_and_the_canary_has_one_of_its_password(environment: SandboxEnvironment) -> None:
    stored = [row[0] for row in environment.execute("select distinct password_hash from users")]
    known = [text for text in stored if text]
    assert None in stored
    assert any(re.fullmatch(r"pbkdf2:sha256:600000\$[0-9a-f]{16}\$[0-9a-f]{64}", text) for text in known)
    assert (
        sum(bool(re.fullmatch(r"scrypt:32768:8:1\$[0-9a-f]{16}\$[0-9a-f]{128}", text)) for text in known) == 4
    )
    canary = environment.execute("select password_hash from users where email = %s", CANARY)[0][0]
    _, salt, made = canary.split("$")
    password = environment.sandbox.state.canary_password.encode()
    again = hashlib.scrypt(password, salt=salt.encode(), n=32768, r=8, p=1, maxmem=2**26)
    assert made == again.hex()


def test_sequences_go_on_after_the_last_row(environment: SandboxEnvironment) -> None:
    name = environment.copy()
    for table in NAMES:
        last = environment.execute(f"select max(id) from {table}", database=name)[0][0]
        following = environment.execute(
            f"select nextval(pg_get_serial_sequence('{table}', 'id'))", database=name
        )
        assert following[0][0] == last + 1, table


def test_the_same_seed_makes_the_same_rows_and_another_seed_others(
    environment: SandboxEnvironment, postgres_server: Postgres, tmp_path: Path
) -> None:
    with (
        environment_on(postgres_server, tmp_path / "same", rows=ROWS, seed=1) as same,
        environment_on(postgres_server, tmp_path / "other", rows=ROWS, seed=2) as other,
    ):
        assert [name for name in NAMES if digest(environment, name) != digest(same, name)] == []
        different = {name for name in NAMES if digest(environment, name) != digest(other, name)}
        assert NAMES - different <= {"settings", "service_integrations"}
