"""The sandbox's Prisma project with the real CLI and its old database, as tests of actions have them."""

from __future__ import annotations

from tests.integrations.actions.conftest import (
    databases,
    installed_project,
    old_database,
    old_template,
    project,
)

__all__ = ["databases", "installed_project", "old_database", "old_template", "project"]
