"""The tables that are compared, and the edits that a comparison must find, each of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.benchmarks.parity.servers import Bench

SOURCE, TARGET = "bench_source", "bench_target"

DONATIONS = """create table donations (id bigint, donor_name text, email text, amount numeric(12,2),
  currency text, notes text, created_at timestamptz, meta jsonb, is_recurring boolean, external_ref uuid)"""
DONATION = """select i, 'Donor ' || i, 'donor' || i || '@example.org', (i % 100000) / 7.0,
  (array['EUR','NGN','USD'])[1 + i % 3], case when i % 4 = 0 then 'note ' || i end,
  timestamptz '2020-01-01' + i * interval '17.123457 s',
  jsonb_build_object('ref', i, 'channel', 'web', 'tags', jsonb_build_array('a', i % 7)), i % 5 = 0,
  md5(i::text)::uuid from {numbers} i"""
ATTENDANCE = """create table attendance (id uuid, service_id bigint, status text, seat text,
  checked_in timestamptz, weight float8, extra jsonb, is_online boolean)"""
PRESENT = """select md5('a' || i)::uuid, i % 1000, (array['present','late','excused'])[1 + i % 3],
  'row ' || i % 40,
  case when i % 3 > 0 then timestamptz '2021-03-07' + i * interval '11.000001 s' end,
  case when i % 5 > 0 then i / 3.0::float8 end, case when i % 2 = 0 then jsonb_build_object('n', i) end,
  i % 9 = 0
  from {numbers} i"""


@dataclass(frozen=True)
class Kind:
    """A table: its statement, what fills it from the numbers of its rows, and edits of six rows."""

    name: str
    create: str
    fill: str
    edits: tuple[str, ...]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("donations", DONATIONS, DONATION, (
            "update donations set amount = amount + 0.01 where id = {n} / 9",
            "update donations set meta = meta || '{{\"tags\": [\"b\", 1]}}' where id = {n} / 5 * 2",
            "update donations set notes = null where id = {n} / 16 * 4",
            "delete from donations where id in ({n} / 3, {n} / 7 * 4, {n} - 1)",
        )),
        Kind("attendance", ATTENDANCE, PRESENT, (
            "update attendance set status = 'absent' where id = md5('a' || {n} / 9)::uuid",
            "update attendance set weight = 0.125 where id = md5('a' || {n} / 5 * 2)::uuid",
            "update attendance set seat = 'gallery' where id = md5('a' || {n} / 16 * 4)::uuid",
            "delete from attendance where id in (md5('a' || {n} / 3)::uuid, md5('a' || {n} / 7 * 4)::uuid,"
            " md5('a' || {n} - 1)::uuid)",
        )),
    )
}  # fmt: skip
#: numbers that the source lacks and the target has, so that its extra rows are not all at its end
GAPS = "({n} / 50 * 3, {n} / 6 * 3 + 1, {n} / 50 * 41, {n} / 50 * 46)"
FOUND = (3, 3, 4)  # changed, missing, extra: what the ten edits are


def make_pair(bench: Bench, sizes: dict[str, int], edits: bool = True) -> None:
    """Source and target with these tables (name → rows); the target with ten edits in each."""
    bench.create(SOURCE)
    for name, rows in sizes.items():
        _fill(bench, KINDS[name], rows)
    bench.create(TARGET, template=SOURCE)
    for name, rows in sizes.items() if edits else ():
        kind, numbers = KINDS[name], f"(select i from generate_series(1, {rows}) i where i in {GAPS})"
        extra = f"insert into {name} {kind.fill.format(numbers=numbers.format(n=rows))}"
        bench.run(TARGET, *(statement.format(n=rows) for statement in kind.edits), extra)
    for database in (SOURCE, TARGET):
        bench.run(database, "vacuum analyze")
    bench.run(SOURCE, "checkpoint")


def _fill(bench: Bench, kind: Kind, rows: int) -> None:
    """By two sessions at once: to make sixteen million rows takes longer than to compare them."""
    bench.run(SOURCE, kind.create)
    half = rows // 2
    with ThreadPoolExecutor(2) as pool:
        for low, high in ((1, half), (half + 1, rows)):
            numbers = f"(select i from generate_series({low}, {high}) i where i not in {GAPS})"
            fill = kind.fill.format(numbers=numbers.format(n=rows))
            pool.submit(bench.run, SOURCE, f"insert into {kind.name} {fill}")
    assert bench.value(f"select count(*) from {kind.name}", SOURCE) == rows - FOUND[2]
    bench.run(SOURCE, f"alter table {kind.name} add primary key (id)")


def make_small_tables(bench: Bench, tables: int) -> None:
    """Both sides with many tables of a hundred rows, as a schema of many years has them."""
    bench.create(SOURCE)
    made = (
        "create table t{n} as select i as id, 'name ' || i as name, now() as at"
        " from generate_series(1, 100) i; alter table t{n} add primary key (id)"
    )
    for number in range(tables):
        bench.run(SOURCE, made.format(n=number))
    bench.run(SOURCE, "vacuum analyze")
    bench.create(TARGET, template=SOURCE)


#: changes of types that every program says it compares: each of some rows in a hundred
BATTERY = (
    "update donations set amount = -amount where id % 401 = 3",
    "update donations set donor_name = upper(donor_name) where id % 401 = 9",
    "update donations set notes = '' where notes is null and id % 401 = 17",
    "update donations set notes = null where notes is not null and id % 401 = 25",
    "update donations set is_recurring = not is_recurring where id % 401 = 31",
    "update donations set created_at = created_at + interval '1 second' where id % 401 = 57",
    "update donations set external_ref = md5('other' || id)::uuid where id % 401 = 63",
    "update donations set meta = jsonb_build_object('nested', meta) where id % 401 = 71",
    "update donations d set email = o.email from donations o"
    " where d.id % 401 in (90, 91) and o.id = d.id / 401 * 401 + 181 - d.id % 401",
    "update donations set currency = currency || ' ' where id % 401 = 101",
    "delete from donations where id % 401 = 111",
    "update donations set id = id + 10000000 where id % 401 = 121",
)
