"""`./panel chaos`: a panel of its own, real work, random faults, and a judge outside of it.

Exit code 0 when no property was violated, 1 with a list of violations otherwise. In a control run
(``--without GUARD``) the panel lacks that guard, and the run has to find the violation that this allows.
"""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Sequence

from tests.chaos.guards import GUARDS
from tests.chaos.surroundings import Surroundings


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The options of `./panel chaos`."""
    parser = argparse.ArgumentParser("panel chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long faults are made (default 2)")
    parser.add_argument("--seed", default="", help="of the faults and of what people do; default: a new one")
    names = ", ".join(sorted(GUARDS))
    parser.add_argument(
        "--without", action="append", choices=sorted(GUARDS), default=[], metavar="GUARD",
        help=f"a control run: the panel lacks this guard; may be repeated. There are: {names}",
    )  # fmt: skip
    parser.add_argument("--no-prisma", action="store_true", help="leaves `prisma migrate deploy` out")
    parser.add_argument(
        "--no-network", action="store_true",
        help="cuts hosts off by proxies, as where the kernel allows no network namespaces",
    )  # fmt: skip
    parser.add_argument(
        "--drill", action="append", choices=sorted(GUARDS), default=[], metavar="GUARD",
        help="no random faults, only what the control of this guard does, with the guard in place",
    )  # fmt: skip
    parser.add_argument("--tables", metavar="FILE", help="a pg_dump of the tables, for a quicker start")
    parser.add_argument("--keep", action="store_true", help="keeps the folder with logs and journals")
    return parser.parse_args(argv)


def say(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)


def main(argv: Sequence[str]) -> int:
    """Runs it; gives the exit code."""
    options = arguments(argv)
    options.seed = options.seed or secrets.token_hex(4)
    is_drill = bool(options.without or options.drill)
    around = Surroundings(
        with_prisma=not options.no_prisma and not is_drill, with_network=not options.no_network
    )
    say(f"Folder of this run: {around.folder}")
    try:
        around.start()
        os.environ.update(around.environment)
        # Django reads the environment, so nothing of the panel is imported before.
        import django

        django.setup()
        from tests.chaos.night import play

        return play(around, options, say)
    finally:
        around.stop(keep=options.keep)
        if options.keep:
            say(f"Logs and journals: {around.folder}")
