#!/usr/bin/env python
"""Django's command line for the panel; `./panel manage …` calls it inside the right environment."""

import sys

from cutover.commandline import main
from integrations.redact.process_output import mask_standard_streams

if __name__ == "__main__":
    mask_standard_streams()
    main(sys.argv)
