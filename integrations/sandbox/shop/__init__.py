"""A small shop on MariaDB for the second example runbook: two servers, a database, an application."""
