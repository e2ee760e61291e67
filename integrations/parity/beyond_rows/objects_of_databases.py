"""Kinds of objects that belong to no table: types, views, functions, settings, publications and others."""

from __future__ import annotations

from integrations.parity.beyond_rows.object_kinds import ObjectKind
from integrations.parity.beyond_rows.view_texts import view_differs

ENUMS = ObjectKind(
    "enums",
    """
select {database}, {type_label}, (select string_agg(quote_literal(l.enumlabel), ', ' order by l.enumsortorder)
                                    from pg_enum l where l.enumtypid = t.oid)
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typtype = 'e' and {types}""",
)

DOMAINS = ObjectKind(
    "domains",
    """
select {database}, {type_label}, concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
         case when t.typnotnull then 'not null' end, 'default ' || t.typdefault,
         (select string_agg(pg_get_constraintdef(k.oid), ' ' order by pg_get_constraintdef(k.oid))
            from pg_constraint k where k.contypid = t.oid and k.contype = 'c'))
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typtype = 'd' and {types}""",
)

TYPES = ObjectKind(
    "composite and range types",
    """
select {database}, {type_label}, (select string_agg(quote_ident(a.attname) || ' '
                                      || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
                                    from pg_attribute a
                                   where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
  join pg_class c on c.oid = t.typrelid and c.relkind = 'c' where t.typtype = 'c' and {types}
union all
select {database}, {type_label}, 'range of ' || format_type(g.rngsubtype, null)
  from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_range g on g.rngtypid = t.oid
 where {types}""",
)

VIEWS = ObjectKind(
    "views",
    """
select {database}, {label}, concat_ws(' ', 'with (' || array_to_string(c.reloptions, ', ') || ')',
                                      pg_get_viewdef(c.oid))
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'v' and {relations}""",
    differs=view_differs,
)

MATERIALIZED_VIEWS = ObjectKind(
    "materialized views",
    """
select {database}, {label}, case when c.relispopulated then '' else '(not populated: it cannot be read) ' end
                            || pg_get_viewdef(c.oid)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm' and {relations}""",
    differs=view_differs,
)

FOREIGN_TABLES = ObjectKind(
    "foreign tables",
    """
select {database}, {label}, concat_ws(' ', 'server', quote_ident(s.srvname), '('
         || (select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', '
                               order by a.attname) from pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) || ')')
  from pg_foreign_table f join pg_class c on c.oid = f.ftrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_foreign_server s on s.oid = f.ftserver where {relations}""",
)

TRIGGER_FUNCTIONS = ObjectKind(
    "functions of triggers",
    """
select {database}, {function_label}, pg_get_functiondef(p.oid)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype) and {functions}""",
    digest=True,
)

FUNCTIONS = ObjectKind(
    "functions",
    """
select {database}, {function_label}, pg_get_functiondef(p.oid)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where p.prokind <> 'a' and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
   and {functions}""",
    judged=False,
    digest=True,
)

EXTENSIONS = ObjectKind(
    "extensions",
    "select {database}, x.extname::text, 'version ' || x.extversion from pg_extension x",
    judged=False,
)

SETTINGS = ObjectKind(
    "settings",
    """
select {database}, s.name, s.value from pg_database d, lateral (values
    ('encoding', pg_encoding_to_char(d.encoding)::text), ('collation', d.datcollate::text),
    ('character types', d.datctype::text)) s(name, value)
 where d.datname = current_database()""",
    judged=False,
)

OWNERS = ObjectKind(
    "owners",
    """
select {label}, 'owner', pg_get_userbyid(c.relowner)::text
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and {relations}
union all
select {database}, 'schema ' || n.nspname, pg_get_userbyid(n.nspowner)::text
  from pg_namespace n where {schemas}
union all
select {database}, {function_label}, pg_get_userbyid(p.proowner)::text
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {functions}""",
    judged=False,
)

#: All privileges of a table are other letters since PostgreSQL 17 (m: MAINTAIN).
GRANTS = ObjectKind(
    "grants",
    """
select g.place, g.name, (select string_agg(replace(textin(aclitemout(a)), '=arwdDxtm/', '=arwdDxt/'), ', '
                                           order by textin(aclitemout(a)) collate "C") from unnest(g.acl) a)
  from (
    select {label}, 'grants', c.relacl from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and {relations}
    union all
    select {label}, 'grants on ' || a.attname, a.attacl
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where not a.attisdropped and {relations}
    union all select {database}, 'schema ' || n.nspname, n.nspacl from pg_namespace n where {schemas}
    union all select {database}, {function_label}, p.proacl
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {functions}
  ) g(place, name, acl) where g.acl is not null""",
    judged=False,
)

PUBLICATIONS = ObjectKind(
    "publications",
    """
select {database}, p.pubname::text, concat_ws(' ', case when p.pubinsert then 'insert' end,
         case when p.pubupdate then 'update' end, case when p.pubdelete then 'delete' end,
         case when p.pubtruncate then 'truncate' end, 'of', case when p.puballtables then 'all tables' else
           (select string_agg(concat_ws('.', quote_ident(t.schemaname), quote_ident(t.tablename)), ', '
                              order by t.schemaname, t.tablename)
              from pg_publication_tables t where t.pubname = p.pubname) end)
  from pg_publication p""",
    judged=False,
)

#: Not the address: it may hold a password, and only superusers may read it.
SUBSCRIPTIONS = ObjectKind(
    "subscriptions",
    """
select {database}, s.subname::text, case when s.subenabled then 'enabled' else 'disabled' end
         || ', of ' || array_to_string(s.subpublications, ', ')
  from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = current_database()""",
    judged=False,
)

KINDS = (
    ENUMS, DOMAINS, TYPES, VIEWS, MATERIALIZED_VIEWS, FOREIGN_TABLES, TRIGGER_FUNCTIONS, FUNCTIONS,
    EXTENSIONS, SETTINGS, OWNERS, GRANTS, PUBLICATIONS, SUBSCRIPTIONS,
)  # fmt: skip
