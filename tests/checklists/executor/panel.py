"""``manage.py`` with the tests' actions in the registry: how tests start real panel processes."""

import sys

import django
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    django.setup()
    from integrations.actions import registry
    from tests.checklists import sample_checks  # noqa: F401  # registers them
    from tests.checklists.executor.actions import ACTIONS

    registry().update(ACTIONS)
    execute_from_command_line(sys.argv)
