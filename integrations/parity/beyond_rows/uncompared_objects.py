"""Kinds of objects that are never compared: each result says how many of them there are."""

from __future__ import annotations

from psycopg import sql

from integrations.parity.beyond_rows.object_kinds import placeholders, without_members
from integrations.parity.server.snapshot import Snapshot

#: Kind → its catalog, and where its objects (x) are found. Members of extensions are left out.
CATALOGS = {
    "aggregates": (
        "pg_proc",
        "pg_proc x join pg_namespace n on n.oid = x.pronamespace where x.prokind = 'a' and {schemas}",
    ),
    "casts": ("pg_cast", "pg_cast x where true"),
    "collations": (
        "pg_collation",
        "pg_collation x join pg_namespace n on n.oid = x.collnamespace where {schemas}",
    ),
    "conversions": (
        "pg_conversion",
        "pg_conversion x join pg_namespace n on n.oid = x.connamespace where {schemas}",
    ),
    "event triggers": ("pg_event_trigger", "pg_event_trigger x where true"),
    "extended statistics": (
        "pg_statistic_ext",
        "pg_statistic_ext x join pg_namespace n on n.oid = x.stxnamespace where {schemas}",
    ),
    "foreign servers": ("pg_foreign_server", "pg_foreign_server x where true"),
    "operator classes": (
        "pg_opclass",
        "pg_opclass x join pg_namespace n on n.oid = x.opcnamespace where {schemas}",
    ),
    "operators": (
        "pg_operator",
        "pg_operator x join pg_namespace n on n.oid = x.oprnamespace where {schemas}",
    ),
    "procedural languages": ("pg_language", "pg_language x where x.lanispl"),
    "rules": (
        "pg_rewrite",
        "pg_rewrite x join pg_class c on c.oid = x.ev_class join pg_namespace n on n.oid = c.relnamespace"
        " where x.rulename <> '_RETURN' and {relations}",
    ),
    "text search configurations": (
        "pg_ts_config",
        "pg_ts_config x join pg_namespace n on n.oid = x.cfgnamespace where {schemas}",
    ),
    "text search dictionaries": (
        "pg_ts_dict",
        "pg_ts_dict x join pg_namespace n on n.oid = x.dictnamespace where {schemas}",
    ),
    "transforms": ("pg_transform", "pg_transform x where true"),
}  # fmt: skip

#: Kind → where its objects are found, where objects have no oid of their own, or belong to others.
OTHERS = {
    "comments": (
        "from pg_description x where x.objoid >= 16384 and not exists (select from pg_depend e"
        " where e.classid = x.classoid and e.objid = x.objoid and e.deptype = 'e')"
    ),
    "default privileges": "from pg_default_acl",
    "indexes of single partitions": (
        "from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where c.relispartition and not i.relispartition and {relations}"
    ),
    "constraints of single partitions": (
        "from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n"
        " on n.oid = c.relnamespace where c.relispartition and k.conparentid = 0 and k.coninhcount = 0"
        " and k.contype in ('p', 'u', 'c', 'f', 'x') and {relations}"
    ),
    "triggers of single partitions": (
        "from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace"
        " where c.relispartition and t.tgparentid = 0 and not t.tgisinternal and {relations}"
    ),
    "replica identities": (
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p') and c.relreplident <> 'd' and {relations}"
    ),
    "storage parameters": (
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind <> 'v' and c.reloptions is not null and {relations}"
    ),
    "tables and indexes in other tablespaces": (
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.reltablespace <> 0 and {relations}"
    ),
    "security labels": "from pg_seclabel x where x.objoid >= 16384",
    "settings of roles in this database": (
        "from pg_db_role_setting x join pg_database d on d.oid = x.setdatabase"
        " where d.datname = current_database()"
    ),
    "other tables of extensions": (
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_depend e"
        " on e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e'"
        " join pg_extension x on x.oid = e.refobjid"
        " where c.relkind in ('r', 'p') and {schemas} and c.oid <> all(coalesce(x.extconfig, '{{}}'))"
    ),
    "user mappings": "from pg_user_mappings",
}

NAMES = (*CATALOGS, *OTHERS)


def count_uncompared(snapshot: Snapshot, schemas: tuple[str, ...]) -> dict[str, int]:
    """Kind → number of objects, without those of the system and of extensions."""
    named = placeholders(schemas)
    parts = [
        sql.SQL("select {}, count(*) from {} and {}").format(
            sql.Literal(kind), sql.SQL(text).format(**named), without_members(catalog, "x.oid"),
        )
        for kind, (catalog, text) in CATALOGS.items()
    ]  # fmt: skip
    parts += [
        sql.SQL("select {}, count(*) {}").format(sql.Literal(kind), sql.SQL(text).format(**named))
        for kind, text in OTHERS.items()
    ]
    return {kind: count for kind, count in snapshot.fetch_rows(sql.SQL(" union all ").join(parts)) if count}
