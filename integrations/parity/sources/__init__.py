"""Databases of other kinds (MariaDB, MySQL, SQLite) as sources of a comparison whose target is PostgreSQL."""
