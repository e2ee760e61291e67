"""The Django app of the panel's own database. It brings `migrate` under the owner role."""

from django.apps import AppConfig


class DatabaseConfig(AppConfig):
    """No models: only the management commands `migrate` and `database_roles`."""

    name = "cutover.database"
    label = "panel_database"
