"""What depends on an object of the live database, by pg_depend: views, rules, triggers, policies, keys."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.sql_review.catalog import Catalog

#: A dependency of a view hangs on its rule _RETURN: the view is what people know. Other rules, ON UPDATE for
#: example, are objects of their own, also where they belong to the table itself.
DEPENDENTS = """
SELECT DISTINCT CASE WHEN r.rulename = '_RETURN'
         THEN pg_describe_object('pg_class'::regclass, r.ev_class, 0)
         WHEN a.attgenerated <> '' THEN 'generated column ' || a.attname
         ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END,
       CASE d.classid
         WHEN 'pg_rewrite'::regclass THEN CASE r.rulename WHEN '_RETURN' THEN 'view' ELSE 'rule' END
         WHEN 'pg_trigger'::regclass THEN 'trigger'
         WHEN 'pg_policy'::regclass THEN 'policy' WHEN 'pg_attrdef'::regclass THEN 'generated'
         WHEN 'pg_constraint'::regclass THEN 'constraint'
         WHEN 'pg_publication_rel'::regclass THEN 'publication'
         ELSE 'other' END,
       r.ev_class IS NOT DISTINCT FROM d.refobjid OR d.classid = 'pg_constraint'::regclass
         AND (SELECT conrelid FROM pg_constraint WHERE oid = d.objid) = d.refobjid
FROM pg_depend d LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
LEFT JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
WHERE d.refclassid = %s::regclass AND d.refobjid = %s AND (%s = 0 OR d.refobjsubid = %s) AND d.deptype = 'n'
  AND (r.rulename IS DISTINCT FROM '_RETURN' OR r.ev_class <> d.refobjid)
ORDER BY 1
"""


@dataclass(frozen=True)
class Dependent:
    """An object that depends on another one. ``is_own``: a constraint or a rule of the same table."""

    description: str
    kind: str
    is_own: bool


def find_dependents(catalog: Catalog, of_class: str, oid: int, column: int = 0) -> list[Dependent]:
    """What would have to go with an object (or with one column of a relation, by its number)."""
    rows = catalog.query(DEPENDENTS, [of_class, oid, column, column])
    return [Dependent(text, kind, bool(own)) for text, kind, own in rows]


def find_column_dependents(catalog: Catalog, oid: int, column: str) -> list[Dependent]:
    """What depends on a column of the live database."""
    rows = catalog.query(
        "SELECT attnum FROM pg_attribute WHERE attrelid = %s AND attname = %s AND NOT attisdropped",
        [oid, column],
    )
    if not rows:
        return []
    number = int(rows[0][0])
    generated = catalog.query(
        "SELECT a.attname FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid "
        "JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum "
        "WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass "
        "AND d.refobjid = %s AND d.refobjsubid = %s AND a.attgenerated <> '' AND a.attnum <> %s",
        [oid, number, number],
    )
    own = [Dependent(f"generated column {name}", "generated", True) for (name,) in generated]
    found = find_dependents(catalog, "pg_class", oid, number)
    return [*found, *(each for each in own if each.description not in {known.description for known in found})]
