"""The four logins of the environment: the old application, the migrator, the new API, and a reader."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import psycopg
from psycopg import sql

APPLICATION, MIGRATOR, API, READER = "legacy_app", "migrator", "covenant_api", "panel_reader"
ROLES = (APPLICATION, MIGRATOR, API, READER)

Connection = psycopg.Connection[tuple[object, ...]]


def make_roles(admin: Connection, passwords: Mapping[str, str], may_log_in: Collection[str] = ROLES) -> None:
    """Makes the roles, or gives those that are there these passwords.

    The migrator may freeze the old application: PostgreSQL 16 asks for CREATEROLE and the ADMIN option
    on its role to alter it, and for membership to end its sessions. What it makes, it owns; what the
    application owns, it may alter as its member.
    """
    for role in ROLES:
        known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        admin.execute(
            sql.SQL("{} ROLE {} {} PASSWORD {}").format(
                sql.SQL("ALTER" if known else "CREATE"),
                sql.Identifier(role),
                sql.SQL("LOGIN" if role in may_log_in else "NOLOGIN"),
                sql.Literal(passwords[role]),
            )
        )
    admin.execute(f"ALTER ROLE {MIGRATOR} CREATEROLE CREATEDB")
    options = (
        "WITH ADMIN TRUE, INHERIT TRUE, SET TRUE"
        if admin.info.server_version >= 160000
        else "WITH ADMIN OPTION"
    )
    admin.execute(f"GRANT {APPLICATION} TO {MIGRATOR} {options}")
    admin.execute(f"GRANT pg_signal_backend TO {MIGRATOR}")


def grant(connection: Connection, database: str) -> None:
    """Lets each login do in this database what it is for, with tables that are yet to be made as well."""
    name = sql.Identifier(database)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role in ROLES:
        connection.execute(
            sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(name, sql.Identifier(role))
        )
    connection.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {APPLICATION}, {MIGRATOR}")
    connection.execute(f"GRANT USAGE ON SCHEMA public TO {API}, {READER}")
    for owner in (APPLICATION, MIGRATOR):
        for kind, role, rights in (
            ("TABLES", API, "SELECT, INSERT, UPDATE, DELETE"),
            ("SEQUENCES", API, "USAGE, SELECT"),
            ("TABLES", READER, "SELECT"),
            ("SEQUENCES", READER, "SELECT"),
        ):
            connection.execute(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
                f" GRANT {rights} ON {kind} TO {role}"
            )
