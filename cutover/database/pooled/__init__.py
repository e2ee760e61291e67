"""Django's backend for PostgreSQL, with connections that stay from one request to the next."""
