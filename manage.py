#!/usr/bin/env python
"""Django's command line for the panel; `./panel manage …` calls it inside the right environment."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cutover.settings")
    execute_from_command_line(sys.argv)
