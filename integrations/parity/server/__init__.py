"""Reads one PostgreSQL server: snapshot, catalog, identity, encodings, table sizes, errors."""
