"""What a server must have before a backup can be restored there: extensions, roles, and rights."""

from __future__ import annotations

from typing import TypedDict

from integrations.clients.postgres import Connection

NEEDS = """
select
  (select coalesce(array_agg(extname::text order by 1), '{}') from pg_extension where extname <> 'plpgsql'),
  (select coalesce(array_agg(distinct rolname::text), '{}') from pg_policy p, unnest(p.polroles) used
   join pg_roles on pg_roles.oid = used),
  (select coalesce(array_agg(subname::text order by 1), '{}') from pg_subscription
   where subdbid = (select oid from pg_database where datname = current_database())),
  (select coalesce(array_agg(evtname::text order by 1), '{}') from pg_event_trigger e
   where not exists (select from pg_depend d where d.objid = e.oid and d.deptype = 'e'))
"""
LACKS = """
select
  (select coalesce(array_agg(name), '{}') from unnest(%(extensions)s::text[]) name
   where name not in (select name from pg_available_extensions)),
  (select coalesce(array_agg(name), '{}') from unnest(%(roles)s::text[]) name
   where name not in (select rolname from pg_roles)),
  (select coalesce(array_agg(distinct a.name::text), '{}') from pg_available_extension_versions a
   join pg_available_extensions b on b.name = a.name and b.default_version = a.version
   where a.name = any(%(extensions)s::text[]) and a.superuser and not a.trusted),
  (select rolsuper from pg_roles where rolname = current_user)
"""


class RestoreNeeds(TypedDict):
    """What the source has that a restore needs or leaves out, by name.

    ``roles``: those that policies name, which no option of pg_restore leaves out. ``subscriptions`` are never
    restored. ``event_triggers`` need a superuser.
    """

    extensions: list[str]
    roles: list[str]
    subscriptions: list[str]
    event_triggers: list[str]


def read_needs(source: Connection) -> RestoreNeeds:
    """Reads them from the database itself."""
    row = source.execute(NEEDS).fetchone()
    assert row is not None
    return {"extensions": row[0], "roles": row[1], "subscriptions": row[2], "event_triggers": row[3]}


class PlaceLacks(TypedDict):
    """Sentences: what is ``missing`` at the place for certain, and what its login ``may_lack``.

    Providers give rights in ways of their own, so the latter is not certain.
    """

    missing: list[str]
    may_lack: list[str]


def find_lacks(needs: RestoreNeeds, place: Connection) -> PlaceLacks:
    """Compares the needs with a server, whose login will restore."""
    row = place.execute(
        LACKS, {"extensions": list(needs["extensions"]), "roles": list(needs["roles"])}
    ).fetchone()
    assert row is not None
    extensions, roles, restricted, superuser = row
    missing = []
    if extensions:
        missing.append(
            f"It lacks the extension(s) {', '.join(sorted(extensions))}: install them there, or name another "
            "server."
        )
    if roles:
        missing.append(
            f"It lacks the role(s) {', '.join(sorted(roles))}, which policies name: CREATE ROLE … NOLOGIN "
            "there."
        )
    return {"missing": missing, "may_lack": [] if superuser else _describe_rights(needs, restricted)}


def _describe_rights(needs: RestoreNeeds, restricted: list[str]) -> list[str]:
    parts = []
    if restricted:
        parts.append(f"to create the extension(s) {', '.join(sorted(restricted))}")
    if needs["event_triggers"]:
        parts.append(f"to create the event trigger(s) {', '.join(needs['event_triggers'])}")
    return [f"Its login is no superuser and may lack the right {' and '.join(parts)}."] if parts else []
