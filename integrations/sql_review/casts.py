"""What the live database says of types and functions: which casts it makes by itself, and what varies."""

from __future__ import annotations

import psycopg

from integrations.sql_review.catalog import Catalog


def can_reference(catalog: Catalog, own: str, theirs: str) -> bool:
    """Whether a foreign key of one type can refer to a key of the other; yes where they are not known."""
    rows = catalog.query(
        "SELECT o.oid = t.oid OR o.typbasetype = t.oid OR EXISTS (SELECT FROM pg_cast "
        "WHERE castsource = o.oid AND casttarget = t.oid AND castcontext = 'i') "
        "OR (o.typname IN ('int2', 'int4', 'int8') AND t.typname IN ('int2', 'int4', 'int8')) "
        "FROM pg_type o, pg_type t WHERE o.oid = to_regtype(%s) AND t.oid = to_regtype(%s)",
        [own, theirs],
    )
    return bool(rows[0][0]) if rows else True


def can_assign(catalog: Catalog, old: str, new: str) -> bool:
    """Whether a value of one type can be assigned to the other; yes where the types are not known."""
    try:
        rows = catalog.query(
            "SELECT o.oid = n.oid OR n.typcategory = 'S' OR EXISTS (SELECT FROM pg_cast "
            "WHERE castsource = o.oid AND casttarget = n.oid AND castcontext IN ('a', 'i')) "
            "OR coalesce(nullif(o.typelem, 0), o.oid) = n.typbasetype OR o.typbasetype = n.oid "
            "OR (o.typelem <> 0 AND n.typelem <> 0) "
            "FROM pg_type o, pg_type n WHERE o.oid = to_regtype(%s) AND n.oid = to_regtype(%s)",
            [old, new],
        )
    except psycopg.Error:
        return True
    return bool(rows[0][0]) if rows else True


def is_same_bytes(catalog: Catalog, old: str, new: str) -> bool:
    """Whether values of one type are values of the other as they are: then none can stop a change of type."""
    return bool(
        catalog.query(
            "SELECT 1 FROM pg_cast WHERE castsource = to_regtype(%s) AND casttarget = to_regtype(%s) "
            "AND castmethod = 'b' AND castcontext IN ('a', 'i')",
            [old, new],
        )
    )


def is_stable_to_text(catalog: Catalog, type_name: str) -> bool:
    """Whether values of a type look the same as text whatever the settings and labels are."""
    return not catalog.query(
        "SELECT 1 FROM pg_type WHERE typname = %s AND (typtype = 'e' OR typcategory = 'D' "
        "OR typname IN ('timestamptz', 'timetz', 'interval', 'money', 'float4', 'float8'))",
        [type_name],
    )


def is_immutable(catalog: Catalog, function: str) -> bool:
    """Whether every function of that name always gives the same result for the same values."""
    return not catalog.query("SELECT 1 FROM pg_proc WHERE proname = %s AND provolatile <> 'i'", [function])


def is_checked_domain(catalog: Catalog, name: str) -> bool:
    """Whether a type of that name is a domain with NOT NULL or a CHECK."""
    return bool(
        catalog.query(
            "SELECT 1 FROM pg_type t WHERE t.typname = %s AND t.typtype = 'd' AND (t.typnotnull "
            "OR EXISTS (SELECT FROM pg_constraint WHERE contypid = t.oid))",
            [name],
        )
    )
