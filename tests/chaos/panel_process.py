"""``manage.py`` of the panel under chaos: ``python -m tests.chaos.panel_process GUARDS COMMAND …``.

GUARDS are those that a control run takes away, separated by commas, or ``none``.
"""

import sys

if __name__ == "__main__":
    from tests.chaos import guards

    if sys.argv[1] != "none":
        for name in sys.argv[1].split(","):
            guards.take_away(name)
    import django
    from django.core.management import execute_from_command_line

    django.setup()
    execute_from_command_line(["manage.py", *sys.argv[2:]])
