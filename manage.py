#!/usr/bin/env python
"""Django's command line for the panel; `./panel manage …` calls it inside the right environment."""

import sys

from cutover.commandline import main

if __name__ == "__main__":
    main(sys.argv)
